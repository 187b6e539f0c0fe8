"""Files of ifconfig lines: each line becomes a change, and all problems are told together."""

from __future__ import annotations

from collections.abc import Sequence

from carpio.bsd.addresses import Resolve
from carpio.bsd.keywords import FAMILIES
from carpio.bsd.messages import IfconfigError
from carpio.bsd.shell import statements, words_of
from carpio.bsd.words import Change, PlacedChange, parse_change
from carpio.errors import ConfigError

__all__ = ["change_of", "parse_lines", "without_command"]


def parse_lines(text: str, name: str, resolve: Resolve) -> list[PlacedChange]:
    """Return the changes of all lines of a file. Raises ConfigError with all problems."""
    changes: list[PlacedChange] = []
    problems: list[str] = []
    for statement in statements(text):
        place = f"{name}:{statement.line}"
        words = words_of(statement)
        try:
            if isinstance(words, str):
                raise IfconfigError(words)
            changes.append(PlacedChange(place, change_of(without_command(words), resolve)))
        except IfconfigError as error:
            problems.append(f"{place}: {error}")
    if problems:
        raise ConfigError(problems)
    return changes


def without_command(words: Sequence[str]) -> list[str]:
    """Return the words of an ifconfig line without a leading `ifconfig`, with or without path."""
    is_named = bool(words) and words[0].rpartition("/")[2] == "ifconfig"
    return list(words[1:] if is_named else words)


def change_of(words: Sequence[str], resolve: Resolve) -> Change:
    """Return what the words of one line change. Raises IfconfigError."""
    if not words:
        raise IfconfigError("no interface is named")
    interface, *rest = words
    if interface.startswith("-"):
        raise IfconfigError("options are for the command line, not for lines of a file")
    if not rest or (len(rest) == 1 and rest[0] in FAMILIES):
        raise IfconfigError("nothing to change: a file cannot show interfaces")
    return parse_change(interface, rest, resolve)
