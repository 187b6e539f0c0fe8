"""Which groups are asked about a frame, and when they are checked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from tests.helpers.builders import group
from tests.helpers.sim import SECOND, host, pair, world

from carpio.core.engine import Engine
from carpio.core.instance import Instance
from carpio.core.model import State, VirtualAddress
from carpio.core.schedule import Schedule
from carpio.sim import datapath
from carpio.sim.faults import Fault, FaultKind
from carpio.sim.findings import Finding, Kind
from carpio.sim.frames import Frame, arp_reply
from carpio.sim.injection import Injection
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.sim.world import World, WorldSettings
from carpio.wire.ethernet import virtual_mac

ASKER = bytes.fromhex("0200000000fe"), ip_address("198.18.0.254").packed


def claimed(made: World, address: str, vhid: int, by: str = "a") -> set[tuple[Kind, str]]:
    """Let a host say that an address is at a virtual MAC; return what is wrong with that."""
    reply = Frame(arp_reply(virtual_mac(vhid), ip_address(address).packed, *ASKER))
    made.invariants.spoke(made.node_of[by].nics["eth0"], reply, made.now)
    return {(one.kind, one.group) for one in made.findings}


def settled() -> World:
    made = world(host("a", 0, groups=3), host("b", 100, groups=3))
    made.run(10 * SECOND)
    assert made.findings == []
    return made


def test_a_claim_with_the_mac_of_its_group_by_its_master_is_right():
    assert claimed(settled(), "10.0.2.1", 2) == set()


def test_a_claim_by_a_backup_is_not():
    assert claimed(settled(), "10.0.2.1", 2, by="b") == {(Kind.NOT_MASTER, "2@eth0")}


def test_a_claim_with_the_mac_of_another_group_is_wrong_for_both():
    wrong = {(Kind.WRONG_MAC, "2@eth0"), (Kind.REVERSE_LIE, "3@eth0")}
    assert claimed(settled(), "10.0.2.1", 3) == wrong


def test_a_claim_of_nobodys_address_is_a_lie_about_the_mac_alone():
    assert claimed(settled(), "10.9.9.9", 1) == {(Kind.REVERSE_LIE, "1@eth0")}


def test_an_address_that_was_added_is_looked_for_from_then_on():
    made = settled()
    added = VirtualAddress(ip_address("10.9.9.9"), 24)
    for node in made.nodes:
        first, *others = node.config.instances
        longer = replace(first, addresses=(*first.addresses, added))
        node.config = replace(node.config, instances=(longer, *others))
    for watch in made.invariants.watches:
        watch.compare(made.now)
    assert claimed(made, "10.9.9.9", 1) == set()


def test_each_group_is_checked_when_its_time_has_come():
    a, b = host("a", 0, groups=3), host("b", groups=3)
    members = [replace(one, advskew=100 + n) for n, one in enumerate(b.config.instances)]
    b = replace(b, config=replace(b.config, instances=tuple(members)))
    made = World([a, b], WorldSettings(probe_every=0))
    Injection(made, [Fault(kind=FaultKind.PARTITION, at=20 * SECOND, hosts=("a",))])
    made.run(60 * SECOND)
    found = [one for one in made.findings if one.kind is Kind.TWO_MASTERS]
    assert [one.group for one in found] == ["1@eth0", "2@eth0", "3@eth0"]
    for one, watch in zip(found, made.invariants.watches, strict=True):
        since = next(at for at, who in watch.changes if len(who) == 2 and at > 20 * SECOND)
        assert one.first == since + watch.bounds.two + 1


def test_a_group_of_another_carpdev_is_not_asked():
    a, b = pair()
    other = group("9@eth1", "10.0.9.1/24")
    a = replace(a, config=replace(a.config, instances=(*a.config.instances, other)))
    made = world(a, b)
    made.run(10 * SECOND)
    assert claimed(made, "10.0.9.1", 9) == set()


def test_the_demotion_of_a_host_that_may_not_run_has_its_cause():
    made = world(host("a", 0), host("b", 100, allow=False))
    made.run(20 * SECOND)
    made.finish()
    assert made.node_of["b"].demotion == 240
    assert made.findings == []


def test_the_demotion_of_a_group_without_addresses_has_its_cause_while_the_link_is_down():
    a, b = pair()
    bare = replace(group("9@eth1"), addresses=())
    a = replace(a, config=replace(a.config, instances=(*a.config.instances, bare)))
    made = world(a, b)
    Injection(made, [Fault(kind=FaultKind.LINK_DOWN, at=10 * SECOND, host="a", interface="eth1")])
    made.run(20 * SECOND)
    made.finish()
    assert made.node_of["a"].demotion == 240
    assert made.findings == []


def test_a_master_that_is_init_again_within_a_turn_needs_no_deadline():
    faults = [
        Fault(kind=FaultKind.PAUSE, at=SECOND, lasts=20 * SECOND, host="a"),
        Fault(kind=FaultKind.LINK_DOWN, at=15 * SECOND, lasts=10 * SECOND, host="a"),
    ]
    report = run(pair(), Scenario(faults=tuple(faults)), duration=60 * SECOND)
    changes = [one.new for one in report.groups[0].changes if one.at == 21 * SECOND]
    assert State.INIT in changes
    assert report.findings == ()


def without_a_deadline(made: World) -> set[str]:
    assert {(one.kind, one.evidence) for one in made.findings} == {(Kind.ENGINE, "no deadline")}
    return {one.group for one in made.findings}


def test_a_group_that_is_never_scheduled_is_told_whatever_others_await(
    monkeypatch: pytest.MonkeyPatch,
):
    update = Schedule.update

    def forget_one(schedule: Schedule, instance: Instance) -> None:
        if instance.key.vhid != 2:
            update(schedule, instance)

    monkeypatch.setattr(Schedule, "update", forget_one)
    made = world(host("a", 0, groups=3), host("b", 100, groups=3))
    made.run(2 * SECOND)
    assert without_a_deadline(made) == {"2@eth0"}


def test_a_backup_that_awaits_nothing_after_an_advert_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
):
    hear = Instance.hear

    def forget(instance: Instance, *heard: Any) -> None:
        hear(instance, *heard)
        instance.due = None

    made = settled()
    monkeypatch.setattr(Instance, "hear", forget)
    made.run(11_500_000_000)
    assert without_a_deadline(made) == {"1@eth0", "2@eth0", "3@eth0"}


def test_a_group_that_awaits_nothing_at_the_end_is_told(monkeypatch: pytest.MonkeyPatch):
    made = settled()
    monkeypatch.setattr(Engine, "is_stuck", lambda _engine, _carpdev, vhid: vhid == 3)
    made.finish()
    assert without_a_deadline(made) == {"3@eth0"}


def slow_and_killed(seed: int, *, recovers: int | None = None) -> list[Finding]:
    faults = [
        Fault(kind=FaultKind.DRIFT, at=10 * SECOND, lasts=recovers, host="a", ppm=-200_000),
        Fault(kind=FaultKind.KILL, at=30 * SECOND, host="a"),
    ]
    report = run(pair(), Scenario(faults=tuple(faults)), seed=seed, duration=60 * SECOND)
    return [one for one in report.findings if one.kind is Kind.NOT_MASTER]


def test_a_gate_that_a_slow_clock_keeps_open_has_its_cause():
    found = [one for seed in range(5) for one in slow_and_killed(seed)]
    assert {one.cause for one in found} == {"the clock of a is slow by more than 1 %"}


def test_a_short_freeze_long_ago_excuses_no_gate(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datapath, "DEAD_MAN", 4.0)
    faults = [
        Fault(kind=FaultKind.FREEZE, at=12 * SECOND, lasts=SECOND // 20, host="a"),
        Fault(kind=FaultKind.KILL, at=30 * SECOND, host="a"),
    ]
    found = []
    for seed in range(5):
        report = run(pair(), Scenario(faults=tuple(faults)), seed=seed, duration=60 * SECOND)
        found += [one for one in report.findings if one.kind is Kind.NOT_MASTER]
    assert {one.cause for one in found} == {""}


def test_a_clock_that_is_right_again_keeps_no_gate_open():
    assert [one for seed in range(5) for one in slow_and_killed(seed, recovers=5 * SECOND)] == []
