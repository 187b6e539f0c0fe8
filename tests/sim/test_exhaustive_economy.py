"""The frugal exploration finds what the plain one finds, with less."""

from __future__ import annotations

from dataclasses import replace
from operator import le

import pytest
from tests.helpers.builders import engine_config, group
from tests.helpers.mutants import broken, without

from carpio.core.engine import Engine
from carpio.core.model import EngineConfig, State
from carpio.core.table import Rule, Step, Trigger
from carpio.sim.bulk import Bulk, is_for
from carpio.sim.costs import SINCE_MASK, SINCE_ZERO
from carpio.sim.economy import Economy
from carpio.sim.exhaustive import Horizon, explore_all
from carpio.sim.places import Places
from carpio.sim.reaction import FAULTS, Act, Host
from carpio.sim.tables import COUNT

SKEWS = (0, 80, 160)
# the plain one copies adverts later, the frugal one when they are sent
KINDS = tuple(kind for kind in FAULTS if kind is not Act.ECHO)
FEW = (Act.CRASH, Act.LINK_DOWN, Act.DEMOTE)


@pytest.fixture(params=[False, True], ids=["one by one", "in bulk"])
def in_bulk(request: pytest.FixtureRequest) -> bool:
    return request.param


def hosts(number: int, *, preempt: bool = True) -> list[EngineConfig]:
    return [engine_config(group(advskew=skew), preempt=preempt) for skew in SKEWS[:number]]


@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize(
    ("number", "horizon"),
    [
        (2, Horizon(faults=1, kinds=KINDS)),
        (2, Horizon(faults=2, deadlines=1, delay=0, kinds=(*FEW, Act.MUTE))),
        (2, Horizon(faults=1, kinds=KINDS, losses=0)),
        (3, Horizon(faults=0, deadlines=4)),
        (3, Horizon(faults=1, deadlines=1, delay=0, kinds=KINDS)),
        (3, Horizon(faults=2, deadlines=1, delay=0, kinds=FEW, losses=0)),
    ],
    ids=[
        "one fault",
        "two faults",
        "no losses",
        "three hosts",
        "three hosts, one fault",
        "three hosts, two faults",
    ],
)
def test_hosts_come_to_the_same_as_in_the_plain_exploration(
    number: int, horizon: Horizon, preempt: bool
):
    configs = hosts(number, preempt=preempt)
    plain = explore_all(configs, horizon)
    assert plain.broken == ""
    assert plain.together > 20
    for in_bulk in (False, True):
        frugal = explore_all(configs, replace(horizon, is_frugal=True), in_bulk=in_bulk)
        assert frugal.broken == ""
        assert frugal.together == plain.together
        assert frugal.states <= plain.states


@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize(
    ("number", "horizon"),
    [
        (2, Horizon(faults=1, deadlines=4)),
        (3, Horizon(faults=1, deadlines=1, delay=0)),
        (3, Horizon(faults=0, deadlines=4)),
        (3, Horizon(faults=2, deadlines=1, delay=0, kinds=(*FEW, Act.ECHO))),
        pytest.param(2, Horizon(faults=2, deadlines=3), marks=pytest.mark.slow),
        pytest.param(3, Horizon(faults=2, deadlines=3, delay=0), marks=pytest.mark.slow),
    ],
)
def test_in_bulk_the_same_is_explored_as_one_by_one(number: int, horizon: Horizon, preempt: bool):
    configs = hosts(number, preempt=preempt)
    horizon = replace(horizon, is_frugal=True)
    slow, fast = (explore_all(configs, horizon, in_bulk=in_bulk) for in_bulk in (False, True))
    assert slow.states > 100
    # which of two ways with different costs is found first decides how often a step is gone
    assert fast == replace(slow, transitions=fast.transitions)


@pytest.mark.parametrize(
    ("number", "horizon"), [(4, Horizon()), (2, Horizon(deadlines=32)), (2, Horizon(faults=32))]
)
def test_what_does_not_fit_into_the_numbers_of_an_array_is_explored_one_by_one(
    number: int, horizon: Horizon
):
    assert is_for(3, Horizon(deadlines=31, faults=31))
    assert not is_for(number, horizon)


def test_more_than_what_fits_into_an_array_can_be_explored():
    horizon = Horizon(deadlines=32, faults=0, losses=0, delay=0, is_frugal=True)
    result = explore_all(hosts(2), horizon, in_bulk=True)
    assert result.broken == ""
    assert result == explore_all(hosts(2), horizon, in_bulk=False)


def fronts(explored: Economy | Bulk) -> dict[object, set[tuple[int, ...]]]:
    """Return the lowest costs of each state, in numbers that both have."""
    found: dict[object, set[tuple[int, ...]]] = {}
    if isinstance(explored, Bulk):
        places = [tables.places for tables in explored._tables]
        for run in explored._known._runs:
            for name, cost, since in zip(*(column.tolist() for column in run), strict=True):
                counts = [
                    cost >> at & COUNT for at in (*explored._deadlines_at, explored._faults_at)
                ]
                rests = bool(cost & explored._rests)
                found.setdefault(of_name(places, name), set()).add((*counts, rests, since))
    else:
        costs = explored._costs
        for name, known in explored._known.items():
            for cost in known if isinstance(known, tuple) else (known,):
                counts = [cost >> at & 2047 for at in costs._deadline_at] + [costs.faults(cost)]
                end = bool(cost & costs.rests), (cost & SINCE_MASK) - SINCE_ZERO
                found.setdefault(of_name(explored._places, name), set()).add((*counts, *end))
    return {
        state: {one for one in all_of if is_lowest(one, all_of)} for state, all_of in found.items()
    }


