"""Jails as lines of text, for people and scripts; passphrases are hidden."""

from __future__ import annotations

from typing import Final

from carpio.jail.passphrases import masked
from carpio.jail.resolve import Jail, Setting

__all__ = ["line_of", "printable", "quoted"]

_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\t"}


def line_of(jail: Jail, separator: str) -> str:
    """Return one line: parameters with their values, as `jail -e` prints them."""
    return separator.join(_shown(setting) for setting in jail.settings)


def _shown(setting: Setting) -> str:
    values = ",".join(quoted(masked(value)) for value in setting.values)
    name = printable(setting.name)
    return f"{name}={values}" if setting.values else name


def quoted(text: str) -> str:
    """Return a text in quotes when it has blanks or quotes; escaped as in jail.conf(5)."""
    quote = "'" if '"' in text and "'" not in text else '"'
    inner = "".join(f"\\{c}" if c == quote else _escaped(c) for c in text)
    is_plain = text and not any(c.isspace() or c in "'\"" for c in text)
    return inner if is_plain else f"{quote}{inner}{quote}"


def printable(text: str) -> str:
    """Return a message without passphrases, on one line and without control characters."""
    return "".join(c if c == "\\" else _escaped(c) for c in masked(text))


def _escaped(character: str) -> str:
    if character in _ESCAPES or character.isprintable():
        return _ESCAPES.get(character, character)
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else character
