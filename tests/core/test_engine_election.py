"""Who becomes master and when: playbooks of spec 5.3 and 6."""

from random import Random

import pytest
from tests.helpers.builders import (
    advert,
    engine_config,
    group,
    key_of,
    running_engine,
    seconds,
)
from tests.helpers.playbook import Play, play

from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    LinkWentUp,
    SendSucceeded,
    Stalled,
    Started,
    StateRequested,
    Stopped,
)
from carpio.core.model import State
from carpio.wire.constants import Family

ONE = key_of("1@eth0")
DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
BETTER = "more frequent advertisement received"
REQUESTED = "user requested via ifconfig"


def takeover(reason: str, rank: str = "1/0") -> tuple[str, str, str]:
    return (f"1@eth0: BACKUP -> MASTER ({reason})", "1@eth0: acquire", f"1@eth0: advert v4 {rank}")


def backup(*, advskew: int = 0, advbase: int = 1, **policy: bool) -> Play:
    """Return a BACKUP since 0."""
    settings = group(advskew=advskew, advbase=advbase)
    return play(running_engine(engine_config(settings, **policy)))


def master(*, advskew: int = 0, **policy: bool) -> Play:
    """Return a MASTER that serves and has made its first announcement."""
    return backup(advskew=advskew, **policy).master()


# -- waiting for a master -----------------------------------------------------------------


def test_r060_a_new_vhid_on_a_live_link_is_backup_at_once_and_sends_nothing():
    stage = play(Engine(Random(1)))
    stage.on(Started(config=engine_config())).expect().due(None)
    stage.on(LinkWentUp("eth0")).expect("1@eth0: INIT -> BACKUP (initialization complete)")


@pytest.mark.parametrize(
    ("advbase", "advskew", "after"), [(1, 0, 3), (1, 100, 3 + 100 / 256), (2, 128, 6.5)]
)
def test_r061_r062_without_a_peer_it_is_master_after_the_master_down_time(advbase, advskew, after):
    stage = backup(advbase=advbase, advskew=advskew)
    stage.at(after - 0.001).on(DeadlineReached()).expect().due(after)
    stage.deadline().expect(*takeover("master timed out", f"{advbase}/{advskew}"))
    assert stage.now == seconds(after)


def test_r072_failover_comes_exactly_one_master_down_time_after_the_last_advert():
    stage = backup(advskew=26)
    stage.at(2.9).on(advert()).expect().due(2.9 + 3 + 26 / 256)
    stage.deadline().expect(*takeover("master timed out", "1/26"))


def test_r072_two_lost_adverts_are_survived_and_three_are_not():
    stage = backup(advskew=26)
    stage.at(1).on(advert())
    stage.at(4).on(DeadlineReached(), advert()).expect()  # those of 2 and 3 were lost
    stage.at(7).on(DeadlineReached()).expect()
    stage.deadline().expect(*takeover("master timed out", "1/26"))
    assert stage.now < seconds(8)


@pytest.mark.parametrize(("own_skew", "survives"), [(223, False), (224, True)])
def test_r072_one_lost_advert_of_a_demoted_master_fails_over_below_skew_224(own_skew, survives):
    stage = backup(advskew=own_skew).at(1).on(advert(advskew=240))
    after_next = seconds(1 + 2 * (1 + 240 / 256))
    assert (stage.engine.next_deadline() >= after_next) == survives


def test_r071_each_family_has_its_own_timer():
    stage = play(running_engine(engine_config(DUAL)))
    stage.at(2).on(advert(DUAL, family=Family.IPV4)).due(3)
    stage.at(2.5).on(advert(DUAL, family=Family.IPV6)).due(5)
    stage.at(4).on(advert(DUAL, family=Family.IPV4)).due(5.5)
    stage.deadline().expect(
        "1@eth0: BACKUP -> MASTER (master timed out)",
        "1@eth0: acquire",
        "1@eth0: advert v4 1/0",
        "1@eth0: advert v6 1/0",
    )


def test_deadlines_that_come_early_or_twice_are_harmless():
    stage = backup().at(1).on(DeadlineReached()).expect().due(3)
    stage.deadline().on(DeadlineReached()).expect().due(4)


def test_a_backup_that_wakes_up_too_late_listens_first():
    stage = backup().at(3.501).on(DeadlineReached()).expect().due(6.501)
    assert stage.view().state is State.BACKUP


def test_a_backup_that_is_half_a_second_late_takes_over():
    backup().at(3.5).on(DeadlineReached()).expect(*takeover("master timed out"))


# -- being master -------------------------------------------------------------------------


