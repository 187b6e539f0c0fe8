from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.builders import group
from tests.helpers.sim import SECOND, host, pair

from carpio.sim.chance import SAFE, random_scenario
from carpio.sim.faults import FaultKind
from carpio.sim.injection import Injection
from carpio.sim.node import HostSetup
from carpio.sim.run import run
from carpio.sim.world import World, WorldSettings

SEEDS = range(60)
THREE = [host("a", 0), host("b", 100), host("c", 200)]


def test_a_seed_is_a_schedule():
    first = random_scenario(3, pair(), 120 * SECOND)
    assert first == random_scenario(3, pair(), 120 * SECOND)
    assert first != random_scenario(4, pair(), 120 * SECOND)


def test_all_faults_end_in_time_for_the_last_check():
    for seed in SEEDS:
        scenario = random_scenario(seed, pair(), 120 * SECOND)
        assert all(fault.at + (fault.lasts or 0) <= 110 * SECOND for fault in scenario.faults)


def test_all_kinds_come_up():
    kinds = {f.kind for seed in range(300) for f in random_scenario(seed, THREE, 10**12).faults}
    assert len(kinds) == 21


def two_legged() -> list[HostSetup]:
    """Return a pair with a group on each of two interfaces, as gateways have."""
    legs = (group("1@eth0", "10.0.0.1/24"), group("2@eth1", "192.0.2.1/24"))
    return [
        replace(
            one,
            config=replace(one.config, instances=tuple(replace(leg, advskew=skew) for leg in legs)),
        )
        for one, skew in zip(pair(), (0, 100), strict=True)
    ]


def test_a_fault_hits_one_interface_or_all_where_there_are_several():
    faults = [it for seed in SEEDS for it in random_scenario(seed, two_legged(), 10**12).faults]
    assert {it.interface for it in faults if it.kind is FaultKind.LINK_DOWN} == {"", "eth0", "eth1"}
    faults = [it for seed in SEEDS for it in random_scenario(seed, pair(), 10**12).faults]
    assert {it.interface for it in faults} == {""}


def test_premises_hold_in_at_least_half_of_the_schedules():
    held = 0
    for seed in SEEDS:
        scenario = random_scenario(seed, pair(), 60 * SECOND)
        world = World(pair(), WorldSettings(seed=seed))
        Injection(world, scenario.faults)
        world.run(60 * SECOND)
        held += world.invariants.watches[0].premises.bad_until == 0
    assert held * 2 >= len(SEEDS)


def test_half_of_the_schedules_are_of_safe_kinds_and_half_are_not():
    safe = [all(f.kind in SAFE for f in random_scenario(s, pair(), 10**12).faults) for s in SEEDS]
    assert 20 <= sum(safe) <= 50


@pytest.mark.parametrize(
    ("seed", "hosts", "seconds"),
    [
        (1439, THREE, 150),  # a burst makes a master and unmakes it
        (20128, pair(), 600),  # a late frame of the old master turns the switch back
    ],
)
def test_seeds_that_once_found_something_stay_clean(seed: int, hosts, seconds: int):
    report = run(hosts, random_scenario(seed, hosts, seconds * SECOND), seed=seed)
    assert not [one for one in report.findings if one.is_violation]


@pytest.mark.parametrize(
    "hosts", [pair(), pair(preempt=False), THREE, two_legged()], ids=["pair", "no", "three", "legs"]
)
def test_nothing_is_broken_in_random_schedules(hosts):
    for seed in range(25):
        report = run(hosts, random_scenario(seed, hosts, 60 * SECOND), seed=seed)
        assert not [one for one in report.findings if one.is_violation], seed


def test_only_hosts_with_groups_are_drawn():
    idle = replace(host("idle"), config=replace(host("idle").config, instances=()))
    drawn = [
        fault for seed in SEEDS for fault in random_scenario(seed, [*pair(), idle], 10**12).faults
    ]
    assert {name for it in drawn for name in (it.host, *it.hosts) if name} == {"a", "b"}
    assert random_scenario(1, [idle], 10**12).faults == ()


def test_faults_begin_after_the_first_election_of_slow_hosts():
    slow = [host("a", 0, advbase=10), host("b", 100, advbase=10)]
    faults = [it for seed in SEEDS for it in random_scenario(seed, slow, 10**12).faults]
    assert min(fault.at for fault in faults) >= 44 * SECOND
