from __future__ import annotations

import pytest

from carpio.sim.units import exact, parse_duration, shown


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("10min", 600 * 10**9), ("1.5s", 1_500_000_000), ("20ms", 20_000_000), ("2h", 7200 * 10**9)],
)
def test_durations_are_read(text: str, nanoseconds: int):
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "10", "min", "-1s", "1 s", "1.s", "1e3s"])
def test_what_is_no_duration_is_refused_with_a_remedy(text: str):
    with pytest.raises(ValueError, match="write 10min"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (50_000, "50us"),
        (1_500_000, "1.5ms"),
        (3_480_000_000, "3.48s"),
        (596 * 10**9, "9m56s"),
        (7500 * 10**9, "2h05m"),
    ],
)
def test_durations_are_shown_with_what_matters(nanoseconds: int, text: str):
    assert shown(nanoseconds) == text


@pytest.mark.parametrize("nanoseconds", [0, 1, 1_500_000_000, 30 * 10**9, 123_456_789_012])
def test_what_is_written_exactly_is_read_again(nanoseconds: int):
    assert parse_duration(exact(nanoseconds)) == nanoseconds
