"""Groups that come, go and change while the engine runs: spec 6.4, 14."""

from dataclasses import replace
from random import Random

from tests.helpers.builders import advert, engine_config, group, key_of, running_engine
from tests.helpers.playbook import Play, in_words, play

from carpio.core.engine import Engine
from carpio.core.events import ConfigurationReplaced, DeadlineReached, LinkWentUp, Started
from carpio.core.model import EngineConfig, InstanceConfig, State
from carpio.wire.auth import Authenticator
from carpio.wire.constants import Family

READY = "INIT -> BACKUP (initialization complete)"
REEVALUATED = "hardware interface up"
TWO = group("1@eth0", "10.0.0.1/24", "10.0.0.2/24")
DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
SECOND = group("2@eth0", "10.0.0.2/24")
EMPTY = replace(group(), addresses=())


def replaced(*groups, **policy) -> ConfigurationReplaced:
    return ConfigurationReplaced(config=engine_config(*groups, **policy))


def backup(*groups, **policy) -> Play:
    return play(running_engine(engine_config(*groups, **policy)))


def master(*groups, **policy) -> Play:
    return backup(*groups, **policy).master()


def signed_for(payload: bytes, settings: InstanceConfig) -> bool:
    authenticator = Authenticator(
        settings.key, settings.vhid, [virtual.address for virtual in settings.addresses]
    )
    return authenticator.verify(payload[8:16], payload[16:36])


# -- groups -------------------------------------------------------------------------------


def test_r060_a_group_added_on_a_live_link_is_backup_at_once():
    stage = backup().at(1).on(replaced(group(), SECOND)).expect(f"2@eth0: {READY}")
    stage.at(3).on(DeadlineReached()).due(4)


def test_r146_a_removed_group_bows_out_and_is_forgotten():
    stage = master().on(ConfigurationReplaced(config=EngineConfig()))
    stage.expect(
        "1@eth0: release", "1@eth0: bow-out v4 255/255", "1@eth0: MASTER -> INIT (vhid removed)"
    ).due(None)
    assert stage.engine.snapshot().instances == ()


def test_r146_a_group_that_returns_starts_anew():
    stage = master().at(3.5).on(advert(advskew=9)).on(replaced(SECOND)).on(replaced(group()))
    assert stage.view().rivals == ()
    assert stage.view().counters["ipackets"] == 0
    stage.due(6.5)


def test_removed_groups_leave_before_new_ones_come():
    stage = master().on(replaced(SECOND))
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        "1@eth0: MASTER -> INIT (vhid removed)",
        f"2@eth0: {READY}",
    )


def test_r145_a_group_that_moves_to_another_link_is_a_new_one():
    stage = backup().on(replaced(group("1@eth1")))
    stage.expect("1@eth0: BACKUP -> INIT (vhid removed)")
    stage.on(LinkWentUp("eth1")).expect(f"1@eth1: {READY}")


def test_the_view_keeps_the_order_of_the_configuration():
    stage = backup(group(), SECOND).on(replaced(SECOND, group()))
    names = [str(view.instance) for view in stage.engine.snapshot().instances]
    assert names == ["2@eth0", "1@eth0"]


def test_an_unchanged_configuration_changes_nothing():
    master().at(3.5).on(replaced(group())).expect().due(4)


# -- settings -----------------------------------------------------------------------------


def test_r085_changing_key_rank_or_preempt_of_a_master_disturbs_no_timer():
    changed = group(advbase=2, advskew=77, passphrase="other", preempt=True)
    stage = master().at(3.5).on(replaced(changed)).expect().due(4)
    stage.deadline().expect("1@eth0: advert v4 2/77", "1@eth0: announce").due(4 + 2 + 77 / 256)
    assert signed_for(stage.payloads()[0], changed)


def test_r085_nor_that_of_a_backup():
    changed = group(advbase=2, advskew=77, passphrase="other")
    backup().at(2).on(replaced(changed)).expect().due(3)


def test_r032_a_new_key_counts_for_the_next_packet_heard():
    changed = group(passphrase="other")
    stage = backup().at(2).on(replaced(changed))
    stage.on(advert()).expect("1@eth0: drop badauth")
    stage.on(advert(changed)).expect().due(5)


def test_switching_preempt_on_counts_for_the_next_advert():
    stage = backup().at(2).on(advert(advskew=9)).expect()
    stage.on(replaced(group(), preempt=True)).expect().at(3).on(advert(advskew=9))
    assert stage.view().state is State.MASTER


def test_r147_another_prefix_or_order_is_no_change_of_the_list():
    changed = group("1@eth0", "10.0.0.2/32", "10.0.0.1/32")
    stage = master(TWO, strict_freebsd=True).on(replaced(changed, strict_freebsd=True)).expect()
    assert stage.view().addresses == changed.addresses


# -- addresses ----------------------------------------------------------------------------


