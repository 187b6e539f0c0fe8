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


def test_rivals_are_contradicted_at_most_four_times_between_two_adverts():
    announcer = Announcer((), seconds(0))
    times = []
    for millisecond in range(1000):
        now = Nanoseconds(millisecond * 1_000_000)
        announcer.note_rival(now)
        if announcer.take(now):
            times.append(now)
    assert times == [seconds(at / 1000) for at in range(4)]
    announcer.note_advertisement(seconds(2))
    assert take_all(announcer, 2.4) == [seconds(2), seconds(2.03)]
    announcer.note_rival(seconds(2.5))
    assert take_all(announcer, 100) == [seconds(2.5), seconds(2.53)]


def test_a_rival_that_was_heard_is_contradicted_when_it_has_heard_our_next_advert():
    announcer = Announcer((), seconds(0))
    announcer.note_rival(seconds(1))
    assert take_all(announcer, 1.9) == [seconds(1), seconds(1.03)]
    announcer.note_advertisement(seconds(2))
    assert take_all(announcer, 2.9) == [seconds(2), seconds(2.03)]
    announcer.note_advertisement(seconds(3))
    assert take_all(announcer, 100) == []


def test_a_rival_is_contradicted_at_once_and_when_its_own_announcements_are_over():
    announcer = Announcer(AT_ONCE, seconds(0))
    announcer.take(seconds(0))
    announcer.note_rival(seconds(30))
    assert take_all(announcer, 100) == [seconds(30), seconds(30.03)]


def test_a_rival_is_contradicted_at_once_though_something_was_just_announced():
    announcer = Announcer(AT_ONCE, seconds(0))
    announcer.take(seconds(0))
    announcer.note_rival(seconds(0.001))
    assert announcer.due == seconds(0.001)


def test_a_rival_that_goes_on_speaking_is_contradicted_after_its_last_word():
    announcer = Announcer((), seconds(0))
    announcer.note_rival(seconds(1))
    assert announcer.take(seconds(1))
    announcer.note_rival(seconds(1.02))
    assert take_all(announcer, 100) == [seconds(1.02), seconds(1.05)]


def test_announcements_after_a_takeover_are_made_beside_those_against_a_rival():
    announcer = Announcer(AFTER_RIVAL, seconds(3))
    announcer.take(seconds(3.0015))
    announcer.note_rival(seconds(3.002))
    times = [seconds(at) for at in (3.002, 3.005, 3.02, 3.032)]
    assert take_all(announcer, 100) == times
