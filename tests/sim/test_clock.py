from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carpio.core.model import Nanoseconds
from carpio.sim.clock import MachineClock


def test_it_goes_with_the_world():
    clock = MachineClock(100)
    assert clock.local(50) == 150
    assert clock.when(Nanoseconds(150)) == 50


def test_what_was_shown_already_is_now():
    clock = MachineClock(100)
    clock.drift(0, 40)
    assert clock.when(Nanoseconds(120)) == 40


@given(st.integers(-50_000, 50_000), st.integers(1, 10**13), st.integers(0, 10**12))
def test_when_is_the_first_moment_at_which_it_shows_that(ppm: int, ahead: int, since: int):
    clock = MachineClock(7)
    clock.drift(ppm, since)
    wanted = Nanoseconds(clock.local(since) + ahead)
    at = clock.when(wanted)
    assert clock.local(at) >= wanted
    assert clock.local(at - 1) < wanted


def test_a_fast_clock_gains():
    clock = MachineClock(0)
    clock.drift(1000, 0)
    assert clock.local(1_000_000) == 1_001_000


def test_a_frozen_clock_stands_still_and_goes_on_from_there():
    clock = MachineClock(0)
    clock.freeze(10)
    assert clock.local(500) == 10
    clock.thaw(500)
    assert clock.local(501) == 11
