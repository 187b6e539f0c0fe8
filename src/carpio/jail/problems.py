"""What is wrong with a file of jails, and what is only worth a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carpio.errors import CarpioError

__all__ = ["JailFileError", "Problem", "at_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to tell; `text` is the whole message and holds no passphrase."""

    file: str
    line: int
    """0 when it is about the file as a whole."""
    text: str


class JailFileError(CarpioError):
    """A file that gives no jails at all; `problems` has at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.text for problem in problems))
        self.problems = tuple(problems)


def at_line(file: str, line: int, text: str) -> Problem:
    """Return a problem whose message begins with its place."""
    return Problem(file=file, line=line, text=f"{file} line {line}: {text}")
