"""Links, `allow`, send errors and what they do to the demotion number: spec 6.4, 10."""

from random import Random

from tests.helpers.builders import advert, engine_config, group, key_of, running_engine, seconds
from tests.helpers.playbook import Play, play

from carpio.core.engine import Engine
from carpio.core.events import (
    ConfigurationReplaced,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    LinkWentDown,
    LinkWentUp,
    SendFailed,
    Started,
)
from carpio.core.model import DemotionCause, State
from carpio.wire.constants import Family

DOWN = "hardware interface down"
READY = "INIT -> BACKUP (initialization complete)"
OTHER = group("2@eth1", "10.0.2.1/24")
SAME_LINK = group("2@eth0", "10.0.0.2/24")


def master(*groups, **policy) -> Play:
    return play(running_engine(engine_config(*groups, **policy))).master()


def total(stage: Play) -> int:
    return stage.engine.snapshot().demotion


# -- links --------------------------------------------------------------------------------


def test_r073_link_down_makes_a_backup_init_and_demotes():
    stage = play(running_engine(engine_config())).on(LinkWentDown("eth0"))
    stage.expect(f"1@eth0: BACKUP -> INIT ({DOWN})", "demoted by 240 to 240 (interface down)")
    stage.due(None)


def test_r073_r075_r076_link_down_makes_a_master_silent_without_a_word():
    stage = master().on(LinkWentDown("eth0"))
    stage.expect(
        "1@eth0: release",
        f"1@eth0: MASTER -> INIT ({DOWN})",
        "demoted by 240 to 240 (interface down)",
    ).due(None)


def test_r073_no_group_of_a_lost_link_sends_because_another_one_demoted():
    stage = master(group(), SAME_LINK).on(LinkWentDown("eth0"))
    stage.expect(
        "1@eth0: release",
        f"1@eth0: MASTER -> INIT ({DOWN})",
        "demoted by 240 to 240 (interface down)",
        "2@eth0: release",
        f"2@eth0: MASTER -> INIT ({DOWN})",
        "demoted by 240 to 480 (interface down)",
    )


def test_r074_link_up_makes_backup_and_master_only_after_the_master_down_time():
    stage = master().on(LinkWentDown("eth0")).at(10).on(LinkWentUp("eth0"))
    stage.expect(f"1@eth0: {READY}", "demoted by -240 to 0 (interface up)").due(13)
    stage.deadline().expect(
        "1@eth0: BACKUP -> MASTER (master timed out)", "1@eth0: acquire", "1@eth0: advert v4 1/0"
    )


def test_r124_a_link_counts_once_per_group_however_often_it_is_told():
    stage = play(running_engine(engine_config(group(), SAME_LINK)))
    stage.on(LinkWentDown("eth0")).on(LinkWentDown("eth0")).expect()
    assert total(stage) == 480
    assert stage.engine.snapshot().causes == (
        DemotionCause("interface down 1@eth0", 240),
        DemotionCause("interface down 2@eth0", 240),
    )
    stage.on(LinkWentUp("eth0")).on(LinkWentUp("eth0")).expect()
    assert total(stage) == 0


def test_r125_a_lost_link_makes_the_other_groups_slower_at_once():
    stage = master(group(), OTHER).on(LinkWentDown("eth0"))
    stage.expect(
        "1@eth0: release",
        f"1@eth0: MASTER -> INIT ({DOWN})",
        "demoted by 240 to 240 (interface down)",
        "2@eth1: advert v4 1/240",
        "2@eth1: announce",
    )
    stage.on(advert(OTHER, advskew=100)).expect(
        "2@eth1: release", "2@eth1: MASTER -> BACKUP (more frequent advertisement received)"
    )


def test_a_link_not_heard_of_yet_demotes_nobody():
    stage = play(Engine(Random(1))).on(Started(config=engine_config())).expect()
    assert total(stage) == 0
    stage.on(LinkWentDown("eth0")).expect("demoted by 240 to 240 (interface down)")


