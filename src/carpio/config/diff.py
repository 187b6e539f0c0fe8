"""What would change in configuration files, for people: no secret is shown."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from carpio.config.layout import Layout, NotEditable, lines_of

__all__ = ["has_secret", "shown_changes"]

_SECRETS: Final = ("passphrase", "passphrase_hex")
"""Keys whose value is the secret itself."""
_MASK: Final = "********"
_IN_COMMENT: Final = re.compile(
    r"""(passphrase(?:_hex)?["']?\s*=\s*|\bvhid\b.*\bpass\s+)("(?:[^"\\]|\\.)*"|'[^']*'|\S+)"""
)
"""Keys that somebody has commented out, and lines of ifconfig."""


def has_secret(text: str) -> bool:
    """Whether a valid configuration file holds a secret itself."""
    return any(key in table for table in _groups(text) for key in _SECRETS)


def shown_changes(file: Path, before: str, after: str) -> str:
    """Return the difference of two valid texts of a file as diff -u shows it."""
    try:
        old, new = _masked(before, {}), _masked(after, _secrets(before))
    except NotEditable:
        return f"{file} changes; how is not shown, for that could show secrets\n"
    name = str(file)
    shown = difflib.unified_diff(lines_of(old), lines_of(new), name, name)
    whole = (
        line if line[-1:] == "\n" else f"{line}\n\\ No newline at end of file\n" for line in shown
    )
    return "".join(whole)


def _groups(text: str) -> list[Mapping[str, Any]]:
    return list(tomllib.loads(text).get("vhid", ()))


def _identity(table: Mapping[str, Any]) -> tuple[object, ...]:
    return table.get("netns"), table["interface"], table["id"]


def _secrets(text: str) -> dict[tuple[object, ...], object]:
    """Return the secrets by group and key."""
    return {
        (*_identity(table), key): table[key]
        for table in _groups(text)
        for key in _SECRETS
        if key in table
    }


def _masked(text: str, former: Mapping[tuple[object, ...], object]) -> str:
    """Return `text` without secrets; those that differ from `former` ones say so.

    Raises NotEditable when they cannot be taken out.
    """
    layout = Layout(text)
    for index, table in enumerate(_groups(text)):
        for key in _SECRETS:
            if key in table:
                was = former.get((*_identity(table), key), table[key])
                layout.change(
                    "vhid", index, {key: _MASK if was == table[key] else f"{_MASK} (new)"}
                )
    return "".join(_without_secrets_in_comment(line) for line in lines_of(str(layout)))


def _without_secrets_in_comment(line: str) -> str:
    head, mark, comment = line.partition("#")
    return head + mark + _IN_COMMENT.sub(rf"\g<1>{_MASK}", comment)
