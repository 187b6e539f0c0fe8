"""A configuration file as a text in pieces, so that one can be changed and the rest stays.

Knows keys, tables, comments and blank lines; not what the keys mean. tomlkit keeps comments, but
moves tables of a kind together when another kind stands between, and stumbles over some lists: it
gets one table at a time, and what comes out is read again.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeGuard

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Item

from carpio.config.locate import key_lines
from carpio.errors import CarpioError

__all__ = ["Layout", "NotEditable", "Value", "lines_of"]

Value: TypeAlias = bool | int | str | list[str]

_BLANK_OR_COMMENT: Final = re.compile(r"[ \t]*(#.*)?\n?")
_LONG_LIST: Final = 80
"""Characters; a new list beyond has a line for each element."""


class NotEditable(CarpioError):
    """A text that says what it should in a form that cannot be changed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """The top of a file (`kind` is empty), or one table, up to the next header."""

    kind: str = ""
    index: int = 0
    body: str = ""
    """Up to the last key."""
    tail: str = ""
    """Blank and comment lines after it."""


class Layout:
    """One file. Tables are called by kind ("vhid") and their index in the text as it was given."""

    def __init__(self, text: str) -> None:
        """Take a valid TOML text that has no other tables than lists of them."""
        self._has_crlf = "\r\n" in text and "\n" not in text.replace("\r\n", "")
        self._top, *self._tables = _pieces(text.replace("\r\n", "\n") if self._has_crlf else text)
        self._appended: list[str] = []
        self._has_lost_its_end = False

    def __str__(self) -> str:
        text = "".join(piece.body + piece.tail for piece in (self._top, *self._tables))
        if self._has_lost_its_end:
            text = text.rstrip("\n") + "\n"
        for table in self._appended:
            text = _spaced(text) + table
        return text.replace("\n", "\r\n") if self._has_crlf else text

    def set_top(self, values: Mapping[str, Value]) -> None:
        """Set keys of the top level."""
        if self._top.body or not values:
            self._top = replace(self._top, body=_with_values(self._top.body, (), values))
            return
        before, after = _opening(self._top.tail) if self._tables else (self._top.tail, "")
        gap = "\n" if self._tables else ""
        body = _spaced(before) + _with_values("", (), values)
        self._top = replace(self._top, body=body, tail=gap + after)

    def change(
        self,
        kind: str,
        index: int,
        values: Mapping[str, Value | None],
        renamed: tuple[str, str] | None = None,
    ) -> None:
        """Set keys of a table, remove those that are None; first give one another name.

        Raises NotEditable.
        """
        if not values:
            return
        number = self._find(kind, index)
        body = self._tables[number].body
        if renamed:
            body = _with_name(body, kind, *renamed)
        body = _with_values(body, (kind, 0), values)
        self._tables[number] = replace(self._tables[number], body=body)

    def remove(self, kind: str, index: int) -> None:
        """Remove a table; what a blank line sets apart from its end stays. Raises NotEditable."""
        number = self._find(kind, index)
        rest = _after_blank(self._tables[number].tail)
        self._tables[number] = _Piece(tail=rest)
        if not any(piece.body or piece.tail for piece in self._tables[number:]):
            self._has_lost_its_end = True

    def append(self, kind: str, values: Mapping[str, Value]) -> None:
        """Add a table at the end. Raises NotEditable."""
        self._refuse_inline(kind)
        table = tomlkit.table()
        for key, value in values.items():
            table[key] = _item(value)
        tables = tomlkit.aot()
        tables.append(table)
        self._appended.append(tomlkit.dumps({kind: tables}))

    def _find(self, kind: str, index: int) -> int:
        """Return the number of a table in the text. Raises NotEditable."""
        self._refuse_inline(kind)
        return next(
            number
            for number, piece in enumerate(self._tables)
            if (piece.kind, piece.index) == (kind, index)
        )

    def _refuse_inline(self, kind: str) -> None:
        if kind in tomllib.loads(self._top.body):
            raise NotEditable(f"{kind} is a list within one value; write [[{kind}]] tables")


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the top, then each table."""
    lines = lines_of(text)
    headers = sorted(
        (line - 1, path[0], path[1])
        for path, line in key_lines(text).items()
        if len(path) == 2 and isinstance(path[1], int) and lines[line - 1].lstrip().startswith("[[")
    )
    begins = [(0, "", 0), *headers, (len(lines), "", 0)]
    for (begin, kind, index), (end, _, _) in pairwise(begins):
        body, tail = _split_tail(lines[begin:end])
        yield _Piece(kind=str(kind), index=int(index), body=body, tail=tail)


def lines_of(text: str) -> list[str]:
    """Return the lines of a TOML text, where only newlines end them, with these."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _split_tail(lines: list[str]) -> tuple[str, str]:
    """Return the text up to the last key, and the blank and comment lines after it."""
    end = len(lines)
    while end and _BLANK_OR_COMMENT.fullmatch(lines[end - 1]):
        end -= 1
    body, whole = "".join(lines[:end]), "".join(lines)
    try:
        is_cut_between_keys = tomllib.loads(body) == tomllib.loads(whole)
    except tomllib.TOMLDecodeError:
        is_cut_between_keys = False  # what looks like a comment ends a text of several lines
    return (body, "".join(lines[end:])) if is_cut_between_keys else (whole, "")


