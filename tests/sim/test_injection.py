"""What each fault does to a running pair, which premise it takes away, and that it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.helpers.builders import engine_config, group
from tests.helpers.sim import SECOND, host, pair, world

from carpio.core.memory import settings_of
from carpio.core.model import State
from carpio.sim.faults import KINDS, Fault, FaultKind
from carpio.sim.findings import Kind
from carpio.sim.injection import Injection
from carpio.sim.node import Node
from carpio.sim.report import Report
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.sim.world import World, WorldSettings
from carpio.wire.auth import Key
from carpio.wire.constants import Family

BEGIN, END = 20 * SECOND, 40 * SECOND

TWENTY_SECONDS: dict[FaultKind, dict[str, Any]] = {
    FaultKind.CRASH: {"host": "a"},
    FaultKind.STOP: {"host": "a"},
    FaultKind.KILL: {"host": "a"},
    FaultKind.PAUSE: {"host": "a"},
    FaultKind.FREEZE: {"host": "a"},
    FaultKind.DRIFT: {"host": "a", "ppm": 50_000},
    FaultKind.LINK_DOWN: {"host": "a"},
    FaultKind.SLOW_LINK: {"host": "a"},
    FaultKind.SEND_ERRORS: {"host": "a"},
    FaultKind.DEMOTE: {"host": "a", "points": 240},
    FaultKind.REFUSE: {"host": "a"},
    FaultKind.ADDRESSES: {"host": "a"},
    FaultKind.PASSPHRASE: {"host": "a"},
    FaultKind.LOSS: {"host": "a", "share": 1_000_000},
    FaultKind.DELAY: {"host": "a", "by": 2 * SECOND},
    FaultKind.JITTER: {"host": "a", "by": 2 * SECOND},
    FaultKind.DUPLICATE: {"host": "a", "share": 1_000_000},
    FaultKind.REORDER: {"host": "a", "share": 500_000, "by": 2 * SECOND},
    FaultKind.ONE_WAY: {"host": "a", "direction": "out"},
    FaultKind.PARTITION: {"hosts": ("a",)},
    FaultKind.MULTICAST_FILTERED: {"host": "b"},
}
MASTER_MEANWHILE = {
    FaultKind.CRASH: ("b",),
    FaultKind.STOP: ("b",),
    FaultKind.KILL: ("b",),
    FaultKind.PAUSE: ("b",),
    FaultKind.FREEZE: ("b",),
    FaultKind.LINK_DOWN: ("b",),
    FaultKind.SLOW_LINK: ("b",),
    FaultKind.SEND_ERRORS: ("b",),
    FaultKind.DEMOTE: ("b",),
    FaultKind.REFUSE: ("b",),
    FaultKind.ADDRESSES: ("a", "b"),
    FaultKind.PASSPHRASE: ("a", "b"),
    FaultKind.LOSS: ("a", "b"),
    FaultKind.ONE_WAY: ("a", "b"),
    FaultKind.PARTITION: ("a", "b"),
    FaultKind.MULTICAST_FILTERED: ("a", "b"),
}

LEAVES_DEMOTION = {FaultKind.SEND_ERRORS, FaultKind.SLOW_LINK}


def fault_of(kind: FaultKind, **more: Any) -> Fault:
    return Fault(kind=kind, at=BEGIN, lasts=END - BEGIN, **(TWENTY_SECONDS[kind] | more))


def in_world(*faults: Fault) -> World:
    made = world()
    Injection(made, faults)
    return made


def key_in_use(node: Node) -> Key:
    assert node.engine is not None
    return settings_of(node.engine).instances[0].key


def played(*faults: Fault, **options: Any) -> Report:
    return run(pair(), Scenario(faults=faults), duration=80 * SECOND, **options)


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_does_what_it_says_and_ends(kind: FaultKind):
    made = in_world(fault_of(kind))
    watch = made.invariants.watches[0]
    made.run(BEGIN - 1)
    assert watch.speakers == ("a",)
    assert watch.premises.hold
    made.run(END - 1)
    if kind in MASTER_MEANWHILE:
        assert watch.speakers == MASTER_MEANWHILE[kind]
    made.run(80 * SECOND)
    made.finish()
    assert watch.speakers == (("b",) if kind in LEAVES_DEMOTION else ("a",))
    assert watch.premises.hold
    assert [one for one in made.findings if one.is_violation] == []


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_switches_off_the_premise_that_it_names(kind: FaultKind):
    made = in_world(fault_of(kind))
    premises = made.invariants.watches[0].premises
    made.run(END - 1)
    assert premises.hold == (not KINDS[kind].premise)
    made.run(END + SECOND)
    assert premises.hold


def test_a_lost_advert_is_a_disturbance_with_its_name():
    made = in_world(fault_of(FaultKind.LOSS, share=500_000))
    premises = made.invariants.watches[0].premises
    made.run(END - 1)
    assert premises.hold
    assert premises.bad_until > END - 5 * SECOND
    assert "advert from a was lost" in premises.cause()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (FaultKind.DELAY, {"by": SECOND // 2}),
        (FaultKind.JITTER, {"by": SECOND // 2}),
        (FaultKind.REORDER, {"by": SECOND // 2}),
        (FaultKind.DRIFT, {"ppm": -5000}),
    ],
)
def test_little_of_it_leaves_the_premises_and_the_pair_alone(kind: FaultKind, more: dict):
    report = played(fault_of(kind, **more))
    assert report.is_clean
    assert report.groups[0].split < SECOND


def test_two_masters_are_a_finding_with_their_cause():
    (finding,) = [
        one
        for one in played(fault_of(FaultKind.PARTITION)).findings
        if one.kind is Kind.TWO_MASTERS
    ]
    assert finding.cause == "the segment is cut"


def test_loss_of_one_family_makes_the_pair_flap_and_is_no_violation():
    report = played(fault_of(FaultKind.ONE_WAY, direction="out", family=Family.IPV6))
    reasons = [one.reason for one in report.groups[0].changes]
    assert reasons.count("master timed out") > 3
    assert not [one for one in report.findings if one.is_violation]


def test_a_killed_daemon_leaves_the_address_served_until_the_dead_man():
    made = in_world(fault_of(FaultKind.KILL))
    watch = made.invariants.watches[0]
    made.run(BEGIN + SECOND)
    assert watch.speakers == ("a",)
    assert made.node_of["a"].engine is None
    made.run(BEGIN + 4 * SECOND)
    assert watch.speakers == ("b",)
    (gap,) = [end for at, who in watch.changes if not who and at > BEGIN for end in [at]]
    assert gap < BEGIN + 3 * SECOND


def test_a_daemon_that_comes_back_soon_resumes():
    report = played(Fault(kind=FaultKind.KILL, at=BEGIN, lasts=SECOND, host="a"))
    assert report.is_clean
    assert ("INIT", "MASTER", "resumed") in [
        (one.old.value, one.new.value, one.reason) for one in report.groups[0].changes
    ]


def test_a_graceful_stop_hands_over_within_a_turn():
    report = played(fault_of(FaultKind.STOP))
    changes = [one for one in report.groups[0].changes if one.at >= BEGIN]
    assert (changes[0].host, changes[0].reason) == ("a", "shutdown")
    taken = next(one for one in changes if one.new is State.MASTER)
    assert taken.host == "b"
    assert taken.at - changes[0].at < 20_000_000
    assert report.groups[0].hosts[0].bow_outs == 2


def test_a_process_that_was_paused_for_too_long_wakes_as_backup():
    report = played(Fault(kind=FaultKind.PAUSE, at=BEGIN, lasts=10 * SECOND, host="a"))
    woken = [one for one in report.groups[0].changes if one.at == BEGIN + 10 * SECOND]
    assert woken[0].host == "a"
    assert woken[0].new is State.BACKUP


def test_a_burst_that_makes_a_master_and_unmakes_it_leaves_in_order():
    # what waited while b was paused: a worse MASTER, which it preempts, then a better one
    faults = (
        Fault(kind=FaultKind.PAUSE, at=20 * SECOND, lasts=20 * SECOND, host="b"),
        Fault(kind=FaultKind.KILL, at=24 * SECOND, lasts=6 * SECOND, host="a"),
    )
    hosts = [host("a", 0), host("b", 100), host("c", 200)]
    made = World(hosts, WorldSettings())
    Injection(made, faults)
    made.run(40 * SECOND)
    of_b = [one for one in made.invariants.changes if one.host == "b" and one.at == 40 * SECOND]
    assert [one.new for one in of_b] == [State.MASTER, State.BACKUP]
    made.run(60 * SECOND)
    assert made.findings == []
    assert made.invariants.watches[0].speakers == ("a",)


def test_a_frozen_machine_goes_on_where_it_was_and_that_is_told_as_such():
    report = played(fault_of(FaultKind.FREEZE), seed=1)
    assert all(one.cause for one in report.findings)


@pytest.mark.parametrize(("factor", "is_demoted"), [(240, True), (0, False)])
def test_the_lagg_case_of_bug_191832_demotes_as_the_factor_says(factor: int, is_demoted: bool):
    made = world(*pair(senderr_demotion_factor=factor))
    Injection(made, [fault_of(FaultKind.SLOW_LINK)])
    made.run(END - 1)
    assert (made.node_of["a"].demotion > 0) == is_demoted
    assert made.invariants.watches[0].speakers == ("b",)


def test_demotion_by_send_errors_stays_on_a_backup_and_is_told_why():
    (finding,) = played(fault_of(FaultKind.SEND_ERRORS)).findings
    assert finding.kind is Kind.DEMOTION
    assert finding.cause == "a BACKUP sends nothing that could succeed"


def test_master_and_backup_are_looked_up_when_it_happens():
    report = played(
        Fault(kind=FaultKind.CRASH, at=BEGIN, host="master"),
        Fault(kind=FaultKind.CRASH, at=END, host="master"),
    )
    assert report.faults == ("20.000s crash a", "40.000s crash b")


def test_faults_of_one_host_end_in_any_order():
    report = played(
        Fault(kind=FaultKind.CRASH, at=BEGIN, lasts=10 * SECOND, host="a"),
        Fault(kind=FaultKind.CRASH, at=BEGIN + SECOND, lasts=2 * SECOND, host="a"),
        Fault(kind=FaultKind.KILL, at=BEGIN + SECOND, lasts=15 * SECOND, host="a"),
        Fault(kind=FaultKind.FREEZE, at=BEGIN + 2 * SECOND, lasts=3 * SECOND, host="a"),
        Fault(kind=FaultKind.LINK_DOWN, at=BEGIN + 2 * SECOND, lasts=12 * SECOND, host="a"),
    )
    assert report.groups[0].speakers[-1][1] == ("a",)
    assert not [one for one in report.findings if one.is_violation]


def test_a_drift_that_ends_within_another_one_leaves_that_one():
    made = in_world(
        Fault(kind=FaultKind.DRIFT, at=BEGIN, lasts=30 * SECOND, host="a", ppm=1_000),
        Fault(kind=FaultKind.DRIFT, at=BEGIN + SECOND, lasts=SECOND, host="a", ppm=50_000),
    )
    made.run(BEGIN + 2 * SECOND)
    begun = made.node_of["a"].clock.local(BEGIN + 2 * SECOND)
    made.run(BEGIN + 12 * SECOND)
    gained = made.node_of["a"].clock.local(BEGIN + 12 * SECOND) - begun - 10 * SECOND
    assert gained == 10 * SECOND // 1_000


def test_a_crash_while_frozen_boots_with_a_running_clock():
    report = played(
        Fault(kind=FaultKind.FREEZE, at=BEGIN, lasts=20 * SECOND, host="a"),
        Fault(kind=FaultKind.CRASH, at=BEGIN + SECOND, lasts=SECOND, host="a"),
    )
    assert report.groups[0].speakers[-1][1] == ("a",)


def test_an_address_added_on_one_side_is_a_different_list():
    report = run(
        [host("a", 0, "10.0.0.1/24"), host("b", 100, "10.0.0.1/24")],
        Scenario(faults=(fault_of(FaultKind.ADDRESSES),)),
        duration=80 * SECOND,
    )
    assert {one.cause for one in report.findings} == {"address lists differ"}


def test_two_equal_backups_that_take_over_at_once_settle_with_the_first_advert():
    hosts = [host(name, skew, "10.0.0.1/24") for name, skew in (("a", 0), ("b", 100), ("c", 100))]
    crash = Fault(kind=FaultKind.CRASH, at=BEGIN, host="a")
    report = run(hosts, Scenario(faults=(crash,)), seed=4, duration=60 * SECOND)
    assert report.groups[0].split < 1_000_000


@pytest.mark.parametrize("seed", range(12))
def test_a_master_that_loses_its_demotion_keeps_the_switch(seed: int):
    """Its last slow advert makes the BACKUP preempt, whose own advert then turns the switch."""
    report = played(
        Fault(kind=FaultKind.SEND_ERRORS, at=BEGIN, lasts=int(2.19 * SECOND), host="a"),
        Fault(kind=FaultKind.STOP, at=END, lasts=SECOND // 50, host="b"),
        seed=seed,
    )
    assert not [one for one in report.findings if one.is_violation]


@pytest.mark.parametrize("seed", range(4))
def test_hosts_that_boot_together_do_not_mislead_the_switch_while_they_elect(seed: int):
    """Each hears some that are worse and some that are better, all within a second."""
    hosts = [host(f"h{number}", 3 * number, groups=4) for number in range(8)]
    report = run(hosts, Scenario(), seed=seed, duration=12 * SECOND)
    assert not [one for one in report.findings if one.is_violation]


@pytest.mark.parametrize("kind", [FaultKind.FREEZE, FaultKind.PAUSE])
def test_a_setting_that_changes_while_nothing_runs_counts_from_then_on(kind: FaultKind):
    made = in_world(
        Fault(kind=FaultKind.PASSPHRASE, at=BEGIN, lasts=10 * SECOND, host="a"),
        Fault(kind=kind, at=BEGIN + 5 * SECOND, lasts=10 * SECOND, host="a"),
    )
    node = made.node_of["a"]
    made.run(BEGIN + 12 * SECOND)
    assert key_in_use(node) != node.config.instances[0].key
    made.run(BEGIN + 15 * SECOND)
    assert key_in_use(node) == node.config.instances[0].key
    made.run(80 * SECOND)
    assert [one for one in made.findings if one.is_violation] == []
    assert made.invariants.watches[0].speakers == ("a",)


def test_a_setting_that_changes_while_frozen_and_paused_counts_when_both_are_over():
    made = in_world(
        Fault(kind=FaultKind.FREEZE, at=BEGIN, lasts=5 * SECOND, host="a"),
        Fault(kind=FaultKind.PAUSE, at=BEGIN - SECOND, lasts=10 * SECOND, host="a"),
        Fault(kind=FaultKind.PASSPHRASE, at=BEGIN + SECOND, host="a"),
    )
    node = made.node_of["a"]
    made.run(BEGIN + 8 * SECOND)
    assert key_in_use(node) != node.config.instances[0].key
    made.run(BEGIN + 9 * SECOND)
    assert key_in_use(node) == node.config.instances[0].key


def test_a_daemon_that_is_started_anew_needs_no_reload():
    made = in_world(
        Fault(kind=FaultKind.PAUSE, at=BEGIN, lasts=10 * SECOND, host="a"),
        Fault(kind=FaultKind.PASSPHRASE, at=BEGIN + SECOND, host="a"),
        Fault(kind=FaultKind.KILL, at=BEGIN + 2 * SECOND, lasts=3 * SECOND, host="a"),
    )
    node = made.node_of["a"]
    made.run(BEGIN + 15 * SECOND)
    assert key_in_use(node) == node.config.instances[0].key


def test_refusals_that_overlap_end_with_the_last():
    made = in_world(
        Fault(kind=FaultKind.REFUSE, at=BEGIN, lasts=5 * SECOND, host="a"),
        Fault(kind=FaultKind.REFUSE, at=BEGIN + SECOND, lasts=19 * SECOND, host="a"),
    )
    watch = made.invariants.watches[0]
    made.run(BEGIN + 15 * SECOND)
    assert watch.speakers == ("b",)
    made.run(END + 5 * SECOND)
    assert watch.speakers == ("a",)


def test_addresses_of_the_first_group_alone_are_changed():
    other = group("1@eth1", "10.0.9.1/24", "10.0.9.2/24")
    hosts = [
        replace(one, config=replace(one.config, instances=(*one.config.instances, other)))
        for one in pair()
    ]
    made = world(*hosts)
    Injection(made, [fault_of(FaultKind.ADDRESSES)])
    made.run(END - 1)
    first, second = made.node_of["a"].config.instances
    assert len(first.addresses) == 1
    assert second == other


EMPTY = replace(host("e"), config=replace(host("e").config, instances=()))


@pytest.mark.parametrize(
    "kind", [kind for kind, spec in KINDS.items() if any(s.name == "host" for s in spec.settings)]
)
def test_a_fault_of_a_host_without_groups_does_nothing_and_says_so(kind: FaultKind):
    faults = (fault_of(kind, host="e"),)
    report = run([*pair(), EMPTY], Scenario(faults=faults), duration=60 * SECOND)
    assert report.warnings == ("fault 1 does nothing: e has no group",)
    assert report.findings == ()
    assert report.groups[0].speakers[-1][1] == ("a",)


def test_a_fault_of_an_interface_without_groups_does_nothing_and_says_so():
    report = played(fault_of(FaultKind.LINK_DOWN, host="master", interface="eth1"))
    assert report.warnings == ("fault 1 does nothing: a has no group on eth1",)


def test_without_another_member_nobody_is_backup_and_that_is_told():
    hosts = [host("a", 0), replace(host("b"), config=engine_config(group("2@eth0")))]
    report = run(hosts, Scenario(faults=(Fault(kind=FaultKind.CRASH, at=BEGIN, host="backup"),)))
    assert report.warnings == ("fault 1 does nothing: no host but a has 1@eth0",)
    assert report.faults == ("20.000s crash backup",)


def test_backup_is_a_host_in_that_state():
    hosts = [host("a", 0), host("b", 100), host("c", 200)]
    crashes = [
        Fault(kind=FaultKind.CRASH, at=BEGIN, host="b"),
        Fault(kind=FaultKind.CRASH, at=END, host="backup"),
    ]
    report = run(hosts, Scenario(faults=tuple(crashes)))
    assert report.faults == ("20.000s crash b", "40.000s crash c")


def test_a_host_is_found_by_its_name_also_when_that_is_a_role():
    hosts = [host("backup", 0), host("master", 100)]
    report = run(hosts, Scenario(faults=(Fault(kind=FaultKind.CRASH, at=BEGIN, host="master"),)))
    assert report.groups[0].speakers[-1][1] == ("backup",)
