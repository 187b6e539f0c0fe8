"""Runs of `jail` on a host on paper: what was typed, what was done and said, in order.

## a title                    a new host, with files of its own
@ jail.conf                   a file begins; without a name before the first `.` it is jail.conf
. www { persist; }            a line of the file
% address em0 10.0.0.1 vhid 1 what is there, or what will happen; see `FakeRun.prepare`
$ jail -f jail.conf -c www    a call; where the files are; several calls share the host
> create www                  something done; `  # fails` behind it when it fails
| www: created                a line of output
! jail: www: ...              a line of remarks
= 0                           the exit status
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.fake_jails import FakeJails

from carpio.bsd.options import OptionError
from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.command import run_on
from carpio.jail.ports import Ending, Outcome

__all__ = ["FakeRun", "Session", "read_sessions"]


@dataclass
class Session:
    """Calls on one host."""

    place: str
    title: str
    files: dict[str, str] = field(default_factory=dict)
    script: list[tuple[str, str]] = field(default_factory=list)
    """Marks with their texts, in order."""


class _Lines(io.TextIOBase):
    """A stream whose lines go to a list behind a mark."""

    def __init__(self, mark: str, lines: list[str]) -> None:
        self._mark, self._lines, self._rest = mark, lines, ""

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        self._lines += [f"{self._mark} {line}" for line in whole]
        return len(text)


@dataclass
class FakeRun:
    """A host on paper and the calls on it."""

    fake: FakeJails = field(default_factory=FakeJails)
    stdin: str = ""

    def jail(self, *argv: str) -> tuple[int, list[str]]:
        """Call the command; return its status, and all that was done and said."""
        self.fake.timeline.clear()
        out, err = _Lines("|", self.fake.timeline), _Lines("!", self.fake.timeline)
        world = World(
            stdin=io.StringIO(self.stdin),
            stdout=out,  # type: ignore[arg-type] # a text stream but for its encoding
            stderr=err,  # type: ignore[arg-type] # a text stream but for its encoding
            environ={},
            control=Path("none"),
            enter=_nowhere,
            start_daemon=lambda: None,
        )
        try:
            status = run_on(argv, world, lambda _world: self.fake.host())
        except (CarpioError, OptionError) as error:
            print(f"jail: {error}", file=world.stderr)
            status = 1
        return status, list(self.fake.timeline)

    def prepare(self, text: str) -> None:
        """Change the host as a line of a session says."""
        what, *words = shlex.split(text)
        fake = self.fake
        match what, words:
            case "address", [interface, address, *vhid]:
                fake.addresses[interface, address] = int(vhid[1]) if vhid else None
                fake.vhids |= {(interface, int(vhid[1]))} if vhid else set()
            case "refused", [operation]:
                fake.refused.add(operation)
            case "accepted", [operation]:
                fake.refused.discard(operation)
            case "signal", [command, number]:
                fake.outcomes[command] = Outcome(ending=Ending.SIGNALLED, number=int(number))
            case "status", [command, number]:
                fake.outcomes[command] = Outcome(ending=Ending.DONE, number=int(number))
            case "timeout", [command]:
                fake.outcomes[command] = Outcome(ending=Ending.TIMED_OUT)
            case "runs", [command, *call]:
                fake.effects[command] = lambda: fake.apply(call)
            case "processes", [jid, *pids]:
                fake.processes[int(jid)] = [int(pid) for pid in pids]
            case "unchangeable", [parameter]:
                fake.unchangeable.add(parameter)
            case "host", [name, *addresses]:
                found = [("inet6" if ":" in one else "inet", one) for one in addresses]
                fake.hosts[name] = found  # type: ignore[assignment] # texts that are families
            case "daemon", [state]:
                fake.has_daemon = state == "runs"
            case "ends", [name]:
                fake.end(name)
            case _:
                raise AssertionError(text)


def _nowhere(name: str) -> None:
    raise CarpioError(f'jail "{name}" not found')


def read_sessions(file: Path) -> Iterator[Session]:
    """Yield the sessions of a file."""
    current: Session | None = None
    name = "jail.conf"
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.startswith("## "):
            if current is not None:
                yield current
            current, name = Session(f"{file.name}:{number}", line[3:]), "jail.conf"
            continue
        if not line or line.startswith("# "):
            continue
        mark, text = line[:1], line[2:]
        assert current is not None, f"{file.name}:{number}"
        if mark == "@":
            name = text
        elif mark == ".":
            current.files[name] = current.files.get(name, "") + f"{text}\n"
        else:
            current.script.append((mark, text))
    if current is not None:
        yield current
