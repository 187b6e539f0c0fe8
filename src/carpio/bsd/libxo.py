"""The argument of libxo, which many commands of FreeBSD take: `--libxo json,pretty`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from carpio.bsd.options import OptionError

__all__ = ["Style", "take_style"]

_ENCODINGS: Final = frozenset({"json", "xml", "text"})
_LETTERS: Final[Mapping[str, str]] = {"J": "json", "X": "xml", "T": "text", "P": "pretty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How output is encoded."""

    encoding: str = "text"
    is_pretty: bool = False


def take_style(argv: Sequence[str]) -> tuple[list[str], Style]:
    """Return the words without those of libxo, wherever they were, and what they ask for.

    The forms are `--libxo STYLES`, `--libxo=STYLES` and `--libxo:LETTERS`. Raises OptionError.
    """
    words, style = list(argv), Style()
    while places := [i for i, word in enumerate(words) if word.startswith("--libxo")]:
        given = words.pop(places[0]).removeprefix("--libxo")
        if not given:
            if places[0] >= len(words):
                raise OptionError("missing libxo option")
            given = f"={words.pop(places[0])}"
        for name in _names(given):
            if name in _ENCODINGS:
                style = replace(style, encoding=name)
            elif name == "pretty":
                style = replace(style, is_pretty=True)
            else:
                raise OptionError(f"--libxo: {name}: not known here")
    return words, style


def _names(given: str) -> list[str]:
    match given[0]:
        case "=":
            return given[1:].split(",")
        case ":":
            return [_LETTERS.get(letter, letter) for letter in given[1:]]
        case _:
            raise OptionError(f"illegal option -- --libxo{given}")
