"""jail.conf(5) as words and marks: quotes, escapes, comments, variables, and what is glued.

Pieces of text that touch each other are one word. Variables stay what they are: they get their
values for each jail anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique
from itertools import groupby
from typing import Final, TypeAlias

from carpio.jail.problems import JailFileError, Problem, at_line

__all__ = ["Kind", "Lexer", "Piece", "Token", "Value", "Variable"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a word where the value of a variable or parameter comes."""

    name: str


Piece: TypeAlias = str | Variable
Value: TypeAlias = tuple[Piece, ...]
"""One word: at least one piece, no two texts beside each other, no empty text beside another."""


@unique
class Kind(Enum):
    """What a token is; marks have themselves as values."""

    WORD = "word"
    OPEN = "{"
    CLOSE = "}"
    COMMA = ","
    SEMICOLON = ";"
    SET = "="
    APPEND = "+="
    STRAY = "a character that means nothing"
    END = "the end of the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word or a mark, with the line where it begins."""

    kind: Kind
    line: int
    shown: str = ""
    """As it stands in the file, for messages; of a word only the first piece."""
    value: Value = ()
    """Of a word."""

    @property
    def text(self) -> str | None:
        """The text of a word without variables."""
        match self.value:
            case (str(text),):
                return text
            case _:
                return None


_BLANK: Final = re.compile(r"[ \t\r\n]+")
_LINE_COMMENT: Final = re.compile(r"(?:#|//)[^\n]*")
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_MARK: Final = re.compile(r"\+=|[,;={}]")
_BARE: Final = re.compile(r"[A-Za-z0-9_!%&()\-.:<>?@\[\]^`|~]+")
_ESCAPE: Final = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_SINGLE_QUOTED: Final = re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL)
_PLAIN_IN_QUOTES: Final = re.compile(r'[^"\\$]+')
_VARIABLE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_BRACED: Final = re.compile(r"\$\{([^\n{}\\]*(?:\\.[^\n{}\\]*)*)\}", re.DOTALL)
_BRACED_IN_QUOTES: Final = re.compile(r'\$\{([^\n{}"\\]*(?:\\.[^\n{}"\\]*)*)\}', re.DOTALL)
_SINGLES: Final = "$*+/\\"
"""What stands for itself in a bare word when it begins nothing else."""
_CONTROLS: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\n": "",
}  # fmt: skip
_LONGEST_SHOWN: Final = 60


class Lexer:
    """Reads one text from its beginning. `warnings` grows while it reads."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._line = 1
        self.warnings: list[Problem] = []

    def next_token(self) -> Token:
        """Return the next token; at the end END, again and again. Raises JailFileError."""
        self._skip()
        line = self._line
        if self._at == len(self._text):
            return Token(kind=Kind.END, line=line)
        if mark := self._match(_MARK):
            return Token(kind=Kind(mark[0]), line=line, shown=mark[0])
        begin = self._at
        pieces: list[Piece] = []
        shown = ""
        while (piece := self._piece()) is not None:
            pieces += piece
            shown = shown or self._text[begin : self._at]
        if not pieces:
            self._at += 1
            return Token(kind=Kind.STRAY, line=line, shown=_shown(self._text[begin : self._at]))
        self._warn_of_comment()
        return Token(kind=Kind.WORD, line=line, shown=_shown(shown), value=self._value(pieces))

    # -- moving ------------------------------------------------------------------------------

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take what matches at this place."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            self._line += found[0].count("\n")
        return found

    def _looks_at(self, *beginnings: str) -> bool:
        return self._text.startswith(beginnings, self._at)

    def _error(self, text: str, line: int | None = None) -> JailFileError:
        return JailFileError([at_line(self._file, line or self._line, text)])

    def _skip(self) -> None:
        """Take blanks and comments. Raises JailFileError."""
        while self._match(_BLANK) or self._match(_LINE_COMMENT) or self._match(_COMMENT):
            pass
        if self._looks_at("/*"):
            raise self._error("unterminated comment")

    def _warn_of_comment(self) -> None:
        """Warn when a word just read ends because a comment is glued to it."""
        for beginning in ("//", "/*"):
            if self._looks_at(beginning):
                text = f'"{beginning}" begins a comment, also within a word; quote the word'
                self.warnings.append(at_line(self._file, self._line, text))

    # -- words -------------------------------------------------------------------------------

    def _piece(self) -> list[Piece] | None:
        """Take what belongs together at this place, or return None. Raises JailFileError."""
        if bare := self._match(_BARE):
            return [bare[0]]
        if self._looks_at("'"):
            quoted = self._match(_SINGLE_QUOTED)
            if quoted is None:
                raise self._error("unterminated string")
            return [_unescaped(quoted[1])]
        if self._looks_at('"'):
            return self._double_quoted()
        if self._looks_at("$"):
            return [self._dollar(_BRACED)]
        if escape := self._match(_ESCAPE):
            return [_unescaped(escape[0])]
        if self._looks_at("//", "/*", "+=") or not self._looks_at(*_SINGLES):
            return None
        self._at += 1
        return [self._text[self._at - 1]]

    def _double_quoted(self) -> list[Piece]:
        line = self._line
        pieces: list[Piece] = [""]
        self._at += 1
        while not self._looks_at('"'):
            if plain := self._match(_PLAIN_IN_QUOTES):
                pieces.append(plain[0])
            elif self._looks_at("$"):
                pieces.append(self._dollar(_BRACED_IN_QUOTES))
            elif escape := self._match(_ESCAPE):
                pieces.append(_unescaped(escape[0]))
            else:
                raise self._error("unterminated string", line)
        self._at += 1
        return pieces

    def _dollar(self, braced: re.Pattern[str]) -> Piece:
        """Take a variable, or a dollar that stands for itself. Raises JailFileError."""
        line = self._line
        if variable := self._match(_VARIABLE):
            return Variable(variable[1])
        if self._looks_at("${"):
            variable = self._match(braced)
            if variable is None:
                raise self._error("unterminated variable")
            return Variable(self._checked(_unescaped(variable[1]), line))
        self._at += 1
        return "$"

    def _value(self, pieces: list[Piece]) -> Value:
        """Return the pieces with texts joined. Raises JailFileError."""
        joined: list[Piece] = []
        for is_text, run in groupby(pieces, lambda piece: isinstance(piece, str)):
            if is_text:
                text = "".join(piece for piece in run if isinstance(piece, str))
                joined += [self._checked(text, self._line)] if text else []
            else:
                joined += run
        return tuple(joined) or ("",)

    def _checked(self, text: str, line: int) -> str:
        """Return a text with bytes that escapes made as characters. Raises JailFileError."""
        if "\0" in text:
            raise self._error("a word with NUL in it", line)
        if text.isascii():
            return text
        try:
            return text.encode("utf-8", "surrogateescape").decode("utf-8")
        except UnicodeError:
            raise self._error("a word that is not text in UTF-8", line) from None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_escaped_character, text) if "\\" in text else text


def _escaped_character(escape: re.Match[str]) -> str:
    octal, hexadecimal, other = escape.groups()
    if other is not None:
        return _CONTROLS.get(other, other)
    byte = int(octal, 8) & 0xFF if octal else int(hexadecimal, 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)  # as "surrogateescape" writes bytes


def _shown(text: str) -> str:
    """Return a part of the file fit for a message of one line."""
    first = text.partition("\n")[0][:_LONGEST_SHOWN]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in first)
