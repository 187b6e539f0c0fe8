"""Jails on paper, and transcripts of `jls` calls about them.

## a title            a new host, without jails
@ jid=1 name=www      a jail by the words of `jail -c`
~ jid=2 name=db       one that is gone, with something left of it
$ jls -N              a call
| text                a line of output
! text                a line of remarks
= 0                   the exit status; the end of the call
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from carpio.jail.cmdline import FromWords, parse_form
from carpio.jail.judge import Judged, judge
from carpio.jail.ports import Holder, Record

__all__ = ["JlsTranscript", "PaperRegistry", "judged_words", "read_jls_transcripts", "record_of"]


class PaperRegistry:
    """Knows the records that it was given."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = sorted(records, key=lambda record: record.jid)

    def locked(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def records(self) -> Iterator[Record]:
        """Return all of them by jid."""
        return iter(self._records)

    def find(self, name_or_jid: str) -> Record | None:
        """Return one by name or jid."""
        return next((r for r in self._records if name_or_jid in (r.name, str(r.jid))), None)

    def reserve(self, name: str, jid: int | None, path: str) -> Record:
        """Never called."""
        raise AssertionError

    def put(self, record: Record) -> None:
        """Never called."""
        raise AssertionError

    def drop(self, record: Record) -> None:
        """Never called."""
        raise AssertionError


def judged_words(words: Sequence[str]) -> Judged:
    """Return what words of `jail -c` mean."""
    form = parse_form(["-c", *words])
    assert isinstance(form, FromWords)
    return judge(form.jail)


def record_of(words: Sequence[str], *, is_alive: bool = True) -> Record:
    """Return a jail that was made by these words, with jid."""
    judged = judged_words(words)
    assert not judged.problems, judged.problems
    jid = judged.values["jid"]
    assert isinstance(jid, int)
    return Record(
        jid=jid,
        name=str(judged.values.get("name", jid)),
        path=str(judged.values.get("path", "/")),
        values=judged.values,
        holder=Holder(pid=4000 + jid, started=1) if is_alive else None,
        is_persistent=judged.values.get("persist") is True,
    )


@dataclass
class JlsTranscript:
    """One call and what comes of it."""

    place: str
    title: str
    records: list[Record]
    argv: list[str]
    stdout: str = ""
    stderr: str = ""
    status: int | None = None


@dataclass
class _Reader:
    title: str = ""
    records: list[Record] = field(default_factory=list)
    current: JlsTranscript | None = None

    def take(self, place: str, mark: str, text: str) -> JlsTranscript | None:
        """Read a line; return the call that it ends."""
        if mark in "@~":
            self.records.append(record_of(shlex.split(text), is_alive=mark == "@"))
            return None
        if mark == "$":
            command, *argv = shlex.split(text)
            assert command == "jls", place
            assert self.current is None, place
            self.current = JlsTranscript(place, self.title, list(self.records), argv)
            return None
        call = self.current
        assert call is not None, place
        match mark:
            case "|":
                call.stdout += f"{text}\n"
            case "!":
                call.stderr += f"{text}\n"
            case "=":
                call.status, self.current = int(text), None
                return call
            case _:
                raise AssertionError(f"{place}: {mark} {text}")
        return None


def read_jls_transcripts(file: Path) -> Iterator[JlsTranscript]:
    """Yield the calls of a file."""
    reader = _Reader()
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.startswith("## "):
            assert reader.current is None, f"{file.name}:{number}"
            reader = _Reader(title=line[3:])
        elif line and not line.startswith("# "):
            done = reader.take(f"{file.name}:{number}", line[:1], line[2:])
            if done is not None:
                yield done
    assert reader.current is None, f"{file.name}: ends within a call"
