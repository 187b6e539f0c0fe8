"""jail.conf(5) as blocks of statements, with the files that it includes.

Mistakes are told all together: after one, reading goes on behind the statement. What values
mean is not known here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from carpio.jail.files import STDIN, Files
from carpio.jail.lexer import Kind, Lexer, Token, Value, Variable
from carpio.jail.passphrases import HIDDEN, mentions_passphrase
from carpio.jail.problems import JailFileError, Problem, at_line

__all__ = ["GLOBAL", "Block", "Config", "Statement", "read_config"]

GLOBAL: Final = "*"
"""Name of the block that statements outside of all blocks belong to."""
_DEEPEST_INCLUDE: Final = 32
_DEEPEST_BLOCK: Final = 32
_MOST_INCLUDES: Final = 1000
"""Files in all; without a limit a few small ones could include each other for ever."""
_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A parameter or variable with its values, none for one that stands alone."""

    name: str
    is_variable: bool
    appends: bool
    values: tuple[Value, ...]
    file: str
    line: int
    order: int
    """Place among all statements and blocks of all files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A jail or a wildcard."""

    name: str
    statements: tuple[Statement, ...]
    file: str
    line: int
    order: int
    is_hidden: bool = False
    """Whether it holds the statements outside of all blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What all files say, in order."""

    blocks: tuple[Block, ...]
    warnings: tuple[Problem, ...]


def read_config(file: str, files: Files) -> Config:
    """Return what a file and all that it includes say. Raises JailFileError."""
    reading = _Reading(files=files)
    try:
        _FileReader(reading, file, files.read(file), (), 0).read()
    except OSError as error:
        reading.problems.append(_unreadable(file, error))
    except _Ended:
        pass
    if reading.problems:
        raise JailFileError(reading.problems)
    return Config(
        blocks=tuple(block.finished() for block in reading.blocks),
        warnings=tuple(reading.warnings),
    )


def _unreadable(file: str, error: OSError) -> Problem:
    return Problem(file=file, line=0, text=f"{file}: {error.strerror or error}")


class _Ended(Exception):
    """Reading cannot go on; the last problem says why."""


class _UnexpectedError(Exception):
    """A token that may not stand here."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self.token = token


@dataclass(slots=True, kw_only=True)
class _OpenBlock:
    name: str
    file: str
    line: int
    order: int
    is_hidden: bool = False
    statements: list[Statement] = field(default_factory=list)

    def finished(self) -> Block:
        return Block(
            name=self.name,
            statements=tuple(self.statements),
            file=self.file,
            line=self.line,
            order=self.order,
            is_hidden=self.is_hidden,
        )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What all files of one configuration share."""

    files: Files
    blocks: list[_OpenBlock] = field(default_factory=list)
    outside: _OpenBlock | None = None
    """The hidden block, once there is one."""
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    includes: int = 0
    places: int = 0

    def next_place(self) -> int:
        self.places += 1
        return self.places

    def open_block(self, name: str, file: str, line: int, *, is_hidden: bool = False) -> _OpenBlock:
        place = self.next_place()
        block = _OpenBlock(name=name, file=file, line=line, order=place, is_hidden=is_hidden)
        self.blocks.append(block)
        return block

    def block_outside(self, file: str, line: int) -> _OpenBlock:
        """Return the block for statements outside of all blocks; it stands where the first is."""
        if self.outside is None:
            self.outside = self.open_block(GLOBAL, file, line, is_hidden=True)
        return self.outside


