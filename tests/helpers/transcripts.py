"""Transcripts of ifconfig calls: what was typed, what was asked for and what came back.

## a title
$ ifconfig em0 up           the call; also `carpio ifconfig -F -`
% IFCONFIG_FORMAT=cidr      a variable
. em0 up                    a line of standard input
< EEXIST 0.1 text           the daemon refuses step 1 of line 0
< not permitted             the daemon lets the caller change nothing
< no daemon                 nobody answers
> em0                       a line of the request begins: its interface
+ link {"up": true}         a step; what is not told has its default
? network                   another request, before it
| text                      a line of output
! text                      a line of remarks
= 0                         the exit status; the end
"""

from __future__ import annotations

import errno
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from carpio.control.network import Line

__all__ = ["Transcript", "read_transcripts"]


@dataclass
class Transcript:
    """One call and what comes of it."""

    place: str
    title: str
    argv: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    refusal: bytes | None = None
    has_daemon: bool = True
    lines: list[Line] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Methods of other requests."""
    stdout: str = ""
    stderr: str = ""
    status: int | None = None

    def take(self, mark: str, text: str) -> None:
        """Read one line of the transcript."""
        match mark:
            case "%":
                name, _, value = text.partition("=")
                self.environ[name] = value
            case ".":
                self.stdin += f"{text}\n"
            case "<":
                self._take_answer(text)
            case ">":
                self.lines.append(Line(text, []))
            case "+":
                do, _, rest = text.partition(" ")
                raw = {"do": do, **msgspec.json.decode(rest or "{}")}
                line = msgspec.convert({"interface": "x", "steps": [raw]}, Line)
                self.lines[-1].steps.append(line.steps[0])
            case "?":
                self.others.append(text)
            case "|":
                self.stdout += f"{text}\n"
            case "!":
                self.stderr += f"{text}\n"
            case "=":
                self.status = int(text)
            case _:
                raise AssertionError(f"{self.place}: {mark} {text}")

    def _take_answer(self, text: str) -> None:
        if text == "no daemon":
            self.has_daemon = False
            return
        error: dict[str, Any] = {"code": 5, "message": "changing this needs CAP_NET_ADMIN"}
        if text != "not permitted":
            name, place, message = text.split(" ", 2)
            line, step = place.split(".")
            number = getattr(errno, name)
            where = {"line": int(line), "step": int(step), "errno": number}
            error = {"code": 1, "message": message, **where}
        self.refusal = msgspec.json.encode(error)


def read_transcripts(file: Path) -> Iterator[Transcript]:
    """Yield the transcripts of a file."""
    title = ""
    current: Transcript | None = None
    for number, line in enumerate(file.read_text().splitlines(), 1):
        mark, text = line[:1], line[2:]
        if not line or line.startswith("# "):
            continue
        if line.startswith("## "):
            title = line[3:]
        elif mark == "$":
            assert current is None or current.status is not None, f"{file.name}:{number}"
            argv = shlex.split(text)
            argv = argv[argv.index("ifconfig") + 1 :]
            current = Transcript(f"{file.name}:{number}", title, argv)
        else:
            assert current is not None, f"{file.name}:{number}"
            current.take(mark, text)
            if mark == "=":
                yield current
