"""Random schedules of faults: what the search explores, a seed each.

Half of the schedules draw only from faults that leave the premises alone, so that exactly one
master is asked for all the time; all end early enough for the last check.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from types import MappingProxyType
from typing import Any, Final

from carpio.sim.entropy import stream
from carpio.sim.faults import KINDS, Fault, FaultKind
from carpio.sim.node import HostSetup
from carpio.sim.scenario import Scenario
from carpio.wire.constants import Family

__all__ = ["SAFE", "random_scenario"]

_SECOND: Final = 1_000_000_000
_SHORTEST: Final = 50_000_000
_LONGEST: Final = 30 * _SECOND
_MOST: Final = 7

SAFE: Final = (
    *(kind for kind, spec in KINDS.items() if not spec.premise),
    FaultKind.DELAY,
    FaultKind.JITTER,
    FaultKind.REORDER,
    FaultKind.DRIFT,
)
"""Kinds that leave the premises alone, with amounts that do."""
_MOST_DELAY: Final = 300_000_000
_SAFE_DRIFT: Final = 5_000
_POINTS: Final = (1, 50, 100, 150, 240)
_DIRECTIONS: Final = ("in", "out")
_DRIFTS: Final = MappingProxyType({True: _SAFE_DRIFT, False: 60_000})


def random_scenario(seed: int, setups: Sequence[HostSetup], duration: int) -> Scenario:
    """Return the schedule of that seed for these hosts and this time.

    Hosts without groups take no part.
    """
    setups = [setup for setup in setups if setup.config.instances]
    if not setups:
        return Scenario(title=f"seed {seed}", duration=duration)
    entropy = stream(seed, "faults")
    is_safe = entropy.random() < 0.5
    kinds = SAFE if is_safe else tuple(FaultKind)
    start, latest = _first_election(setups), duration - _settling(setups)
    faults = []
    for _ in range(entropy.randint(1, _MOST)):
        kind = entropy.choice(kinds)
        at = entropy.randrange(start, max(latest, start + 1))
        longest = min(_LONGEST, max(latest - at, _SHORTEST))
        lasts = round(_SHORTEST * (longest / _SHORTEST) ** entropy.random())
        settings = _settings(kind, setups, entropy, is_safe)
        faults.append(Fault(kind=kind, at=at, lasts=lasts, **settings))
    return Scenario(title=f"seed {seed}", duration=duration, faults=tuple(faults)).in_time()


def _first_election(setups: Sequence[HostSetup]) -> int:
    """Return when the first election is over, generously."""
    return (4 * _longest_base(setups) + 4) * _SECOND


def _settling(setups: Sequence[HostSetup]) -> int:
    """Return how long after the last fault the last check can be, generously."""
    return (12 * _longest_base(setups) + 4) * _SECOND


def _longest_base(setups: Sequence[HostSetup]) -> int:
    return max(config.advbase for setup in setups for config in setup.config.instances)


def _settings(
    kind: FaultKind, setups: Sequence[HostSetup], entropy: Random, is_safe: bool
) -> dict[str, Any]:
    names = [setup.name for setup in setups]
    carpdevs = {one.name: sorted({it.carpdev for it in one.config.instances}) for one in setups}
    values: dict[str, Any] = {}
    for setting in KINDS[kind].settings:
        match setting.name:
            case "host":
                values["host"] = entropy.choice(names)
            case "hosts":
                count = entropy.randint(1, max(len(names) - 1, 1))
                values["hosts"] = tuple(sorted(entropy.sample(names, count)))
            case "interface" if len(carpdevs[values["host"]]) > 1 and entropy.random() < 0.5:
                values["interface"] = entropy.choice(carpdevs[values["host"]])
            case "direction" if setting.required or entropy.random() < 0.5:
                values["direction"] = entropy.choice(_DIRECTIONS)
            case "family" if entropy.random() < 0.5:
                values["family"] = entropy.choice(list(Family))
            case "share":
                values["share"] = entropy.choice((10_000, 100_000, 300_000, 700_000, 1_000_000))
            case "by":
                values["by"] = entropy.randrange(_MOST_DELAY if is_safe else 3 * _SECOND)
            case "ppm":
                most = _DRIFTS[is_safe]
                values["ppm"] = entropy.randint(-most, most)
            case "points":
                values["points"] = entropy.choice(_POINTS)
    return values