def of_name(places: list[Places], name: int) -> object:
    return tuple((place.stance.now, place.letters) for place in (of.at(name) for of in places))


def is_lowest(cost: tuple[int, ...], costs: set[tuple[int, ...]]) -> bool:
    return not any(other != cost and all(map(le, other, cost)) for other in costs)


@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize(
    ("number", "horizon"),
    [(2, Horizon(faults=1, deadlines=3)), (3, Horizon(faults=1, deadlines=1, delay=0))],
)
def test_in_bulk_each_state_is_known_with_the_same_costs(
    number: int, horizon: Horizon, preempt: bool
):
    configs = hosts(number, preempt=preempt)
    found = []
    for explorer in (Economy, Bulk):
        made = [Host(place, config, Engine) for place, config in enumerate(configs)]
        explored = explorer(made, replace(horizon, is_frugal=True))
        explored.run(lambda *_numbers: None)
        found.append(fronts(explored))
    assert len(found[0]) > 100
    assert found[0] == found[1]


def test_more_than_there_is_room_for_is_refused(monkeypatch: pytest.MonkeyPatch, in_bulk: bool):
    far = Horizon(deadlines=1024, faults=0, losses=0, delay=0, is_frugal=True)
    with pytest.raises(ValueError, match="more than 2047 deadlines"):
        explore_all(hosts(2), far, in_bulk=in_bulk)
    monkeypatch.setattr("carpio.sim.places._MASK", 9)
    with pytest.raises(OverflowError, match="more places"):
        explore_all(hosts(2), Horizon(faults=1, is_frugal=True), in_bulk=in_bulk)


def test_in_bulk_it_tells_how_far_it_is():
    told: list[tuple[int, ...]] = []
    horizon = Horizon(deadlines=3, faults=1, delay=0, is_frugal=True)
    result = explore_all(
        hosts(3), horizon, progress=lambda *numbers: told.append(numbers), in_bulk=True
    )
    assert told[-1] == (result.states, result.transitions, 0)
    assert [states for states, _, _ in told] == sorted(states for states, _, _ in told)


def test_copies_and_adverts_that_come_back_lead_to_more(in_bulk: bool):
    horizon = Horizon(faults=1, deadlines=2, is_frugal=True)
    without = explore_all(hosts(2), replace(horizon, kinds=KINDS), in_bulk=in_bulk)
    result = explore_all(hosts(2), horizon, in_bulk=in_bulk)
    assert result.broken == ""
    assert result.states > without.states


def test_the_number_of_deadlines_limits_what_is_explored():
    few = explore_all(hosts(3), Horizon(faults=0, deadlines=3, is_frugal=True))
    many = explore_all(hosts(3), Horizon(faults=0, deadlines=6, is_frugal=True))
    assert 100 < few.states < many.states
    assert 6 <= few.depth <= 9
    assert few.depth < many.depth


BACKUP, MASTER = State.BACKUP, State.MASTER


MUTANTS = {
    "stays master": (MASTER, Trigger.ADVERTISEMENT_BETTER, None, "two masters"),
    "never takes over": (
        BACKUP,
        Trigger.MASTER_TIMED_OUT,
        Rule(steps=(Step.LISTEN_FAMILY,)),
        "no master",
    ),
    "does not preempt": (
        BACKUP,
        Trigger.PREEMPT_LIVING,
        Rule(steps=(Step.LISTEN_FAMILY,)),
        "is better and preempts",
    ),
    "does not release": (
        MASTER,
        Trigger.ADVERTISEMENT_BETTER,
        without(Step.RELEASE, MASTER, Trigger.ADVERTISEMENT_BETTER),
        "is not MASTER and did not release",
    ),
    "does not report": (
        BACKUP,
        Trigger.MASTER_TIMED_OUT,
        without(Step.REPORT, BACKUP, Trigger.MASTER_TIMED_OUT),
        "changed its state and did not report it",
    ),
    "advertises as BACKUP": (
        BACKUP,
        Trigger.ADVERTISEMENT_BETTER,
        Rule(steps=(Step.ADVERTISE,)),
        "is not MASTER",
    ),
    "stays master without a link": (MASTER, Trigger.LINK_LOST, None, "for more than"),
}
TAKES_LONG = "stays master without a link"
"""With three hosts it takes more deadlines than a quick test has."""


@pytest.mark.parametrize(
    ("number", "mutant", "in_bulk"),
    [(2, name, in_bulk) for name in MUTANTS for in_bulk in (False, True)]
    + [(3, name, True) for name in MUTANTS if name != TAKES_LONG],  # one by one it tells the way
)
def test_an_engine_with_a_broken_table_is_found_out(
    monkeypatch: pytest.MonkeyPatch, number: int, mutant: str, in_bulk: bool
):
    state, trigger, rule, found = MUTANTS[mutant]
    # a patch of our own code: what is tested is that the search can fail
    monkeypatch.setattr("carpio.core.instance.RULES", broken(state, trigger, rule))
    horizon = Horizon(deadlines=4, faults=1, kinds=FEW, is_frugal=True)
    if number > 2:
        horizon = replace(horizon, delay=0)
    result = explore_all(hosts(number), horizon, in_bulk=in_bulk)
    assert found in result.broken
    assert result.way


def test_the_way_to_it_is_told_step_by_step(monkeypatch: pytest.MonkeyPatch):
    rules = broken(MASTER, Trigger.ADVERTISEMENT_BETTER, None)
    monkeypatch.setattr("carpio.core.instance.RULES", rules)
    result = explore_all(hosts(2), Horizon(faults=1, is_frugal=True))
    assert result.broken == "two masters, a and b, for more than 2.94s"
    assert any("advert 1/80" in step or "advert 1/0" in step for step in result.way)
    assert result.way[-1].endswith("pass, a: deadline")
