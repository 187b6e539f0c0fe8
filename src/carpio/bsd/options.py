"""Options as getopt(3) of the BSDs reads them: they end at the first word without a dash."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["OptionError", "parse_options"]


class OptionError(Exception):
    """An option that does not exist, or one without its value; the text is getopt's."""


def parse_options(
    words: Sequence[str], *, switches: str, valued: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return (letter, value) of each option in order, and the words after them.

    The value of a switch is empty. Raises OptionError.
    """
    rest = list(words)
    found: list[tuple[str, str]] = []
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in switches:
                found.append((letter, ""))
            elif letter not in valued:
                raise OptionError(f"illegal option -- {letter}")
            elif letters or rest:
                found.append((letter, letters or rest.pop(0)))
                letters = ""
            else:
                raise OptionError(f"option requires an argument -- {letter}")
    return found, rest
