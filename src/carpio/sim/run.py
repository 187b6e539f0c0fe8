"""One run from beginning to end: a world, its faults, a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from carpio.sim.injection import Injection
from carpio.sim.node import HostSetup
from carpio.sim.report import Report, report_of
from carpio.sim.scenario import Scenario
from carpio.sim.world import World, WorldSettings

__all__ = ["MINUTE", "run"]

MINUTE = 60_000_000_000


def run(
    setups: Sequence[HostSetup],
    scenario: Scenario,
    *,
    seed: int = 0,
    duration: int | None = None,
    trace: Callable[[int, str], None] | None = None,
) -> Report:
    """Play `scenario` with hosts for `duration`; default: as it says, else a minute."""
    world = World(setups, WorldSettings(seed=seed, naive=scenario.is_naive))
    world.trace = trace
    injection = Injection(world, scenario.faults)
    world.run(duration or scenario.duration or MINUTE)
    world.finish()
    return report_of(world, tuple(injection.played), tuple(injection.warnings))
