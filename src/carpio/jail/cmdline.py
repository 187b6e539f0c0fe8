"""The command line of jail(8): which of its forms it is, or a usage error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from carpio.bsd.options import OptionError, parse_options
from carpio.jail.parameters import base_name
from carpio.jail.resolve import Jail, Setting

__all__ = [
    "DEFAULT_FILE",
    "USAGE",
    "Form",
    "FromFile",
    "FromWords",
    "List",
    "Options",
    "Remove",
    "parse_form",
]

DEFAULT_FILE: Final = "/etc/jail.conf"
USAGE: Final = """\
usage: jail [-cm] [-Cdqv] [-f file] [-p limit] [jail]
       jail -r [-Cqv] [-f file] [-p limit] [* | jail ...]
       jail [-cm] [-dhilqv] [-J file] [-u user | -U user] name=value ... [command=word word ...]
       jail -R [-qv] [* | jail ...]
       jail [-f file] -e separator
       jail [-dhilqv] [-J file] [-u user | -U user] [-n name] [-s securelevel]
            path hostname ip[,ip] command ..."""

_SWITCHES: Final = "cCdhilmqrRv"
_VALUED: Final = "efJnpsuU"
_OPERATIONS: Final = frozenset("cmrR")
_OF_ONE_JAIL: Final = frozenset("hlnsuU")
"""Options that set a parameter of the jail on the command line."""
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is common to forms that do something."""

    is_quiet: bool = False
    is_verbose: bool = False
    prints_jids: bool = False
    limit: int = 0
    """Commands at once; 0: any number."""
    cleans: bool = False
    """Whether to clean up after jails that are gone."""
    record_file: str | None = None
    """Where to write a line for each jail that was created."""
    allows_dying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """Print the jails of a file."""

    file: str
    separator: str
    is_quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FromFile:
    """Create, modify or restart what a file says, or one jail of it."""

    operations: str
    """Letters of c, m, r in this order; empty: to clean up alone."""
    file: str
    jail: str | None
    options: Options = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class FromWords:
    """Create, modify or restart the jail that the command line describes."""

    operations: str
    jail: Jail = field(repr=False)
    options: Options = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove jails, with their commands unless `is_at_once`."""

    jails: tuple[str, ...]
    is_at_once: bool
    file: str | None = None
    """None: the usual one, if there is any."""
    options: Options = Options()


Form: TypeAlias = List | FromFile | FromWords | Remove


def parse_form(argv: Sequence[str]) -> Form:
    """Return what is asked for. Raises OptionError; its text may be empty, for the usage alone."""
    found, words = parse_options(argv, switches=_SWITCHES, valued=_VALUED)
    letters = {letter for letter, _ in found}
    last = dict(found)
    operations = "".join(sorted(letters & _OPERATIONS))
    if not _NUMBER.fullmatch(last.get("p", "0")):
        raise OptionError("-p: not a number")
    if {"u", "U"} <= letters:
        raise OptionError("-u and -U exclude each other")
    if "e" in letters:
        _require(letters <= set("efqv") and not words)
        return List(file=last.get("f", DEFAULT_FILE), separator=last["e"], is_quiet="q" in letters)
    options = _options(letters, last)
    if not operations and "C" not in letters:
        _require(len(words) >= 4 and words[0].startswith("/"))
        settings = [*_of_options(found), *_of_old_form(words)]
        return FromWords(operations="c", jail=_jail(settings), options=options)
    if operations in ("r", "R", "Rr"):
        is_at_once = "R" in operations
        _require(bool(words) and not letters & _OF_ONE_JAIL)
        _require(is_at_once or not any("=" in word for word in words))
        return Remove(
            jails=tuple(words), is_at_once=is_at_once, file=last.get("f"), options=options
        )
    _require("R" not in operations)
    if operations and (len(words) > 1 or any("=" in word for word in words)):
        settings = [*_of_options(found), *_of_words(words)]
        return FromWords(operations=operations, jail=_jail(settings), options=options)
    _require(len(words) < 2 and not letters & _OF_ONE_JAIL)
    return FromFile(
        operations=operations,
        file=last.get("f", DEFAULT_FILE),
        jail=words[0] if words else None,
        options=options,
    )


def _options(letters: Set[str], last: Mapping[str, str]) -> Options:
    return Options(
        is_quiet="q" in letters,
        is_verbose="v" in letters,
        prints_jids="i" in letters,
        limit=int(last.get("p", "0")),
        cleans="C" in letters,
        record_file=last.get("J"),
        allows_dying="d" in letters,
    )


def _require(condition: bool) -> None:
    if not condition:
        raise OptionError


# -- parameters --------------------------------------------------------------------------------


def _jail(settings: Sequence[Setting]) -> Jail:
    """Return a jail without a name; values of one parameter come together."""
    merged: dict[str, Setting] = {}
    for setting in settings:
        key = base_name(setting.name)
        before = merged[key].values if key in merged and setting.values else ()
        merged[key] = Setting(setting.name, (*before, *setting.values))
    return Jail(name="", settings=tuple(merged.values()))


def _of_options(found: Sequence[tuple[str, str]]) -> Iterator[Setting]:
    for letter, value in found:
        match letter:
            case "h":
                yield Setting("ip_hostname", ())
            case "l":
                yield Setting("exec.clean", ())
            case "n":
                yield Setting("name", (value,))
            case "s":
                yield Setting("securelevel", (value,))
            case "u" | "U":
                yield Setting("exec.jail_user", (value,))
                yield Setting("exec.system_jail_user", () if letter == "u" else ("false",))
            case _:
                pass


def _of_words(words: Sequence[str]) -> Iterator[Setting]:
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "command":
            yield Setting(name, (*([value] if equals else ()), *words[place + 1 :]))
            return
        if name in ("ip4.addr", "ip6.addr") and equals:
            yield Setting(name, tuple(value.split(",")))
        else:
            yield Setting(name, (value,) if equals else ())


def _of_old_form(words: Sequence[str]) -> Iterator[Setting]:
    path, hostname, addresses, *command = words
    yield Setting("path", (path,))
    yield Setting("host.hostname", (hostname,))
    for address in addresses.split(",") if addresses else ():
        yield Setting("ip6.addr" if ":" in address else "ip4.addr", (address,))
    yield Setting("command", tuple(command))
