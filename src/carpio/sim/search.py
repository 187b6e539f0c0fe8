"""Explores random schedules of faults on all cores, and shrinks those that break something.

A seed is one run; which core takes it changes nothing. Shrinking is greedy: faults that are not
needed are left out, then what is left is made shorter, as long as the same thing is broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from carpio.sim.chance import random_scenario
from carpio.sim.faults import Fault
from carpio.sim.findings import Kind
from carpio.sim.node import HostSetup
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.sim.workers import workers

__all__ = ["Campaign", "Outcome", "Search", "explore", "gather", "shrink", "try_seed"]

_CHUNK: Final = 8
_SHORTEST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to explore."""

    setups: tuple[HostSetup, ...]
    seeds: int
    first: int = 0
    duration: int
    """Of each run, in nanoseconds."""
    is_naive: bool = False

    def scenario(self, seed: int) -> Scenario:
        """Return the schedule of a seed."""
        found = random_scenario(seed, self.setups, self.duration)
        return replace(found, is_naive=self.is_naive)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to."""

    seed: int
    broken: tuple[Kind, ...]
    found: tuple[Kind, ...]
    receptions: int
    masterless: tuple[str, ...] = ()
    """Groups that never had a master, of which the seed says nothing."""


@dataclass(slots=True)
class Campaign:
    """What all of them came to."""

    seeds: int = 0
    receptions: int = 0
    failed: int = 0
    """Seeds that broke something."""
    failing: list[Outcome] = field(default_factory=list)
    """They, in order."""
    broken: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    """Seeds with findings that a premise excuses."""
    masterless: Counter[str] = field(default_factory=Counter)
    """Seeds in which a group never had a master, by its name."""
    is_interrupted: bool = False
    """Whether there was more to explore."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.seeds += 1
        self.receptions += outcome.receptions
        self.broken.update(outcome.broken)
        self.found.update(outcome.found)
        self.masterless.update(outcome.masterless)
        self.failed += bool(outcome.broken)
        if outcome.broken:
            self.failing.append(outcome)


def explore(search: Search, *, cores: int, progress: Callable[[Campaign], None]) -> Campaign:
    """Run all seeds on `cores` processes; `progress` is told after each.

    An interrupt ends it with what came until then.
    """
    return gather(_outcomes(search, cores), progress)


def gather(
    outcomes: Generator[Outcome, None, None], progress: Callable[[Campaign], None]
) -> Campaign:
    """Count outcomes to the end, or to an interrupt; `progress` is told after each."""
    campaign = Campaign()
    try:
        with closing(outcomes):
            for outcome in outcomes:
                campaign.add(outcome)
                progress(campaign)
    except KeyboardInterrupt:
        campaign.is_interrupted = True
    return campaign


def _outcomes(search: Search, cores: int) -> Generator[Outcome, None, None]:
    """Yield the outcomes in the order of the seeds."""
    seeds = range(search.first, search.first + search.seeds)
    if cores < 2:
        yield from (try_seed(search, seed) for seed in seeds)
        return
    with workers(cores) as pool:
        yield from pool.imap(partial(try_seed, search), seeds, chunksize=_CHUNK)


def try_seed(search: Search, seed: int) -> Outcome:
    """Play one seed."""
    report = run(search.setups, search.scenario(seed), seed=seed, duration=search.duration)
    broken = dict.fromkeys(one.kind for one in report.findings if one.is_violation)
    found = dict.fromkeys(one.kind for one in report.findings if not one.is_violation)
    masterless = tuple(group.name for group in report.groups if group.is_masterless)
    return Outcome(seed, tuple(broken), tuple(found), report.receptions, masterless)


def shrink(search: Search, outcome: Outcome) -> Scenario:
    """Return the smallest schedule found that breaks the first thing that the seed breaks."""
    kind = outcome.broken[0]
    scenario = search.scenario(outcome.seed)

    def still_breaks(faults: Sequence[Fault]) -> bool:
        tried = replace(scenario, faults=tuple(faults))
        report = run(search.setups, tried, seed=outcome.seed, duration=search.duration)
        return any(one.kind is kind and one.is_violation for one in report.findings)

    faults = _fewer(list(scenario.faults), still_breaks)
    return replace(scenario, faults=tuple(_shorter(faults, still_breaks)))


def _fewer(faults: list[Fault], still_breaks: Callable[[Sequence[Fault]], bool]) -> list[Fault]:
    """Leave out halves, then single faults."""
    size = max(len(faults) // 2, 1)
    while faults and size:
        at = 0
        while at < len(faults):
            rest = faults[:at] + faults[at + size :]
            if still_breaks(rest):
                faults = rest
            else:
                at += size
        size //= 2
    return faults


def _shorter(faults: list[Fault], still_breaks: Callable[[Sequence[Fault]], bool]) -> list[Fault]:
    """Halve how long faults last, and round times to seconds, where that changes nothing."""
    for number, fault in enumerate(faults):
        while fault.lasts is not None and fault.lasts > _SHORTEST:
            half = replace(fault, lasts=fault.lasts // 2)
            if not still_breaks([*faults[:number], half, *faults[number + 1 :]]):
                break
            faults[number] = fault = half
        whole = replace(fault, at=fault.at // 10**9 * 10**9)
        if still_breaks([*faults[:number], whole, *faults[number + 1 :]]):
            faults[number] = whole
    return faults