def test_links_without_groups_mean_nothing():
    master().on(LinkWentDown("eth9"), LinkWentUp("eth9")).expect()


def test_a_link_that_goes_down_ends_the_claim_to_resume():
    stage = play(Engine(Random(1)))
    stage.on(Started(config=engine_config(), resumed=(key_of("1@eth0"),)))
    stage.on(LinkWentDown("eth0"), LinkWentUp("eth0"))
    assert stage.view().state is State.BACKUP


# -- allow --------------------------------------------------------------------------------


def test_r077_allow_off_bows_out_and_allow_on_brings_backup():
    stage = master().at(3.5).on(ConfigurationReplaced(config=engine_config(allow=False)))
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        f"1@eth0: MASTER -> INIT ({DOWN})",
        "demoted by 240 to 240 (interface down)",
    )
    stage.on(ConfigurationReplaced(config=engine_config()))
    stage.expect(f"1@eth0: {READY}", "demoted by -240 to 0 (interface up)").due(6.5)


def test_r077_allow_off_from_the_start_keeps_init_when_the_link_comes():
    stage = play(Engine(Random(1))).on(Started(config=engine_config(allow=False))).expect()
    stage.on(LinkWentUp("eth0")).expect("demoted by 240 to 240 (interface down)")
    assert stage.view().state is State.INIT


# -- removal ------------------------------------------------------------------------------


def test_r126_removing_a_group_whose_link_is_down_takes_its_share_back():
    stage = master(group(), OTHER).on(LinkWentDown("eth0"))
    stage.on(ConfigurationReplaced(config=engine_config(OTHER)))
    stage.expect("demoted by -240 to 0 (vhid removed)", "2@eth1: advert v4 1/0")


def test_r126_removing_a_group_takes_back_what_its_send_errors_added():
    stage = master(group(), OTHER)
    stage.on(*[SendFailed(key_of("1@eth0"), Family.IPV4, 100)] * 3)
    stage.on(ConfigurationReplaced(config=engine_config(OTHER)))
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        "1@eth0: MASTER -> INIT (vhid removed)",
        "demoted by -240 to 0 (vhid removed)",
        "2@eth1: advert v4 1/0",
    )


def test_a_group_created_on_a_link_that_is_down_demotes_at_once():
    stage = play(running_engine(engine_config(OTHER))).on(LinkWentDown("eth0")).expect()
    stage.on(ConfigurationReplaced(config=engine_config(OTHER, group())))
    stage.expect("demoted by 240 to 240 (interface down)")


# -- factors ------------------------------------------------------------------------------


def test_r128_a_factor_of_0_still_tells_of_a_change_by_0():
    stage = play(running_engine(engine_config(ifdown_demotion_factor=0)))
    stage.on(LinkWentDown("eth0"))
    stage.expect(f"1@eth0: BACKUP -> INIT ({DOWN})", "demoted by 0 to 0 (interface down)")
    assert stage.engine.snapshot().causes == ()
    stage.on(LinkWentUp("eth0")).expect(f"1@eth0: {READY}", "demoted by 0 to 0 (interface up)")


def test_r128_what_was_added_is_taken_back_though_the_factor_changed_in_between():
    stage = play(running_engine(engine_config(ifdown_demotion_factor=100)))
    stage.on(LinkWentDown("eth0"))
    stage.on(ConfigurationReplaced(config=engine_config(ifdown_demotion_factor=7))).expect()
    stage.on(LinkWentUp("eth0"))
    stage.expect(f"1@eth0: {READY}", "demoted by -100 to 0 (interface up)")


# -- shares by name -----------------------------------------------------------------------


def test_r120_100_then_minus_100_returns_and_both_are_told():
    stage = play(running_engine(engine_config()))
    stage.on(DemotionAdjusted("sysctl", 100)).expect("demoted by 100 to 100 (sysctl)")
    stage.on(DemotionAdjusted("sysctl", -100)).expect("demoted by -100 to 0 (sysctl)")
    assert stage.engine.snapshot().causes == ()