def test_r063_adverts_are_one_effective_interval_apart_from_the_second_on():
    stage = backup(advskew=100).deadline()
    taken_over = stage.now / 1e9
    for number in (1, 2, 3):
        stage.due(taken_over + number * (1 + 100 / 256)).deadline()
        assert len(stage.payloads()) == 1


def test_a_late_master_just_sends():
    master().at(9).on(DeadlineReached()).expect("1@eth0: advert v4 1/0", "1@eth0: announce").due(10)


def test_r012_both_families_each_interval_with_different_counters():
    stage = play(running_engine(engine_config(DUAL))).deadline()
    first, second = stage.payloads()
    assert first[8:16] != second[8:16]
    stage.deadline().expect("1@eth0: advert v4 1/0", "1@eth0: advert v6 1/0")


def test_r013_a_group_of_one_family_advertises_in_that_family_alone():
    settings = group("1@eth0", "2001:db8::1/64")
    play(running_engine(engine_config(settings))).deadline().expect(
        "1@eth0: BACKUP -> MASTER (master timed out)", "1@eth0: acquire", "1@eth0: advert v6 1/0"
    )


@pytest.mark.parametrize("own_skew", [20, 10])
def test_r064_r065_a_master_that_hears_a_better_or_equal_advert_is_silent_first(own_skew):
    stage = master(advskew=own_skew).at(3.5)
    stage.on(advert(advskew=10)).expect(
        "1@eth0: release", f"1@eth0: MASTER -> BACKUP ({BETTER})"
    ).due(3.5 + 3 + own_skew / 256)


def test_stepping_down_starts_the_timers_of_all_families():
    stage = play(running_engine(engine_config(DUAL))).master().at(3.5)
    stage.on(advert(DUAL, family=Family.IPV6)).at(6)
    stage.on(advert(DUAL, family=Family.IPV6)).due(6.5)


def test_r066_a_master_that_hears_a_slower_advert_stays_and_sends_no_advert():
    stage = master().at(3.5).on(advert(advskew=1)).expect("1@eth0: announce")
    assert stage.view().state is State.MASTER


def test_r066_in_strict_freebsd_it_sends_nothing_at_all():
    master(strict_freebsd=True).at(3.5).on(advert(advskew=1)).expect().due(4)


# -- adverts heard by a backup ------------------------------------------------------------


def test_r067_without_preempt_a_slower_advert_keeps_a_backup():
    backup(advskew=10).at(2).on(advert(advskew=50)).expect().due(5 + 10 / 256)


def test_r067_r084_with_preempt_a_slower_advert_makes_it_master_at_once():
    stage = backup(advskew=10, preempt=True).at(2).on(advert(advskew=50))
    stage.expect(*takeover("preempting a slower master", "1/10"))


def test_a_group_may_differ_from_the_host_in_preempt():
    settings = group(preempt=False, advskew=10)
    stage = play(running_engine(engine_config(settings, preempt=True)))
    stage.at(2).on(advert(advskew=50)).expect()


def test_r068_an_equal_advert_keeps_a_backup_even_with_preempt():
    backup(advskew=50, preempt=True).at(2).on(advert(advskew=50)).expect()


def test_r069_an_advert_beyond_three_intervals_makes_it_master_without_preempt():
    stage = backup().at(2).on(advert(advbase=3, advskew=1))
    stage.expect(*takeover("master will time out"))


def test_r069_one_of_exactly_three_intervals_does_not():
    backup().at(2).on(advert(advbase=3)).expect()


def test_r070_after_a_bow_out_a_backup_of_skew_0_is_master_at_once():
    stage = backup().at(2).on(advert(advbase=255, advskew=255))
    stage.expect(*takeover("master will time out"))


# -- the turn after a bow-out ------------------------------------------------------------------

TURN = 100 / 256 * 0.015


def bow_out() -> DatagramReceived:
    return advert(advbase=255, advskew=255)


@pytest.mark.parametrize(
    ("preempt", "reason"),
    [(False, "master will time out"), (True, "preempting a slower master")],
)
def test_r070_after_a_bow_out_a_backup_waits_for_its_turn(preempt, reason):
    stage = backup(advskew=100, preempt=preempt).at(2).on(bow_out()).expect().due(2 + TURN)
    stage.deadline().expect(*takeover(reason, "1/100"))
    stage.sent().expect("1@eth0: serve", "1@eth0: announce")


def test_r070_in_strict_freebsd_it_does_not_wait():
    stage = backup(advskew=100, strict_freebsd=True).at(2).on(bow_out())
    stage.expect(*takeover("master will time out", "1/100"))


def test_the_turn_uses_the_effective_skew():
    stage = backup(advskew=100)
    stage.on(DemotionAdjusted("maintenance", 40)).at(2).on(bow_out()).due(2 + 140 / 256 * 0.015)


