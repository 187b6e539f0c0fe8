"""The exhaustive search finds nothing in the engine, and all that is broken on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.builders import engine_config, group
from tests.helpers.mutants import broken, without

from carpio.core.model import EngineConfig, State
from carpio.core.table import Rule, Step, Trigger
from carpio.sim.exhaustive import Horizon, explore_all

SKEWS = (0, 80, 160)


def hosts(number: int, *, preempt: bool = True) -> list[EngineConfig]:
    return [engine_config(group(advskew=skew), preempt=preempt) for skew in SKEWS[:number]]


@pytest.mark.parametrize("preempt", [True, False])
def test_nothing_is_broken_with_two_hosts_and_one_fault(preempt: bool):
    result = explore_all(hosts(2, preempt=preempt), Horizon(faults=1))
    assert (result.broken, result.way) == ("", ())
    assert result.states > 5_000
    assert result.transitions > 10_000


def test_nothing_is_broken_with_three_hosts_and_one_fault():
    result = explore_all(hosts(3), replace(Horizon.of(3), faults=1))
    assert result.broken == ""
    assert result.states > 900


def test_each_loss_that_may_happen_opens_more_until_all_are_open():
    horizon = Horizon(deadlines=2, faults=0)
    known = [
        explore_all(hosts(2), replace(horizon, losses=losses)).together
        for losses in (0, 1, 2, 60, None)
    ]
    assert known[0] < known[1] <= known[2] <= known[3] == known[4]


def test_both_families_are_explored_together():
    configs = [
        engine_config(group("1@eth0", "10.0.0.1/24", "fe80::1/64", advskew=skew), preempt=True)
        for skew in (0, 80)
    ]
    result = explore_all(configs, Horizon(faults=0))
    assert result.broken == ""
    assert result.states > explore_all(hosts(2), Horizon(faults=0)).states


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize(
    "horizon",
    [
        Horizon(deadlines=2, delay=0, is_frugal=True),
        Horizon(deadlines=2, faults=1, is_frugal=True),
        Horizon(faults=0, is_frugal=True),
    ],
    ids=["two faults and losses", "a fault and delays", "delays"],
)
def test_nothing_is_broken_with_three_hosts_and_more_orders(horizon: Horizon, preempt: bool):
    result = explore_all(hosts(3, preempt=preempt), horizon)
    assert (result.broken, result.way) == ("", ())
    assert result.states > 5_000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("preempt", [True, False])
def test_nothing_is_broken_with_two_faults(number: int, preempt: bool):
    result = explore_all(hosts(number, preempt=preempt))
    assert (result.broken, result.way) == ("", ())
    assert result.states > 30_000


def test_progress_is_told():
    told: list[tuple[int, int, int]] = []
    explore_all(hosts(2), Horizon(faults=1), progress=lambda *numbers: told.append(numbers))
    assert told[0][1] == 10_000


BACKUP, MASTER = State.BACKUP, State.MASTER


@pytest.mark.parametrize(
    ("state", "trigger", "rule", "found"),
    [
        (MASTER, Trigger.ADVERTISEMENT_BETTER, None, "two masters, a and b,"),
        (BACKUP, Trigger.MASTER_TIMED_OUT, Rule(steps=(Step.LISTEN_FAMILY,)), "no master"),
        (
            BACKUP,
            Trigger.PREEMPT_LIVING,
            Rule(steps=(Step.LISTEN_FAMILY,)),
            "is better and preempts, for more than",
        ),
        (
            MASTER,
            Trigger.ADVERTISEMENT_BETTER,
            without(Step.RELEASE, MASTER, Trigger.ADVERTISEMENT_BETTER),
            "is not MASTER and did not release",
        ),
        (
            MASTER,
            Trigger.ADVERTISEMENT_BETTER,
            without(Step.LISTEN, MASTER, Trigger.ADVERTISEMENT_BETTER),
            "BACKUP without a deadline",
        ),
        (
            BACKUP,
            Trigger.MASTER_TIMED_OUT,
            without(Step.REPORT, BACKUP, Trigger.MASTER_TIMED_OUT),
            "changed its state and did not report it",
        ),
        (BACKUP, Trigger.ADVERTISEMENT_BETTER, Rule(steps=(Step.ADVERTISE,)), "is not MASTER"),
        (MASTER, Trigger.LINK_LOST, None, "for more than"),
    ],
    ids=[
        "stays master",
        "never takes over",
        "does not preempt",
        "does not release",
        "does not listen",
        "does not report",
        "advertises as BACKUP",
        "stays master without a link",
    ],
)
def test_an_engine_with_a_broken_table_is_found_out(
    monkeypatch: pytest.MonkeyPatch, state: State, trigger: Trigger, rule: Rule | None, found: str
):
    # the one patch of our own code: what is tested is that the search can fail
    monkeypatch.setattr("carpio.core.instance.RULES", broken(state, trigger, rule))
    result = explore_all(hosts(2), Horizon(faults=1))
    assert found in result.broken
    assert result.way


def test_the_way_to_it_is_told_step_by_step(monkeypatch: pytest.MonkeyPatch):
    rules = broken(MASTER, Trigger.ADVERTISEMENT_BETTER, None)
    monkeypatch.setattr("carpio.core.instance.RULES", rules)
    result = explore_all(hosts(2), Horizon(faults=1))
    assert result.broken == "two masters, a and b, for more than 2.94s"
    assert any(step.startswith("a: hears: b's advert 1/") for step in result.way)
    assert result.way[-1].endswith("pass, a: deadline")