def test_an_address_added_to_a_master_is_advertised_and_announced_at_once():
    stage = master().at(3.5).on(replaced(TWO))
    stage.expect("1@eth0: advert v4 1/0", "1@eth0: announce").due(4.5)
    assert signed_for(stage.payloads()[0], TWO)


def test_an_added_address_is_announced_as_often_as_after_a_takeover():
    stage = master()
    for _ in range(6):
        stage.deadline()
    stage.on(replaced(TWO)).expect("1@eth0: advert v4 1/0", "1@eth0: announce")
    told = ["1@eth0: announce" in words(stage.deadline()) for _ in range(6)]
    assert told == [True, False, False, False, True, False]


def words(stage: Play) -> list[str]:
    return [in_words(effect) for effect in stage.effects]


def test_an_address_removed_from_a_master_is_advertised_without_announcement():
    stage = master(TWO).deadline().at(4.5)  # the advert after which it announces has gone
    stage.on(replaced(group())).expect("1@eth0: advert v4 1/0").due(5.5)
    assert signed_for(stage.payloads()[0], group())


def test_a_master_that_does_not_serve_yet_announces_all_when_it_does():
    stage = backup().deadline().not_sent(100).on(replaced(TWO)).expect("1@eth0: advert v4 1/0")
    stage.sent().expect("1@eth0: serve", "1@eth0: announce")


def test_a_family_added_to_a_master_is_advertised_too():
    stage = master().on(replaced(DUAL))
    stage.expect("1@eth0: advert v4 1/0", "1@eth0: advert v6 1/0", "1@eth0: announce")


def test_a_backup_whose_list_changes_stays_and_listens_anew_in_the_families_it_has():
    stage = backup(DUAL).at(2).on(replaced(group("1@eth0", "2001:db8::7/64"))).expect().due(5)
    stage.at(3).on(advert(DUAL)).expect("eth0: drop badvhid")


def test_r148_moving_an_address_changes_both_digests():
    fuller = group("2@eth0", "10.0.0.2/24", "10.0.0.3/24")
    stage = master(TWO, group("2@eth0", "10.0.0.3/24")).on(replaced(group(), fuller))
    first, second = stage.payloads()
    assert signed_for(first, group())
    assert signed_for(second, fuller)


def test_r078_in_strict_freebsd_an_attach_takes_a_master_through_init():
    stage = master(strict_freebsd=True).at(3.5).on(replaced(TWO, strict_freebsd=True))
    stage.expect(
        "1@eth0: release", f"1@eth0: MASTER -> INIT ({REEVALUATED})", f"1@eth0: {READY}"
    ).due(6.5)
    stage.deadline().expect(
        "1@eth0: BACKUP -> MASTER (master timed out)", "1@eth0: acquire", "1@eth0: advert v4 1/0"
    )


def test_r078_and_a_backup_too():
    stage = backup(strict_freebsd=True).at(2).on(replaced(TWO, strict_freebsd=True))
    stage.expect(f"1@eth0: BACKUP -> INIT ({REEVALUATED})", f"1@eth0: {READY}").due(5)


def test_r078_without_strict_freebsd_mastership_is_kept():
    assert master().on(replaced(TWO)).view().state is State.MASTER


def test_a_group_without_addresses_waits_in_init_until_it_has_one():
    stage = play(Engine(Random(1))).on(Started(config=engine_config(EMPTY))).expect()
    stage.on(LinkWentUp("eth0")).expect().due(None)
    stage.at(5).on(replaced(group())).expect(f"1@eth0: {READY}").due(8)


def test_a_master_that_loses_all_addresses_bows_out_under_the_old_ones():
    stage = master().on(replaced(EMPTY))
    stage.expect(
        "1@eth0: release",
        "1@eth0: bow-out v4 255/255",
        f"1@eth0: MASTER -> INIT ({REEVALUATED})",
    ).due(None)
    assert signed_for(stage.payloads()[0], group())


def test_a_backup_that_loses_all_addresses_is_init():
    backup().on(replaced(EMPTY)).expect(f"1@eth0: BACKUP -> INIT ({REEVALUATED})").due(None)


def test_a_resumed_group_without_addresses_does_not_resume_later():
    stage = play(Engine(Random(1)))
    stage.on(Started(config=engine_config(EMPTY), resumed=(key_of("1@eth0"),)))
    stage.on(LinkWentUp("eth0")).on(replaced(group())).expect(f"1@eth0: {READY}")


def test_a_group_removed_before_its_link_was_up_does_not_resume_when_it_returns():
    stage = play(Engine(Random(1)))
    stage.on(Started(config=engine_config(), resumed=(key_of("1@eth0"),)))
    stage.on(replaced(SECOND), replaced(group()), LinkWentUp("eth0")).expect(f"1@eth0: {READY}")


def test_addresses_that_change_while_the_link_is_down_count_when_it_returns():
    stage = play(Engine(Random(1))).on(Started(config=engine_config())).on(replaced(DUAL)).expect()
    stage.on(LinkWentUp("eth0")).at(1).on(advert(DUAL, family=Family.IPV6)).due(3)
