"""Nobody claims an address before its advert left; then it is said often enough."""

import pytest
from tests.helpers.builders import advert, engine_config, group, key_of, running_engine, seconds
from tests.helpers.playbook import Play, in_words, play

from carpio.core.effects import AnnounceAddresses
from carpio.core.events import DeadlineReached, SendSucceeded, StateRequested
from carpio.core.model import State
from carpio.wire.constants import Family

ANNOUNCE = "1@eth0: announce"
DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
ONE = key_of("1@eth0")


def backup(*groups, **policy) -> Play:
    return play(running_engine(engine_config(*groups, **policy)))


def announcements(stage: Play, until: float) -> list[float]:
    """Let the engine live alone, all sends good; return when it announced, in seconds."""
    times = []
    while stage.engine.next_deadline() <= seconds(until):
        for effects in (stage.deadline().effects, stage.sent().effects):
            times += [stage.now / 1e9 for it in effects if isinstance(it, AnnounceAddresses)]
    return times


def test_r090_adverts_go_before_service_and_announcement():
    stage = (
        backup(DUAL)
        .deadline()
        .expect(
            "1@eth0: BACKUP -> MASTER (master timed out)",
            "1@eth0: acquire",
            "1@eth0: advert v4 1/0",
            "1@eth0: advert v6 1/0",
        )
    )
    assert not stage.view().serving
    stage.on(SendSucceeded(ONE, Family.IPV4)).expect("1@eth0: serve", ANNOUNCE)
    stage.on(SendSucceeded(ONE, Family.IPV6)).expect()
    assert stage.view().serving


def test_r090_one_family_that_got_out_is_enough():
    stage = backup(DUAL).deadline()
    stage.on(SendSucceeded(ONE, Family.IPV6)).expect("1@eth0: serve", ANNOUNCE)


def test_without_a_sent_advert_nothing_is_claimed():
    stage = backup().deadline().not_sent(105).expect()
    stage.deadline().expect("1@eth0: advert v4 1/0").not_sent(105).expect()
    stage.deadline().expect("1@eth0: advert v4 1/0").sent().expect("1@eth0: serve", ANNOUNCE)


def test_a_send_that_succeeds_after_mastership_is_over_serves_nothing():
    stage = backup().deadline()
    stage.on(advert()).on(SendSucceeded(ONE, Family.IPV4)).expect()
    assert not stage.view().serving


def test_each_mastership_serves_anew():
    stage = backup().master().on(StateRequested(ONE, State.BACKUP))
    stage.deadline().sent().expect("1@eth0: serve", ANNOUNCE)


def test_after_a_silent_master_it_announces_at_once_and_after_1_and_5_adverts():
    assert announcements(backup(), until=30) == [3, 4, 8]


def test_after_a_living_master_it_lets_it_fall_silent_first():
    stage = backup(preempt=True).at(2).on(advert(advskew=9)).sent().expect("1@eth0: serve")
    assert announcements(stage, until=30) == [2.0015, 2.005, 2.02, 3, 7]


@pytest.mark.parametrize("preempt", [False, True])
def test_after_a_bow_out_it_announces_at_once(preempt):
    stage = backup(preempt=preempt).at(2).on(advert(advbase=255, advskew=255))
    stage.sent().expect("1@eth0: serve", ANNOUNCE)
    assert announcements(stage, until=30) == [3, 7]


def test_announcements_due_with_an_advert_follow_it_and_are_made_once():
    stage = backup(preempt=True).at(2).on(advert(advskew=9)).sent()
    stage.at(3).on(DeadlineReached()).expect("1@eth0: advert v4 1/0", ANNOUNCE)


def test_announcements_end_with_mastership():
    stage = backup(preempt=True).at(2).on(advert(advskew=9)).sent().on(advert()).due(5)
    assert stage.view().state is State.BACKUP


def test_a_rival_is_contradicted_at_most_four_times_between_two_adverts():
    stage = backup().master().at(10).on(DeadlineReached())
    told = 0
    for millisecond in range(500):
        stage.at(10.3 + millisecond / 1000).on(advert(advskew=9), DeadlineReached())
        told += [in_words(it) for it in stage.effects].count(ANNOUNCE)
    assert told == 4


def test_a_rival_before_we_serve_is_not_contradicted_yet():
    backup().deadline().not_sent(105).on(advert(advskew=9)).expect().due(4)


def test_the_second_contradiction_is_a_deadline():
    stage = backup().master().at(3.1).on(advert(advskew=9)).expect(ANNOUNCE).due(3.13)
    stage.deadline().expect(ANNOUNCE).due(4)
