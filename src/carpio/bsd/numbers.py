"""Numbers as ifconfig reads them: the digits at the beginning count, and nothing is 0."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["leading_number"]

_NUMBER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]*)")
_TOO_LONG: Final = 18
"""Digits; what has more is out of every range."""


def leading_number(text: str) -> tuple[int, bool]:
    """Return the number as atoi(3) reads it, and whether the text says nothing else."""
    found = _NUMBER.match(text)
    assert found is not None  # noqa: S101 - it matches the empty text
    sign, digits = found.groups()
    value = int(digits[:_TOO_LONG] or "0")
    is_plain = found.end() == len(text) and any(c.isdigit() for c in text)
    return -value if sign == "-" else value, is_plain
