"""What is wrong with a configuration, where, and what to do: gathered, then told together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Place", "Problem", "Problems", "in_reading_order", "printable"]


def printable(text: str) -> str:
    """Return it with what is not for people, which names and keys can have, as `\\n` or `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class Place:
    """A key in a file; `line` counts from 1 and is None where no line can be named."""

    file: Path
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}" if self.key else where


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding; prints as `file:line: key: what; remedy`."""

    place: Place
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.what}"
        return printable(f"{text}; {self.remedy}" if self.remedy else text)


@dataclass(slots=True)
class Problems:
    """The findings of one load: errors make the configuration unusable, warnings do not."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, place: Place, what: str, remedy: str = "") -> None:
        """Note something that must be changed."""
        self.errors.append(Problem(place, what, remedy))

    def warn(self, place: Place, what: str, remedy: str = "") -> None:
        """Note something that works but is probably not what was meant."""
        self.warnings.append(Problem(place, what, remedy))


def in_reading_order(problems: list[Problem]) -> tuple[str, ...]:
    """Return the lines of `problems`, file by file as first seen, each from top to bottom."""
    files = list(dict.fromkeys(problem.place.file for problem in problems))
    ordered = sorted(
        problems, key=lambda found: (files.index(found.place.file), found.place.line or 0)
    )
    return tuple(dict.fromkeys(str(problem) for problem in ordered))
