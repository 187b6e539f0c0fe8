from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.mutants import broken
from tests.helpers.sim import SECOND, pair

from carpio.core.model import State
from carpio.core.table import Trigger
from carpio.sim.faults import Fault, FaultKind
from carpio.sim.findings import Kind
from carpio.sim.scenario import Scenario
from carpio.sim.search import Campaign, Outcome, Search, explore, shrink

SEARCH = Search(setups=tuple(pair()), seeds=12, duration=60 * SECOND)


def explored(search: Search, cores: int = 1) -> Campaign:
    return explore(search, cores=cores, progress=lambda campaign: None)


def test_the_number_of_cores_changes_nothing():
    assert explored(SEARCH, 1) == explored(SEARCH, 2)


CONFIG = """
preempt = true
[[vhid]]
id = 1
interface = "eth0"
passphrase = "secret"
advskew = {advskew}
addresses = ["10.0.0.1/24", "2001:db8::1/64"]
"""


def searched(directory: Path, hash_seed: str, jobs: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what a search in a process of its own prints, and the schedules that it keeps."""
    kept = directory / f"kept-{hash_seed}-{jobs}"
    kept.mkdir()
    words = ["sim", "a.toml", "b.toml", "--datapath", "naive", "--seeds", "6", "--for", "30s"]
    environ = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = "import sys; from carpio.cli.main import entry_point; sys.exit(entry_point())"
    command = [sys.executable, "-c", script, *words, "--json", "--jobs", jobs]
    for name in ("a.toml", "b.toml"):
        (kept / name).write_bytes((directory / name).read_bytes())
    done = subprocess.run(command, cwd=kept, env=environ, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    files = sorted((kept / "sim-failures").iterdir())
    return done.stdout, [(file.name, file.read_text()) for file in files]


def test_a_search_prints_the_same_with_any_hash_seed_and_any_number_of_processes(tmp_path: Path):
    for name, advskew in (("a", 0), ("b", 100)):
        (tmp_path / f"{name}.toml").write_text(CONFIG.format(advskew=advskew))
    first = searched(tmp_path, "1", "1")
    assert len(first[1]) == 6
    assert searched(tmp_path, "2", "2") == first


def test_progress_is_told_after_each_seed():
    told: list[int] = []
    explore(SEARCH, cores=1, progress=lambda campaign: told.append(campaign.seeds))
    assert told == list(range(1, 13))


def test_an_interrupt_ends_a_search_with_what_it_has():
    def interrupt(campaign: Campaign) -> None:
        if campaign.seeds == 3:
            raise KeyboardInterrupt

    for cores in (1, 2):
        campaign = explore(SEARCH, cores=cores, progress=interrupt)
        assert (campaign.seeds, campaign.is_interrupted) == (3, True)
    assert not explored(SEARCH).is_interrupted


def test_the_real_datapath_breaks_nothing_and_the_naive_one_everything():
    assert explored(SEARCH).failed == 0
    naive = explored(replace(SEARCH, is_naive=True))
    assert naive.failed == 12
    assert naive.broken[Kind.WRONG_MAC] == 12


class OneSeed(Search):
    """A search whose only schedule is given."""

    __slots__ = ()

    def scenario(self, seed: int) -> Scenario:
        """Return a return of the MASTER that is heard too late, among faults that do not matter."""
        needless = [
            Fault(kind=FaultKind.DEMOTE, at=n * SECOND, lasts=SECOND, host="b", points=1)
            for n in (10, 12, 14)
        ]
        crash = Fault(kind=FaultKind.CRASH, at=20 * SECOND, lasts=8 * SECOND, host="a")
        return Scenario(faults=(*needless, crash))


def test_a_schedule_is_shrunk_to_what_is_needed(monkeypatch: pytest.MonkeyPatch):
    # nothing that the engine does is wrong: here a MASTER never gives way
    rules = broken(State.MASTER, Trigger.ADVERTISEMENT_BETTER, None)
    monkeypatch.setattr("carpio.core.instance.RULES", rules)
    search = OneSeed(setups=tuple(pair()), seeds=1, duration=60 * SECOND)
    scenario = shrink(search, Outcome(4, (Kind.TWO_MASTERS,), (), 0))
    kinds = [fault.kind for fault in scenario.faults]
    assert kinds == [FaultKind.CRASH]
    lengths = [fault.lasts for fault in scenario.faults if fault.lasts is not None]
    assert lengths == [8 * SECOND >> 13]  # halved thirteen times


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("hosts", [pair(), pair(preempt=False)], ids=["preempt", "no preempt"])
def test_ten_thousand_schedules_break_nothing(hosts):
    search = Search(setups=tuple(hosts), seeds=10_000, duration=600 * SECOND)
    assert explored(search, cores=2).failing == []
