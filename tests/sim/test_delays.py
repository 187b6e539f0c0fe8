"""Which delays are too long for a pair, alone and together."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.sim import SECOND, host, pair, world

from carpio.sim.delays import too_slow
from carpio.sim.faults import Fault, FaultKind
from carpio.sim.injection import Injection
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.wire.constants import Family

MOST = int(0.9 * SECOND)


def slow(by: int = MOST, kind: FaultKind = FaultKind.DELAY, **more: Any) -> Fault:
    return Fault(kind=kind, at=0, by=by, **({"host": "a"} | more))


@pytest.mark.parametrize(
    ("faults", "causes"),
    [
        ([slow()], []),
        ([slow(SECOND)], ["delay on the link of a"]),
        (
            [slow(), slow(kind=FaultKind.JITTER)],
            ["delay on the link of a", "jitter on the link of a"],
        ),
        ([slow(), slow(host="b")], ["delay on the link of a", "delay on the link of b"]),
        ([slow(), slow()], ["delay on the link of a"]),
        ([slow(direction="out"), slow(host="b", direction="out")], []),
        (
            [slow(direction="out"), slow(host="b", direction="in")],
            ["delay on the link of a", "delay on the link of b"],
        ),
        ([slow(family=Family.IPV4), slow(host="b", family=Family.IPV6)], []),
        ([slow(), slow(host="b", interface="eth9")], []),
        ([slow(kind=FaultKind.REORDER), slow(kind=FaultKind.REORDER)], []),
        (
            [slow(kind=FaultKind.REORDER), slow(SECOND // 10)],
            ["reorder on the link of a", "delay on the link of a"],
        ),
    ],
)
def test_what_an_advert_can_meet_on_its_way_adds_up(faults: list[Fault], causes: list[str]):
    assert too_slow(world().invariants.watches[0], faults) == causes


def test_the_shortest_interval_of_the_members_is_the_limit():
    twos = world(host("a", 0, advbase=2), host("b", 100, advbase=3)).invariants.watches[0]
    assert too_slow(twos, [slow(), slow(host="b")]) == []
    assert too_slow(twos, [slow(2 * SECOND)]) == ["delay on the link of a"]


def test_delays_that_add_up_take_the_premise_away_as_long_as_they_do():
    made = world()
    Injection(
        made,
        [
            Fault(kind=FaultKind.DELAY, at=20 * SECOND, lasts=20 * SECOND, host="a", by=MOST),
            Fault(kind=FaultKind.JITTER, at=25 * SECOND, lasts=5 * SECOND, host="b", by=MOST),
        ],
    )
    premises = made.invariants.watches[0].premises
    held = {}
    for second in (24, 26, 31, 41):
        made.run(second * SECOND)
        held[second] = premises.hold
    assert held == {24: True, 26: False, 31: True, 41: True}


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_delays_that_add_up_break_nothing(seed: int):
    crash = Fault(kind=FaultKind.CRASH, at=30 * SECOND, lasts=10 * SECOND, host="a")
    delays = [
        Fault(kind=kind, at=10 * SECOND, lasts=60 * SECOND, host=name, by=MOST)
        for name in ("a", "b")
        for kind in (FaultKind.DELAY, FaultKind.JITTER)
    ]
    report = run(pair(), Scenario(faults=(*delays, crash)), seed=seed, duration=100 * SECOND)
    assert [one for one in report.findings if one.is_violation] == []


def test_a_master_that_is_killed_before_a_late_advert_comes_may_answer_until_the_dead_man():
    hosts = [host("a", 0, advbase=3), host("b", 100, advbase=3)]
    faults = (
        Fault(kind=FaultKind.DELAY, at=30 * SECOND, lasts=121 * SECOND, host="a", by=MOST * 2),
        Fault(kind=FaultKind.CRASH, at=88 * SECOND, lasts=int(26.3 * SECOND), host="a"),
        Fault(kind=FaultKind.KILL, at=int(118.6 * SECOND), lasts=int(17.5 * SECOND), host="b"),
    )
    report = run(hosts, Scenario(faults=faults), seed=7, duration=200 * SECOND)
    assert report.groups[0].split > 4 * SECOND
    assert [one for one in report.findings if one.is_violation] == []