@pytest.mark.parametrize("advskew", [99, 100])
def test_it_gives_up_its_turn_for_a_better_or_equal_master(advskew):
    stage = backup(advskew=100).at(2).on(bow_out())
    stage.at(2.001).on(advert(advskew=advskew)).expect().due(2.001 + 3 + 100 / 256)


def test_a_worse_advert_does_not_take_the_turn_away():
    stage = backup(advskew=100).at(2).on(bow_out())
    stage.at(2.001).on(advert(advskew=200)).expect().due(2 + TURN)


def test_a_second_bow_out_does_not_begin_the_wait_again():
    backup(advskew=100).at(2).on(bow_out()).at(2.002).on(bow_out()).expect().due(2 + TURN)


def test_with_preempt_a_slower_living_master_ends_the_wait_at_once():
    stage = backup(advskew=100, preempt=True).at(2).on(bow_out())
    stage.at(2.001).on(advert(advskew=200))
    stage.expect(*takeover("preempting a slower master", "1/100"))


def test_a_turn_that_was_slept_over_is_lost():
    stage = backup(advskew=100).at(2).on(bow_out())
    stage.at(2.6).on(DeadlineReached()).expect().due(2.6 + 3 + 100 / 256)


def test_the_master_down_timer_may_end_the_wait():
    stage = backup(advskew=100).at(3 + 99 / 256).on(bow_out())
    stage.deadline().expect(*takeover("master timed out", "1/100"))


# -- requests -----------------------------------------------------------------------------


def test_r079_state_backup_makes_a_master_bow_out_and_wait():
    stage = master().on(StateRequested(ONE, State.BACKUP))
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        f"1@eth0: MASTER -> BACKUP ({REQUESTED})",
    ).due(6)
    stage.deadline().expect(*takeover("master timed out"))


def test_r080_state_master_makes_a_backup_master_at_once():
    stage = backup().at(1).on(StateRequested(ONE, State.MASTER)).expect(*takeover(REQUESTED))
    stage.sent().expect("1@eth0: serve", "1@eth0: announce")


@pytest.mark.parametrize("state", State)
def test_r081_requests_in_init_are_ignored(state):
    stage = play(Engine(Random(1))).on(Started(config=engine_config()))
    stage.on(StateRequested(ONE, state)).expect()


def test_r081_requests_for_init_or_the_present_state_are_ignored():
    for state in (State.INIT, State.BACKUP):
        backup().on(StateRequested(ONE, state)).expect()
    for state in (State.INIT, State.MASTER):
        master().on(StateRequested(ONE, state)).expect()


def test_events_for_unknown_instances_are_ignored():
    stranger = key_of("9@eth9")
    stage = master()
    stage.on(
        StateRequested(stranger, State.BACKUP),
        AddressesRefused(stranger, "no"),
        AddressesAvailable(stranger),
        SendSucceeded(stranger, Family.IPV4),
    ).expect()


# -- refusal, stall, start and end --------------------------------------------------------


def test_a_refusal_makes_a_master_give_up_without_a_bow_out():
    stage = master().on(AddressesRefused(ONE, "address is on eth1"))
    stage.expect("1@eth0: release", "1@eth0: MASTER -> BACKUP (address is on eth1)").due(6)
    assert stage.view().refusal == "address is on eth1"


def test_while_refused_a_backup_never_takes_over_but_listens_on():
    stage = backup(advskew=10, preempt=True).on(AddressesRefused(ONE, "no room")).expect()
    down = 3 + 10 / 256
    stage.at(1).on(StateRequested(ONE, State.MASTER)).expect().due(down)
    stage.at(2).on(advert(advskew=99)).expect().due(2 + down)
    stage.deadline().expect().due(2 + 2 * down)
    stage.at(6).on(bow_out()).deadline().expect().due(stage.now / 1e9 + down)
    stage.on(AddressesAvailable(ONE)).expect()
    stage.deadline().expect(*takeover("master timed out", "1/10"))
    assert stage.view().refusal is None


def test_while_refused_both_timers_are_set_again_when_they_expire():
    stage = play(running_engine(engine_config(DUAL))).on(AddressesRefused(ONE, "no room"))
    stage.deadline().expect().due(6)


def test_a_refusal_in_init_is_remembered():
    stage = play(Engine(Random(1)))
    stage.on(Started(config=engine_config(), resumed=(ONE,)), AddressesRefused(ONE, "no room"))
    stage.on(LinkWentUp("eth0")).expect("1@eth0: INIT -> BACKUP (initialization complete)")


