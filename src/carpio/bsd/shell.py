"""Lines of sh(1) as far as they need no shell: words, quotes, comments, continued lines.

What would need one (expansions, several commands on a line) is told, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Statement", "Word", "statements", "words_of"]

_OPERATORS: Final = frozenset(";&|()<>")
_ESCAPABLE_IN_QUOTES: Final = frozenset('$`"\\')
_EXPANDING: Final = frozenset("$`")


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes."""

    text: str
    expands: bool
    """Whether a shell would put something else in it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One line, with those that continue it; `line` is the number of its first."""

    line: int
    words: tuple[Word, ...]
    problem: str = ""
    """Why these are not all the words, or not only words."""


def words_of(statement: Statement) -> list[str] | str:
    """Return the words of a statement that needs no shell, or why it needs one."""
    if statement.problem:
        return statement.problem
    if any(word.expands for word in statement.words):
        return "has $ or ` outside of single quotes, which only a shell can replace"
    return [word.text for word in statement.words]


def statements(text: str) -> Iterator[Statement]:
    """Yield the lines of a script that are not empty."""
    lexer = _Lexer(text.replace("\r\n", "\n"))
    while (statement := lexer.next_statement()) is not None:
        if statement.words or statement.problem:
            yield statement


class _Lexer:
    """Reads a text from its beginning."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def next_statement(self) -> Statement | None:
        """Read one line, or return None at the end of the text."""
        if self._at >= len(self._text):
            return None
        line, words, problem = self._line, list[Word](), ""
        while (character := self._peek()) not in ("", "\n"):
            if character in " \t":
                self._next()
            elif character == "\\" and self._text[self._at : self._at + 2] == "\\\n":
                self._skip(2)
            elif character == "#":
                while self._peek() not in ("", "\n"):
                    self._next()
            elif character in _OPERATORS:
                problem = problem or f"has {character} outside of quotes, which only a shell reads"
                self._next()
            else:
                word, open_quote = self._word()
                words.append(word)
                problem = problem or open_quote
        self._next()
        return Statement(line, tuple(words), problem)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        self._line += character == "\n"
        return character

    def _skip(self, count: int) -> None:
        for _ in range(count):
            self._next()

    def _word(self) -> tuple[Word, str]:
        """Read one word; return it, and what is wrong with its quotes."""
        parts: list[str] = []
        expands, problem = False, ""
        while (character := self._peek()) and character not in " \t\n" + "".join(_OPERATORS):
            self._next()
            match character:
                case "'":
                    end = self._text.find("'", self._at)
                    problem = "" if end >= 0 else "a quote is not closed"
                    quoted = self._text[self._at : end if end >= 0 else None]
                    self._skip(len(quoted) + 1)
                    parts.append(quoted)
                case '"':
                    quoted, more, problem = self._in_double_quotes()
                    parts.append(quoted)
                    expands = expands or more
                case "\\":
                    escaped = self._next()
                    parts.append("" if escaped == "\n" else escaped)
                case _:
                    parts.append(character)
                    expands = expands or character in _EXPANDING
            if problem:
                break
        return Word("".join(parts), expands), problem

    def _in_double_quotes(self) -> tuple[str, bool, str]:
        parts: list[str] = []
        expands = False
        while (character := self._next()) != '"':
            if not character:
                return "".join(parts), expands, "a quote is not closed"
            if character == "\\" and self._peek() == "\n":
                self._next()
            elif character == "\\" and self._peek() in _ESCAPABLE_IN_QUOTES:
                parts.append(self._next())
            else:
                parts.append(character)
                expands = expands or character in _EXPANDING
        return "".join(parts), expands, ""
