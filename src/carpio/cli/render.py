"""Text for people: aligned columns, durations, colours on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from carpio.cli.environment import Environment

__all__ = ["columns", "duration", "elapsed", "painted"]

_COLOURS: Final = {"MASTER": "32", "INIT": "31"}
"""SGR codes; BACKUP is the ordinary case and stays plain."""


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row, its cells left-aligned two spaces apart."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def duration(seconds: float) -> str:
    """Return two units of a duration: `12s`, `3m05s`, `2h07m`, `4d03h`."""
    whole = max(int(seconds), 0)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def elapsed(since: str | None, now: datetime) -> str:
    """Return how long ago an RFC 3339 time was; `-` for none, the text itself if it is not one."""
    if since is None:
        return "-"
    try:
        return duration((now - datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return since


def painted(line: str, word: str, environment: Environment) -> str:
    """Return `line` with the first `word` in its colour, on a terminal that wants colours."""
    colour = _COLOURS.get(word)
    if colour is None or not environment.stdout_is_tty or environment.environ.get("NO_COLOR"):
        return line
    return line.replace(word, f"\x1b[{colour}m{word}\x1b[0m", 1)