def test_a_stall_makes_a_master_fall_silent_and_listen():
    stage = master().at(8).on(Stalled(seconds(4)))
    stage.expect("1@eth0: release", "1@eth0: MASTER -> BACKUP (stalled)").due(11)


def test_a_stall_makes_a_backup_listen_anew():
    backup().at(2.9).on(Stalled(seconds(2))).expect().due(5.9)


def test_a_resumed_instance_is_master_as_soon_as_its_link_is_up():
    stage = play(Engine(Random(1))).on(Started(config=engine_config(), resumed=(ONE,))).expect()
    stage.on(LinkWentUp("eth0")).expect(
        "1@eth0: INIT -> MASTER (resumed)", "1@eth0: acquire", "1@eth0: advert v4 1/0"
    )
    stage.sent().expect("1@eth0: serve", "1@eth0: announce")


def test_stopping_makes_each_group_silent_then_bow_out():
    groups = (group(), group("2@eth0", "10.0.0.2/24"))
    stage = play(running_engine(engine_config(*groups)))
    stage.on(StateRequested(ONE, State.MASTER)).sent().on(Stopped())
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        "1@eth0: MASTER -> INIT (shutdown)",
        "2@eth0: BACKUP -> INIT (shutdown)",
    ).due(None)
    stage.on(LinkWentUp("eth0"), advert(), DeadlineReached()).expect()


@pytest.mark.parametrize("policy", [{"bow_out": False}, {"strict_freebsd": True}])
def test_without_bow_out_stopping_is_silent(policy):
    stage = master(**policy).on(Stopped())
    stage.expect("1@eth0: release", "1@eth0: MASTER -> INIT (shutdown)")


def test_a_bow_out_covers_both_families_and_takes_the_next_counters():
    stage = play(running_engine(engine_config(DUAL))).at(1)
    stage.on(advert(DUAL, counter=500)).at(2).on(StateRequested(ONE, State.MASTER)).sent()
    stage.on(Stopped()).expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        "1@eth0: bow-out v6 255/255",
        "1@eth0: MASTER -> INIT (shutdown)",
    )
    assert [payload[8:16] for payload in stage.payloads()] == [
        number.to_bytes(8, "big") for number in (503, 504)
    ]


def test_after_a_stop_an_engine_can_be_started_again_and_knows_no_links():
    stage = master().on(Stopped()).on(Started(config=engine_config())).expect()
    stage.on(LinkWentUp("eth0")).expect("1@eth0: INIT -> BACKUP (initialization complete)")


def test_before_the_start_nothing_happens():
    stage = play(Engine(Random(1)))
    stage.on(LinkWentUp("eth0"), advert(), Stopped(), DeadlineReached()).expect().due(None)
    assert stage.engine.snapshot().instances == ()


def test_r041_the_counter_is_copied_in_init_too():
    stage = play(Engine(Random(1))).on(Started(config=engine_config()))
    stage.on(advert(counter=500)).expect()
    stage.on(LinkWentUp("eth0")).deadline()
    assert stage.payloads()[0][8:16] == (501).to_bytes(8, "big")


# -- many groups --------------------------------------------------------------------------


def test_r144_r145_255_groups_and_equal_numbers_on_two_links_elect_independently():
    groups = [group(f"{vhid}@eth0", f"10.0.0.{vhid}/24") for vhid in range(1, 256)]
    groups.append(group("1@eth1", "10.0.1.1/24"))
    stage = play(running_engine(engine_config(*groups))).at(2).on(advert(groups[254]))
    stage.deadline()
    masters = [it.instance for it in stage.engine.snapshot().instances if it.state is State.MASTER]
    assert masters == [it.instance for it in groups if it.instance != key_of("255@eth0")]
    assert len(stage.payloads()) == 255


def test_r144_a_hundred_addresses_are_one_advert():
    settings = group("1@eth0", *(f"10.0.1.{number}/24" for number in range(100)))
    stage = play(running_engine(engine_config(settings))).deadline()
    assert len(stage.payloads()) == 1


def test_r186_another_group_on_the_segment_is_not_disturbed():
    stage = master().at(3.5).on(advert(group("2@eth0", "10.0.0.2/24")))
    stage.expect("eth0: drop badvhid").due(4)


def test_what_is_due_together_fires_by_deadline_then_by_creation():
    groups = (
        group("3@eth0", "10.0.0.3/24", advskew=1),
        group("2@eth0", "10.0.0.2/24"),
        group("1@eth0"),
    )
    stage = play(running_engine(engine_config(*groups))).at(3.1).on(DeadlineReached())
    assert [it.instance for it in stage.effects[::3]] == [key_of(f"{n}@eth0") for n in (2, 1, 3)]
