"""carpio sim --seeds"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shlex
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.sim.findings import Kind
from carpio.sim.node import HostSetup
from carpio.sim.scenario import Scenario, scenario_toml
from carpio.sim.search import Campaign, Outcome, Search, explore, shrink
from carpio.sim.units import exact, shown

__all__ = ["run"]

_SCHEMA: Final = 1
_PR_SET_PDEATHSIG: Final = 1
"""<linux/prctl.h>"""
_SHRUNK: Final = 5
"""Failing seeds that are shrunk; each takes some dozen runs."""
_DIRECTORY: Final = "sim-failures"
_ALL: Final = "seeds.txt"
"""Every failing seed, with its command."""


def run(
    arguments: argparse.Namespace,
    environment: Environment,
    setups: Sequence[HostSetup],
    duration: int,
) -> ExitStatus:
    """Explore seeds; say what broke and how to see it again."""
    search = Search(
        setups=tuple(setups),
        seeds=arguments.seeds,
        first=arguments.seed or 0,
        duration=duration,
        is_naive=arguments.datapath == "naive",
    )
    progress = _progress(environment, arguments.seeds)
    if arguments.dask is not None:
        from carpio.sim.dask_search import explore_on_cluster

        campaign = explore_on_cluster(search, arguments.dask, progress=progress)
    else:
        cores = arguments.jobs or len(os.sched_getaffinity(0))
        cores = min(cores, arguments.seeds)
        with _leaving_in_order():
            campaign = explore(search, cores=cores, progress=progress, prepare=_end_with_parent)
    replays = _keep(arguments, environment, search, campaign)
    if arguments.json:
        environment.say(json.dumps(_as_json(search, campaign, replays)))
    else:
        _tell(environment, search, campaign, replays)
    return ExitStatus.FAILED if campaign.failing else ExitStatus.DONE


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """Let SIGTERM end the processes of a search, too."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> None:
    """Leave ^C to the parent, and end with it, however it ends. For a process of a search."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _progress(environment: Environment, seeds: int) -> Callable[[Campaign], None]:
    """Tell how far it is, twenty times in all."""
    step = max(seeds // 20, 1)

    def tell(campaign: Campaign) -> None:
        if campaign.seeds % step == 0:
            done = f"{campaign.seeds:,} of {seeds:,} seeds"
            environment.remark(f"{done}, {campaign.failed:,} broke something")

    return tell


def _keep(
    arguments: argparse.Namespace, environment: Environment, search: Search, campaign: Campaign
) -> list[tuple[Outcome, str, Scenario]]:
    """Write down failing seeds, shrink the first; return each of those with its command."""
    directory = Path(arguments.keep or _DIRECTORY)
    replays = []
    if campaign.failing:
        environment.path(str(directory)).mkdir(parents=True, exist_ok=True)
        lines = [_whole(arguments, search, outcome) for outcome in campaign.failing]
        environment.path(str(directory / _ALL)).write_text("".join(f"{one}\n" for one in lines))
    for outcome in campaign.failing[:_SHRUNK]:
        environment.remark(f"seed {outcome.seed}: shrinking")
        scenario = shrink(search, outcome)
        path = directory / f"seed-{outcome.seed}.toml"
        words = ["carpio", "sim", *arguments.files, "--scenario", str(path)]
        command = shlex.join([*words, "--seed", str(outcome.seed)])
        broken = ", ".join(kind.value for kind in outcome.broken)
        environment.path(str(path)).write_text(scenario_toml(scenario, [broken, command]))
        replays.append((outcome, command, scenario))
    return replays


def _whole(arguments: argparse.Namespace, search: Search, outcome: Outcome) -> str:
    """Return the command that plays the whole schedule of a seed, and what it breaks."""
    words = ["carpio", "sim", *arguments.files, "--seed", str(outcome.seed)]
    words += ["--for", exact(search.duration)]
    if search.is_naive:
        words += ["--datapath", "naive"]
    return f"{shlex.join(words)}  # {', '.join(kind.value for kind in outcome.broken)}"


def _tell(
    environment: Environment,
    search: Search,
    campaign: Campaign,
    replays: Sequence[tuple[Outcome, str, Scenario]],
) -> None:
    environment.say(
        f"{campaign.seeds:,} seeds of {shown(search.duration)}, "
        f"{campaign.receptions:,} adverts heard"
    )
    for title, counts in (
        ("found where a premise did not hold", campaign.found),
        ("BROKEN", campaign.broken),
    ):
        for kind, count in counts.items():
            environment.say(f"{title}: {kind.value}, in {count:,} seed{'s' * (count > 1)}")
    for outcome, command, scenario in replays:
        environment.say("")
        environment.say(f"seed {outcome.seed}: {', '.join(one.value for one in outcome.broken)}")
        for fault in scenario.faults:
            environment.say(f"  {fault}")
        environment.say(f"  {command}")
    if not campaign.failing:
        environment.say("No invariant was broken.")


def _as_json(
    search: Search, campaign: Campaign, replays: Sequence[tuple[Outcome, str, Scenario]]
) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "seeds": campaign.seeds,
        "first_seed": search.first,
        "duration_s": search.duration / 1e9,
        "adverts_heard": campaign.receptions,
        "found": _counts(campaign.found),
        "broken": _counts(campaign.broken),
        "failed": campaign.failed,
        "failing": [outcome.seed for outcome in campaign.failing],
        "replays": [
            {
                "seed": outcome.seed,
                "broken": [kind.value for kind in outcome.broken],
                "faults": [str(fault) for fault in scenario.faults],
                "command": command,
            }
            for outcome, command, scenario in replays
        ],
    }


def _counts(counts: Counter[Kind]) -> dict[str, int]:
    return {kind.value: count for kind, count in counts.items()}
