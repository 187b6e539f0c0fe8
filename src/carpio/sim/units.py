"""Durations as people write them, to nanoseconds and back."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

__all__ = ["exact", "parse_duration", "shown"]

_UNITS: Final = MappingProxyType(
    {
        "us": 1_000,
        "ms": 1_000_000,
        "s": 1_000_000_000,
        "min": 60_000_000_000,
        "h": 3_600_000_000_000,
    }
)
_TEXT: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(us|ms|s|min|h)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return nanoseconds of `10min`, `1.5s`, `20ms`. Raises ValueError with the remedy."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write 10min, 1.5s or 20ms")
    whole, fraction, unit = match.groups()
    size = _UNITS[unit]
    value = int(whole) * size
    if fraction:
        value += int(fraction) * size // 10 ** len(fraction)
    return value


def exact(nanoseconds: int) -> str:
    """Return what `parse_duration` reads as exactly this."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") + "s"


def shown(nanoseconds: int) -> str:
    """Return a duration for people: `2h05m`, `9m56s`, `3.48s`, `1.5ms`, `50us`."""
    seconds = nanoseconds / _UNITS["s"]
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    if whole >= 60:
        return f"{whole // 60}m{whole % 60:02}s"
    if seconds >= 1:
        return f"{seconds:.2f}s"
    if nanoseconds >= _UNITS["ms"]:
        return f"{nanoseconds / _UNITS['ms']:.1f}ms"
    return f"{nanoseconds // 1_000}us" if nanoseconds else "0s"