def _opening(tail: str) -> tuple[str, str]:
    """Return the comments on a file without keys, and those on the table that follows."""
    lines = lines_of(tail)
    for number in range(len(lines) - 1, 0, -1):
        if not lines[number].strip() and "".join(lines[:number]).strip():
            return "".join(lines[: number + 1]), "".join(lines[number + 1 :])
    return tail, ""


def _after_blank(tail: str) -> str:
    """Return what follows the first blank lines."""
    lines = iter(lines_of(tail))
    for line in lines:
        if not line.strip():
            break
    return "".join(lines).lstrip("\n")


def _spaced(text: str) -> str:
    """Return `text` so that a table or block can follow it."""
    if text and not text.endswith("\n"):
        text += "\n"
    return text if not text or text.endswith("\n\n") else f"{text}\n"


def _with_name(body: str, kind: str, old: str, new: str) -> str:
    """Give a key of the only table another name, where it stands."""
    lines = body.split("\n")
    number = key_lines(body)[kind, 0, old] - 1
    pattern = rf"""([ \t]*)(?:{old}|"{old}"|'{old}')([ \t]*=)"""
    lines[number], count = re.subn(rf"^{pattern}", rf"\g<1>{new}\g<2>", lines[number])
    return "\n".join(lines) if count else _with_values(body, (kind, 0), {old: None})


def _with_values(body: str, path: tuple[str | int, ...], values: Mapping[str, Value | None]) -> str:
    """Set keys of the table at `path`, or remove them. Raises NotEditable."""
    if not values:
        return body
    if body and not body.endswith("\n"):
        body += "\n"
    for with_new_lists in (False, True):
        try:
            changed = _edited(body, path, values, with_new_lists)
            if _table(tomllib.loads(changed), path) == _expected(body, path, values):
                return changed
        except (TOMLKitError, tomllib.TOMLDecodeError):
            continue
    raise NotEditable(f"{', '.join(values)} cannot be changed in this layout; write a key a line")


def _edited(
    body: str,
    path: tuple[str | int, ...],
    values: Mapping[str, Value | None],
    with_new_lists: bool,
) -> str:
    document = tomlkit.parse(body)
    table = _table(document, path)
    for key, value in values.items():
        present = table.get(key)
        if value is None:
            table.pop(key, None)
        elif isinstance(value, list) and _has_lines(present) and not with_new_lists:
            _change_list(present, value)
        else:
            table[key] = _item(value)
    return tomlkit.dumps(document)


def _has_lines(present: object) -> TypeGuard[Array]:
    """Whether it is a list with room for comments."""
    return isinstance(present, Array) and "\n" in present.as_string()


def _table(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def _expected(
    body: str, path: tuple[str | int, ...], values: Mapping[str, Value | None]
) -> dict[str, Any]:
    merged = {**_table(tomllib.loads(body), path), **values}
    return {key: value for key, value in merged.items() if value is not None}


def _change_list(array: Array, wanted: list[str]) -> None:
    """Make the elements those that are wanted, leaving alone those that are there in order."""
    present = [str(element) for element in array]
    matcher = SequenceMatcher(None, present, wanted, autojunk=False)
    for tag, begin, end, wanted_begin, wanted_end in reversed(matcher.get_opcodes()):
        if tag == "equal":
            continue
        for position in reversed(range(begin, end)):
            del array[position]
        for position in range(wanted_begin, wanted_end):
            array.insert(begin + position - wanted_begin, wanted[position])


def _item(value: Value) -> Item:
    if not isinstance(value, list):
        return tomlkit.item(value)
    array = tomlkit.array()
    array.extend(value)
    return array.multiline(len(array.as_string()) > _LONG_LIST)
