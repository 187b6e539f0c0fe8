"""What the words of a sysctl(8) call ask for, judged before anything is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from carpio.bsd.oids import NODES, Oid, below, find
from carpio.bsd.options import OptionError, parse_options
from carpio.bsd.sysctl_conf import lines_of, number_of, split
from carpio.bsd.sysctl_show import Style

__all__ = ["Options", "Set", "Show", "Task", "Wrong", "options_of", "tasks_of", "tasks_of_file"]

_SWITCHES: Final = "AabdehiNnoqtTwWxX"
_OPAQUE_TYPE: Final = 5
"""CTLTYPE_OPAQUE, which messages show as a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line."""

    style: Style
    all: bool
    ignores_unknown: bool
    is_quiet: bool
    file: str | None
    jail: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Show:
    """Show leaves; below a `node` that was named with -d, that first."""

    oids: tuple[Oid, ...]
    node: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """Give a leaf a value; `word` is how the user said it, `place` is empty or `FILE:LINE: `."""

    oid: Oid
    value: int
    word: str
    place: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A word that cannot be done; with an empty text nothing is said about it."""

    text: str
    is_change: bool


Task: TypeAlias = Show | Set | Wrong


def options_of(argv: Sequence[str]) -> Options:
    """Return what the command line says. Raises OptionError, without a text for mere usage."""
    found, words = parse_options(argv, switches=_SWITCHES, valued="fj")
    letters = {letter for letter, _ in found}
    values = dict(found)
    options = Options(
        style=Style(
            only_name="N" in letters,
            only_value="n" in letters,
            equals="e" in letters,
            with_doc="d" in letters,
            with_type="t" in letters,
            with_opaque=bool(letters & {"o", "A"}),
            in_hex=bool(letters & {"x", "X"}),
            is_raw="b" in letters,
            only_tunable="T" in letters,
            only_writable="W" in letters,
        ),
        all=bool(letters & {"a", "A", "X"}),
        ignores_unknown="i" in letters,
        is_quiet="q" in letters,
        file=values.get("f"),
        jail=values.get("j"),
        words=tuple(words),
    )
    if options.style.only_name and options.style.only_value:
        raise OptionError("")
    if not words and not options.all and options.file is None:
        raise OptionError("")
    if letters & {"T", "W"} and any(split(word)[1] is not None for word in words):
        raise OptionError("-T and -W only show")
    return options


def tasks_of(options: Options) -> list[Task]:
    """Return the tasks of the words. One wrong change among them, and no change is a task."""
    if not options.words:
        return [_show(below(""), options)] if options.all else []
    tasks = [task for word in options.words for task in _judged(word, "", options)]
    if not any(isinstance(task, Wrong) and task.is_change for task in tasks):
        return tasks
    kept: list[Task] = [task for task in tasks if not isinstance(task, Set)]
    for task in tasks:
        if isinstance(task, Set):
            kept.append(Wrong(f"{task.word}: not done", is_change=True))
    return kept


def tasks_of_file(text: str, options: Options) -> list[Task]:
    """Return the tasks of a sysctl.conf(5); there what is wrong does not hinder the others."""
    return [
        task
        for line in lines_of(text)
        for task in _judged(line.text, f"{options.file}:{line.number}: ", options)
    ]


def _judged(word: str, place: str, options: Options) -> Iterable[Task]:
    """Yield what a word asks for: one task, or none when it may be ignored."""
    name, text = split(word)
    is_change = text is not None and not options.style.with_doc
    oid = find(name)

    def wrong(reason: str) -> Wrong:
        return Wrong(place + reason, is_change)

    if oid is None and name not in NODES:
        if not options.ignores_unknown:
            reason = f"unknown oid '{name}'"
            yield Wrong("", is_change) if options.is_quiet else wrong(reason)
    elif text is None or not is_change:
        node = name if oid is None and options.style.with_doc else ""
        yield _show([oid] if oid is not None else below(name), options, node)
    elif oid is None:
        yield wrong(f"oid '{name}' isn't a leaf node")
    elif not oid.is_writable:
        yield wrong(f"oid '{name}' is read only")
    else:
        value = number_of(text)
        reason = _why_not(oid, value, text, word)
        yield wrong(reason) if value is None or reason else Set(oid, value, word, place)


def _show(oids: Iterable[Oid], options: Options, node: str = "") -> Show:
    return Show(tuple(oid for oid in oids if options.style.wants(oid)), node)


def _why_not(oid: Oid, value: int | None, text: str, word: str) -> str:
    """Return why a leaf cannot have that value, or nothing."""
    if oid.kind == "opaque" and value != 0:
        return f"oid '{oid.name}' is type {_OPAQUE_TYPE}, cannot set that"
    if not text:
        return "empty numeric value"
    if value is None:
        return f"invalid integer '{text}'"
    if not oid.limits[0] <= value <= oid.limits[1]:
        return f"{word}: {os.strerror(errno.EINVAL)}"
    return ""
