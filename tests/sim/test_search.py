from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.sim import SECOND, host, pair

from carpio.sim.faults import Fault, FaultKind
from carpio.sim.findings import Kind
from carpio.sim.scenario import Scenario
from carpio.sim.search import Campaign, Outcome, Search, explore, shrink

SEARCH = Search(setups=tuple(pair()), seeds=12, duration=60 * SECOND)


def explored(search: Search, cores: int = 1) -> Campaign:
    return explore(search, cores=cores, progress=lambda campaign: None)


def test_the_number_of_cores_changes_nothing():
    assert explored(SEARCH, 1) == explored(SEARCH, 2)


def test_progress_is_told_after_each_seed():
    told: list[int] = []
    explore(SEARCH, cores=1, progress=lambda campaign: told.append(campaign.seeds))
    assert told == list(range(1, 13))


def test_the_real_datapath_breaks_nothing_and_the_naive_one_everything():
    assert explored(SEARCH).failed == 0
    naive = explored(replace(SEARCH, is_naive=True))
    assert naive.failed == 12
    assert naive.broken[Kind.WRONG_MAC] == 12


class OneSeed(Search):
    """A search whose only schedule is given."""

    __slots__ = ()

    def scenario(self, seed: int) -> Scenario:
        """Return a crash that matters among faults that do not."""
        needless = [
            Fault(kind=FaultKind.DEMOTE, at=n * SECOND, lasts=SECOND, host="c", points=1)
            for n in (10, 12, 14)
        ]
        crash = Fault(kind=FaultKind.CRASH, at=20 * SECOND, lasts=35 * SECOND, host="a")
        return Scenario(faults=(*needless, crash))


def test_a_schedule_is_shrunk_to_what_is_needed():
    hosts = [host(name, skew, "10.0.0.1/24") for name, skew in (("a", 0), ("b", 100), ("c", 100))]
    search = OneSeed(setups=tuple(hosts), seeds=1, duration=60 * SECOND)
    scenario = shrink(search, Outcome(4, (Kind.TWO_MASTERS,), (), 0))
    (fault,) = scenario.faults
    assert (fault.kind, fault.at) == (FaultKind.CRASH, 20 * SECOND)
    assert fault.lasts is not None
    assert fault.lasts < 35 * SECOND


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("hosts", [pair(), pair(preempt=False)], ids=["preempt", "no preempt"])
def test_ten_thousand_schedules_break_nothing(hosts):
    search = Search(setups=tuple(hosts), seeds=10_000, duration=600 * SECOND)
    assert explored(search, cores=2).failing == []
