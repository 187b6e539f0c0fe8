"""Which line of a TOML text holds which key; tomllib does not tell.

The text must have been accepted by tomllib before: this scanner finds its way through
valid TOML and judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final, TypeAlias

__all__ = ["KeyPath", "key_lines"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""A way from the root, such as `("vhid", 0, "addresses", 1)`."""

_SPACE: Final = re.compile(r"[ \t]*")
_FILLER: Final = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_LINE_FILLER: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Return the line (from 1) of each table, key and list element of a valid TOML text.

    Raises RecursionError for values nested deeper than Python allows.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """One pass over a text; `lines` grows on the way."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._arrays: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_LINE_FILLER)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_LINE_FILLER)

    def _header(self) -> KeyPath:
        is_element = self._text.startswith("[[", self._at)
        line = self._line
        self._at += 2 if is_element else 1
        keys = self._dotted_key()
        self._at += 2 if is_element else 1
        if not is_element:
            return self._enter(keys, line)
        path = (*self._enter(keys[:-1], line), keys[-1])
        self.lines.setdefault(path, line)
        self._arrays[path] = self._arrays.get(path, -1) + 1
        path = (*path, self._arrays[path])
        self.lines[path] = line
        return path

    def _enter(self, keys: tuple[str, ...], line: int) -> KeyPath:
        """Return the path of `keys`, entering the newest element of each list of tables."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self.lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line
        path = table
        for key in self._dotted_key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _dotted_key(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._simple_key())
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return tuple(keys)
            self._at += 1

    def _simple_key(self) -> str:
        if self._text[self._at] in "\"'":
            return _unquote(self._skip(_STRING))
        return self._skip(_BARE)

    def _value(self, path: KeyPath) -> None:
        first = self._text[self._at]
        if first == "[":
            self._list(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if first in "\"'" else _SCALAR)

    def _list(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        self._skip(_FILLER)
        while self._text[self._at] != "]":
            self.lines[*path, index] = self._line
            self._value((*path, index))
            index += 1
            self._skip(_FILLER)
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_FILLER)
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip(_FILLER)
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Step over what matches here, counting lines, and return it."""
        found = pattern.match(self._text, self._at)
        passed = found.group() if found else ""
        self._at += len(passed)
        self._line += passed.count("\n")
        return passed


def _unquote(quoted: str) -> str:
    """Return the key that a quoted key stands for."""
    if quoted.startswith("'"):
        return quoted[1:-1]
    return str(tomllib.loads(f"k = {quoted}")["k"])
