"""Texts of jail.conf: on paper files, written from what was read, and made up."""

from __future__ import annotations

import errno
import fnmatch
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from carpio.jail.grammar import Block, Config, Statement, read_config
from carpio.jail.lexer import Value, Variable

__all__ = ["TEXTS", "PaperFiles", "bare", "conf_text", "config_of"]


class PaperFiles:
    """Files that are nowhere but here."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> str:
        """Return the text of a file. Raises OSError."""
        if path not in self._texts:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return self._texts[path]

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that match, in order."""
        return sorted(fnmatch.filter(self._texts, pattern))


def config_of(text: str, **others: str) -> Config:
    """Return what a text says. Raises JailFileError."""
    return read_config("f", PaperFiles({"f": text, **others}))


def conf_text(config: Config) -> str:
    """Return a text that says the same, each block by itself."""
    return "".join(_block_text(block) for block in config.blocks)


def _block_text(block: Block) -> str:
    inner = "".join(f"\t{_statement_text(one)}\n" for one in block.statements)
    return inner if block.is_hidden else f"{_quoted((block.name,))} {{\n{inner}}}\n"


def _statement_text(statement: Statement) -> str:
    name: Value = (Variable(statement.name) if statement.is_variable else statement.name,)
    values = ", ".join(map(_quoted, statement.values))
    operator = f" {'+' * statement.appends}= {values}" if values else ""
    return f"{_quoted(name) if not statement.is_variable else _piece(name[0])}{operator};"


def _quoted(value: Value) -> str:
    return f'"{"".join(map(_piece, value))}"'


def _piece(piece: str | Variable) -> str:
    if isinstance(piece, Variable):
        return f"${{{_escaped(piece.name)}}}"
    return _escaped(piece)


def _escaped(text: str) -> str:
    return "".join(
        "\\n" if c == "\n" else c if c.isalnum() and not c.isascii() else _escaped_ascii(c)
        for c in text
    )


def _escaped_ascii(c: str) -> str:
    return c if c.isalnum() or ord(c) > 127 else f"\\x{ord(c):02x}"


def bare(config: Config) -> tuple[Block, ...]:
    """Return the blocks without their places."""
    return tuple(
        replace(
            block,
            file="",
            line=0,
            order=0,
            statements=tuple(replace(s, file="", line=0, order=0) for s in block.statements),
        )
        for block in config.blocks
    )


_STATEMENTS = (
    "persist;", "nopersist;", "$x = a;", '$y = "b$x";', "meta.a = $x, ${y};", "path = '/a b';",
    "ip4.addr += 'em0|10.0.0.1/24 vhid 1 pass x';", "$x;", '${z "} = c;', "name = n;",
    "meta.b = \"-${name}-\\n\\\\\\\"'\";", "www {", "db {", "* {", "foo.* {", "42 {", "}", "}", "}",
)  # fmt: skip
_PARTS = (
    "www", "db", "*", "foo.*", "persist", "nopersist", "path", "ip4.addr", "name", "jid", "42",
    "$x", "$y", "${x}", "${ip4.addr}", "$", "{", "}", ";", ";", ";", ",", "=", "+=", " ", " ", "\n",
    "'", '"', '"a $x b"', "'c'", "\\", "\\n", "\\x41", "\\0", "#", "//", "/*", "*/", ".include",
    '.include "f";', '.include "g", "?";', "em0|10.0.0.1/24", "vnet;", "ä", "\x00",
    "\x85", "\ud800", "$x = $y; ", "$y = $x, $x; ", "www { ", "meta.a = ", "securelevel = ",
)  # fmt: skip


def _closed(statements: list[str]) -> str:
    """Return a text in which each block has its end."""
    parts, depth = [], 0
    for one in statements:
        change = one.endswith("{") - (one == "}")
        if depth + change >= 0:
            parts.append(one)
            depth += change
    return " ".join([*parts, *["}"] * depth])


TEXTS = st.one_of(
    st.lists(st.sampled_from(_PARTS) | st.text(max_size=3), max_size=25).map("".join),
    st.lists(st.sampled_from(_PARTS), max_size=25).map(" ".join),
    st.lists(st.sampled_from(_STATEMENTS), max_size=25).map(_closed),
)
"""Texts that look a little like a jail.conf."""
