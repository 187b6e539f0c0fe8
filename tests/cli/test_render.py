"""Columns and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carpio.cli.render import columns, duration, elapsed


def test_columns_are_aligned_without_blanks_at_the_end() -> None:
    assert columns([("A", "BB"), ("long", "x")]) == ["A     BB", "long  x"]
    assert columns([]) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (86399, "23h59m"),
        (86400, "1d00h"),
        (8640000, "100d00h"),
    ],
)
def test_a_duration_has_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_no_time_is_shown_as_it_is() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert elapsed(None, now) == "-"
    assert elapsed("soon", now) == "soon"
    assert elapsed("2025-01-01T00:00:00", now) == "2025-01-01T00:00:00"
    assert elapsed("2025-12-31T23:59:00.000000Z", now) == "1m00s"
