"""How sysctl(8) of FreeBSD shows an oid: name, value, type, description, dumps."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from typing import Final, TypeAlias

from carpio.bsd.oids import NODES, STATS, Oid

__all__ = ["Style", "Value", "raw", "shown", "shown_node"]

Value: TypeAlias = int | str | dict[str, int]
"""Of an integer, a string, an opaque oid."""

_OPAQUE_FORMAT: Final = "S,carpstats"
_DUMPED: Final = 16
"""Bytes of an opaque value that -o shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the options want to see."""

    only_name: bool = False
    only_value: bool = False
    equals: bool = False
    with_doc: bool = False
    with_type: bool = False
    with_opaque: bool = False
    in_hex: bool = False
    is_raw: bool = False
    only_tunable: bool = False
    only_writable: bool = False

    @property
    def needs_value(self) -> bool:
        """False when names, types or descriptions are enough."""
        return not (self.only_name or self.with_doc or self.with_type)

    def wants(self, oid: Oid) -> bool:
        """True when an oid is among those to show."""
        if self.only_tunable and not oid.is_tunable:
            return False
        if self.only_writable and (not oid.is_writable or oid.kind == "opaque"):
            return False
        if oid.kind == "opaque" and self.needs_value:
            return self.with_opaque or self.in_hex or self.is_raw
        return True


def shown_node(name: str, style: Style) -> str:
    """Return the line about a node, which -d shows."""
    if style.only_name:
        return name
    return _about(name, "node", NODES[name], style)


def shown(oid: Oid, value: Value | None, style: Style) -> str:
    """Return the line about a leaf; `value` may be None if the style does not need it."""
    if style.only_name:
        return oid.name
    if not style.needs_value:
        return _about(oid.name, oid.kind, oid.doc, style)
    return _name(oid.name, style) + value_text(oid, value, style)


def value_text(oid: Oid, value: Value | None, style: Style) -> str:
    """Return the value alone."""
    match value:
        case dict():
            return _dump(raw(value), style)
        case int() if style.in_hex:
            # C's %#010x, which leaves the prefix of 0 out.
            return f"0x{value % 2**32:08x}" if value else "0" * 10
        case _:
            return str(value)


def raw(value: Value | None) -> bytes:
    """Return the value as it is in memory there."""
    match value:
        case dict():
            return b"".join(value.get(name, 0).to_bytes(8, sys.byteorder) for name in STATS)
        case int():
            return struct.pack("=i", value)
        case _:
            return str(value).encode() + b"\0"


def _name(name: str, style: Style) -> str:
    return "" if style.only_value else name + _separator(style)


def _separator(style: Style) -> str:
    return "=" if style.equals else ": "


def _about(name: str, kind: str, doc: str, style: Style) -> str:
    parts = [kind] if style.with_type else []
    if style.with_doc:
        parts.append(doc)
    return _name(name, style) + _separator(style).join(parts)


def _dump(content: bytes, style: Style) -> str:
    seen = content if style.in_hex else content[:_DUMPED]
    more = "..." if len(seen) < len(content) else ""
    return f"Format:{_OPAQUE_FORMAT} Length:{len(content)} Dump:0x{seen.hex()}{more}"
