"""Transcripts of `jail` calls: the files there are, what was typed and what came back.

## slug: a title      the statement that is shown, of the table in tests/jail/test_command.py
@ jail.conf           a file begins; without a name before the first `.` it is jail.conf
. www { persist; }    a line of the file; of standard input after `@ -`
$ jail -e ' '         the call; where the files are
| text                a line of output
! text                a line of remarks
= 0                   the exit status; the end
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["JailTranscript", "read_jail_transcripts"]


@dataclass
class JailTranscript:
    """One call and what comes of it."""

    place: str
    statement: str
    title: str
    files: dict[str, str] = field(default_factory=dict)
    argv: list[str] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    status: int | None = None

    def take(self, mark: str, text: str) -> None:
        """Read one line of the transcript."""
        match mark:
            case "@":
                self.files[text] = ""
            case ".":
                name = next(reversed(self.files), "jail.conf")
                self.files[name] = self.files.get(name, "") + f"{text}\n"
            case "$":
                command, *self.argv = shlex.split(text)
                assert command == "jail", self.place
            case "|":
                self.stdout += f"{text}\n"
            case "!":
                self.stderr += f"{text}\n"
            case "=":
                self.status = int(text)
            case _:
                raise AssertionError(f"{self.place}: {mark} {text}")


def read_jail_transcripts(file: Path) -> Iterator[JailTranscript]:
    """Yield the transcripts of a file."""
    statement = title = ""
    current: JailTranscript | None = None
    for number, line in enumerate(file.read_text().splitlines(), 1):
        place = f"{file.name}:{number}"
        if line.startswith("## "):
            assert current is None, place
            statement, _, title = line[3:].partition(": ")
        elif line and not line.startswith("# "):
            current = current or JailTranscript(place, statement, title)
            current.take(line[:1], line[2:])
            if current.status is not None:
                yield current
                current = None
    assert current is None, f"{file.name}: ends within a transcript"