def test_r121_any_adjustment_makes_every_master_advertise_and_rearm():
    stage = master(group(), SAME_LINK).at(3.5).on(DemotionAdjusted("backup running", 50))
    stage.expect(
        "demoted by 50 to 50 (backup running)",
        "1@eth0: advert v4 1/50",
        "1@eth0: announce",
        "2@eth0: advert v4 1/50",
        "2@eth0: announce",
    ).due(3.5 + 1 + 50 / 256)


def test_r121_an_adjustment_by_0_does_so_too():
    master().on(DemotionAdjusted("sysctl", 0)).expect(
        "demoted by 0 to 0 (sysctl)", "1@eth0: advert v4 1/0", "1@eth0: announce"
    )


def test_clearing_a_share_is_told_once():
    stage = play(running_engine(engine_config())).on(DemotionAdjusted("disk", 30))
    stage.on(DemotionCleared("disk")).expect("demoted by -30 to 0 (disk)")
    stage.on(DemotionCleared("disk")).expect()


def test_r122_the_advertised_skew_stays_within_0_and_240():
    stage = master(group(advskew=254)).at(5)
    assert stage.view().effective_advskew == 240
    stage.on(DemotionAdjusted("sysctl", -300))
    stage.expect("demoted by -300 to -300 (sysctl)", "1@eth0: advert v4 1/0", "1@eth0: announce")
    assert stage.view().advskew == 254


def test_r123_the_master_down_time_does_not_know_demotion():
    stage = play(running_engine(engine_config(group(advskew=254))))
    stage.on(DemotionAdjusted("sysctl", 100)).at(1).on(advert()).due(1 + 3 + 254 / 256)


def test_a_group_that_comes_later_is_as_demoted_as_the_others():
    stage = play(running_engine(engine_config())).on(DemotionAdjusted("sysctl", 30))
    stage.on(ConfigurationReplaced(config=engine_config(group(), SAME_LINK)))
    assert stage.view("2@eth0").effective_advskew == 30


# -- send errors --------------------------------------------------------------------------


def test_r127_the_third_error_demotes_and_three_good_sends_undo_it():
    stage = play(running_engine(engine_config())).deadline().not_sent(100).expect()
    stage.deadline().not_sent(100).expect()
    stage.deadline().not_sent(100).expect(
        "demoted by 240 to 240 (send error 100 on eth0)", "1@eth0: advert v4 1/240"
    )
    stage.not_sent(100).expect()
    assert not stage.view().serving
    stage.deadline().sent().expect("1@eth0: serve", "1@eth0: announce")
    stage.deadline().expect("1@eth0: advert v4 1/240", "1@eth0: announce").sent().expect()
    stage.deadline().sent()
    stage.expect("demoted by -240 to 0 (send ok on eth0)", "1@eth0: advert v4 1/0")


def test_r127_each_family_counts_by_itself():
    dual = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
    stage = play(running_engine(engine_config(dual))).deadline().not_sent(105).expect()
    stage.deadline().not_sent(105)
    assert total(stage) == 240


def test_r127_two_errors_then_three_good_sends_do_nothing_visible():
    stage = master()
    for _ in range(2):
        stage.deadline().not_sent(100).expect()
    for _ in range(3):
        stage.deadline().sent().expect()
    assert total(stage) == 0


def test_r128_a_send_error_factor_of_0_still_tells():
    stage = master(senderr_demotion_factor=0)
    stage.on(*[SendFailed(key_of("1@eth0"), Family.IPV4, 100)] * 3)
    stage.expect(
        "demoted by 0 to 0 (send error 100 on eth0)", "1@eth0: advert v4 1/0", "1@eth0: announce"
    )


def test_late_deadlines_after_all_that_are_still_in_step():
    stage = master().on(DemotionAdjusted("sysctl", 10)).at(20).on(DeadlineReached())
    assert stage.engine.next_deadline() == seconds(21 + 10 / 256)