class _FileReader:
    """Reads one file into the blocks that are open around it."""

    def __init__(
        self, reading: _Reading, file: str, text: str, around: tuple[_OpenBlock, ...], depth: int
    ) -> None:
        self._reading = reading
        self._file = file
        self._lexer = Lexer(text, file)
        self._base = len(around)
        self._open = list(around)
        self._depth = depth
        self._hides = False
        """Whether the statement speaks of a passphrase, so that its words are not to be shown."""

    def read(self) -> None:
        """Read to the end. Raises _Ended."""
        try:
            self._read()
        except JailFileError as error:
            self._reading.problems += error.problems
            raise _Ended from None
        finally:
            self._reading.warnings += self._lexer.warnings

    def _read(self) -> None:
        while True:
            self._hides = False
            token = self._next()
            match token.kind:
                case Kind.SEMICOLON:
                    pass
                case Kind.END:
                    if len(self._open) > self._base:
                        self._end_too_early(token)
                    return
                case Kind.CLOSE if len(self._open) > self._base:
                    self._open.pop()
                case Kind.CLOSE:
                    self._tell_unexpected(token)
                case _:
                    try:
                        self._statement(token)
                    except _UnexpectedError as error:
                        self._tell_unexpected(error.token)
                        self._recover(error.token)

    def _next(self) -> Token:
        token = self._lexer.next_token()
        texts = (piece for piece in token.value if isinstance(piece, str))
        self._hides = self._hides or any(map(mentions_passphrase, texts))
        return token

    # -- mistakes ----------------------------------------------------------------------------

    def _tell(self, line: int, text: str) -> None:
        self._reading.problems.append(at_line(self._file, line, text))
        if len(self._reading.problems) >= _MOST_PROBLEMS:
            raise _Ended

    def _tell_unexpected(self, token: Token) -> None:
        if token.kind is Kind.END:
            self._end_too_early(token)
        hides = self._hides and token.kind in (Kind.WORD, Kind.STRAY)
        shown = HIDDEN if hides else token.shown
        self._tell(token.line, f"{shown}: syntax error")

    def _end_too_early(self, token: Token) -> None:
        text = f"{self._file}: unexpected EOF"
        self._reading.problems.append(Problem(file=self._file, line=token.line, text=text))
        raise _Ended

    def _recover(self, token: Token) -> None:
        """Go on behind the statement, and behind a block that begins in it."""
        depth = 0
        while True:
            match token.kind:
                case Kind.END:
                    return
                case Kind.SEMICOLON if depth == 0:
                    return
                case Kind.OPEN:
                    depth += 1
                case Kind.CLOSE if depth > 1:
                    depth -= 1
                case Kind.CLOSE:
                    if depth == 0 and len(self._open) > self._base:
                        self._open.pop()
                    return
                case _:
                    pass
            token = self._next()

    # -- statements --------------------------------------------------------------------------

    def _statement(self, word: Token) -> None:
        """Read a block's beginning or a whole parameter. Raises _UnexpectedError, _Ended."""
        if word.kind is not Kind.WORD:
            raise _UnexpectedError(word)
        token = self._next()
        if token.kind is Kind.OPEN:
            self._open_block(word, token)
            return
        operator = token if token.kind in (Kind.SET, Kind.APPEND) else None
        values = self._values(self._next() if operator else token, is_needed=operator is not None)
        match word.value:
            case (".include",):
                if operator or not values:
                    raise _UnexpectedError(operator or token)
                self._include(word.line, values)
            case (str(name),):
                self._add(word, name, operator, values)
            case (Variable(name),):
                self._add(word, name, operator, values, is_variable=True)
            case _:
                raise _UnexpectedError(word)

    def _open_block(self, word: Token, mark: Token) -> None:
        if not word.text:
            raise _UnexpectedError(mark)
        if len(self._open) == _DEEPEST_BLOCK:
            self._tell(word.line, "maximum block depth exceeded")
            raise _Ended
        name = f"{self._open[-1].name}.{word.text}" if self._open else word.text
        self._open.append(self._reading.open_block(name, self._file, word.line))

    def _values(self, token: Token, *, is_needed: bool) -> tuple[Value, ...]:
        """Read the values and the semicolon, beginning with `token`. Raises _UnexpectedError."""
        values = []
        while is_needed or token.kind is Kind.WORD:
            if token.kind is not Kind.WORD:
                raise _UnexpectedError(token)
            values.append(token.value)
            token = self._next()
            is_needed = token.kind is Kind.COMMA
            if not is_needed:
                break
            token = self._next()
        if token.kind is not Kind.SEMICOLON:
            raise _UnexpectedError(token)
        return tuple(values)

    def _add(
        self,
        word: Token,
        name: str,
        operator: Token | None,
        values: tuple[Value, ...],
        *,
        is_variable: bool = False,
    ) -> None:
        outside = None if self._open else self._reading.block_outside(self._file, word.line)
        block = outside or self._open[-1]
        statement = Statement(
            name=name,
            is_variable=is_variable,
            appends=operator is not None and operator.kind is Kind.APPEND,
            values=values,
            file=self._file,
            line=word.line,
            order=self._reading.next_place(),
        )
        block.statements.append(statement)

    # -- includes ----------------------------------------------------------------------------

    def _include(self, line: int, values: tuple[Value, ...]) -> None:
        """Read other files here. Raises _Ended."""
        if self._depth == _DEEPEST_INCLUDE:
            self._tell(line, "maximum include depth exceeded")
            raise _Ended
        for value in values:
            match value:
                case (str(name),) if name:
                    for path in self._paths(name):
                        self._include_one(line, path)
                case _:
                    self._tell(line, ".include: needs names of files, without variables")

    def _paths(self, name: str) -> list[str]:
        """Return the files that are meant: relative to this one, all those that match."""
        beside = "" if self._file == STDIN else os.path.dirname(self._file)
        path = os.path.join(beside, name)
        if any(character in name for character in "*?["):
            return self._reading.files.matching(path)
        return [path]

    def _include_one(self, line: int, path: str) -> None:
        self._reading.includes += 1
        if self._reading.includes > _MOST_INCLUDES:
            self._tell(line, f"more than {_MOST_INCLUDES} files included")
            raise _Ended
        try:
            text = self._reading.files.read(path)
        except OSError as error:
            self._reading.problems.append(_unreadable(path, error))
            return
        _FileReader(self._reading, path, text, tuple(self._open), self._depth + 1).read()
