from tests.helpers.builders import seconds

from carpio.core.announcer import Announcer
from carpio.core.model import Nanoseconds
from carpio.core.table import AFTER_RIVAL, AT_ONCE


def take_all(announcer: Announcer, until: float) -> list[int]:
    """Return when it announces, left alone, up to `until` seconds."""
    times = []
    while announcer.due is not None and announcer.due <= seconds(until):
        at = announcer.due
        assert announcer.take(at)
        times.append(at)
    return times


def test_at_once_means_now_and_nothing_further_by_the_clock():
    assert take_all(Announcer(AT_ONCE, seconds(3)), 100) == [seconds(3)]


def test_after_a_living_master_it_announces_three_times_in_20_ms():
    times = take_all(Announcer(AFTER_RIVAL, seconds(3)), 100)
    assert times == [seconds(3.0015), seconds(3.005), seconds(3.02)]


def test_it_announces_again_with_the_first_and_the_fifth_advertisement():
    announcer = Announcer(AT_ONCE, seconds(0))
    assert announcer.take(seconds(0))
    told = []
    for at in range(1, 9):
        announcer.note_advertisement(seconds(at))
        told.append(announcer.take(seconds(at)))
    assert [at for at, tells in enumerate(told, start=1) if tells] == [1, 5]


def test_starting_again_repeats_the_schedule_from_the_advertisement_of_the_moment():
    announcer = Announcer(AT_ONCE, seconds(0))
    for at in range(7):
        announcer.note_advertisement(seconds(at))
        announcer.take(seconds(at))
    announcer.start_again(seconds(10))
    told = []
    for at in range(10, 20):
        announcer.note_advertisement(seconds(at))
        told.append(announcer.take(seconds(at)))
    assert [at for at, tells in enumerate(told) if tells] == [0, 1, 5]


def test_one_announcement_does_for_all_that_are_due():
    announcer = Announcer(AFTER_RIVAL, seconds(3))
    assert announcer.take(seconds(4))
    assert announcer.due is None


def test_rivals_are_contradicted_at_most_five_times_a_second():
    announcer = Announcer(AT_ONCE, seconds(0))
    times = []
    for millisecond in range(1001):
        now = Nanoseconds(millisecond * 1_000_000)
        announcer.note_rival(now)
        if announcer.take(now):
            times.append(now)
    assert times == [seconds(at / 5) for at in range(6)]


def test_the_first_rival_is_contradicted_at_once_when_nothing_was_announced_lately():
    announcer = Announcer(AT_ONCE, seconds(0))
    announcer.take(seconds(0))
    announcer.note_rival(seconds(30))
    assert announcer.due == seconds(30)


def test_a_rival_does_not_add_to_an_announcement_that_is_earlier_anyway():
    announcer = Announcer(AFTER_RIVAL, seconds(3))
    announcer.take(seconds(3.0015))
    announcer.note_rival(seconds(3.002))
    assert take_all(announcer, 100) == [seconds(3.005), seconds(3.02)]
