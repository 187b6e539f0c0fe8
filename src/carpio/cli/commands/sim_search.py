"""carpio sim --seeds"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from carpio.cli.commands.sim_outputs import check_directory, write_file
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.config.problems import printable
from carpio.sim.findings import Kind
from carpio.sim.node import HostSetup
from carpio.sim.scenario import Scenario, scenario_toml
from carpio.sim.search import Campaign, Outcome, Search, explore, shrink
from carpio.sim.units import exact, shown

__all__ = ["run"]

_SCHEMA: Final = 1
_SHRUNK: Final = 5
"""Failing seeds that are shrunk; each takes some dozen runs."""
_DIRECTORY: Final = "sim-failures"
_ALL: Final = "seeds.txt"
"""Every failing seed, with its command."""


@dataclass(frozen=True, slots=True)
class _Replay:
    """A failing seed, shrunk."""

    outcome: Outcome
    path: str
    """Where its schedule is kept."""
    command: str
    scenario: Scenario

    @property
    def broken(self) -> str:
        return ", ".join(kind.value for kind in self.outcome.broken)

    def toml(self) -> str:
        """Return the file to keep."""
        return scenario_toml(self.scenario, [self.broken, self.command])


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
    directory = Path(arguments.keep or _DIRECTORY)
    check_directory(environment.path(str(directory)))
    campaign = _explored(arguments, environment, search)
    if campaign.is_interrupted:
        environment.remark(f"interrupted after {campaign.seeds:,} of {search.seeds:,} seeds")
    if not arguments.json:
        _tell_campaign(environment, search, campaign)
        environment.stdout.flush()
    replays = _replays(arguments, environment, search, campaign)
    if arguments.json:
        environment.say(json.dumps(_as_json(search, campaign, replays)))
    else:
        _tell_replays(environment, replays)
    if campaign.failing:
        _keep(environment, directory, [_whole(arguments, search, it) for it in campaign.failing])
    for replay in replays:
        write_file(environment.path(replay.path), replay.toml())
    if campaign.is_interrupted:
        return ExitStatus.INTERRUPTED
    return ExitStatus.FAILED if campaign.failing else ExitStatus.DONE


def _explored(arguments: argparse.Namespace, environment: Environment, search: Search) -> Campaign:
    progress = _progress(environment, arguments.seeds)
    if arguments.dask is not None:
        from carpio.sim.dask_search import explore_on_cluster

        return explore_on_cluster(search, arguments.dask, progress=progress)
    cores = min(arguments.jobs or len(os.sched_getaffinity(0)), arguments.seeds)
    return explore(search, cores=cores, progress=progress)


def _progress(environment: Environment, seeds: int) -> Callable[[Campaign], None]:
    """Tell how far it is, twenty times in all."""
    step = max(seeds // 20, 1)

    def tell(campaign: Campaign) -> None:
        if campaign.seeds % step == 0:
            done = f"{campaign.seeds:,} of {seeds:,} seeds"
            environment.remark(f"{done}, {campaign.failed:,} broke something")

    return tell


def _replays(
    arguments: argparse.Namespace, environment: Environment, search: Search, campaign: Campaign
) -> list[_Replay]:
    """Shrink the first failing seeds, unless somebody interrupts or has."""
    replays: list[_Replay] = []
    failing = [] if campaign.is_interrupted else campaign.failing[:_SHRUNK]
    try:
        for outcome in failing:
            environment.remark(f"seed {outcome.seed}: shrinking")
            scenario = shrink(search, outcome)
            path = str(Path(arguments.keep or _DIRECTORY) / f"seed-{outcome.seed}.toml")
            words = ["carpio", "sim", *arguments.files, "--scenario", path]
            command = _command([*words, "--seed", str(outcome.seed)])
            replays.append(_Replay(outcome, path, command, scenario))
    except KeyboardInterrupt:
        campaign.is_interrupted = True
    return replays


def _keep(environment: Environment, directory: Path, commands: Sequence[str]) -> None:
    """Write down how to play each failing seed."""
    environment.path(str(directory)).mkdir(parents=True, exist_ok=True)
    text = "".join(f"{one}\n" for one in commands)
    write_file(environment.path(str(directory / _ALL)), text)


def _whole(arguments: argparse.Namespace, search: Search, outcome: Outcome) -> str:
    """Return the command that plays the whole schedule of a seed, and what it breaks."""
    words = ["carpio", "sim", *arguments.files, "--seed", str(outcome.seed)]
    words += ["--for", exact(search.duration)]
    if search.is_naive:
        words += ["--datapath", "naive"]
    return f"{_command(words)}  # {', '.join(kind.value for kind in outcome.broken)}"


def _command(words: Sequence[str]) -> str:
    """Return the line that a shell reads as these words; file names can have line ends."""
    return " ".join(shlex.quote(one) if one.isprintable() else _dollar_quoted(one) for one in words)


def _dollar_quoted(word: str) -> str:
    plain = frozenset(range(ord(" "), ord("~") + 1)) - frozenset(b"'\\")
    quoted = [chr(it) if it in plain else f"\\{it:03o}" for it in os.fsencode(word)]
    return f"$'{''.join(quoted)}'"


def _tell_campaign(environment: Environment, search: Search, campaign: Campaign) -> None:
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
    for name, count in campaign.masterless.items():
        many = f"{count:,} of {campaign.seeds:,} seeds"
        environment.say(
            f"warning: {name} never had a master in {many}, which say nothing of it:"
            " simulate for longer, or look at a single one with --seed"
        )
    if campaign.failing:
        seeds = ", ".join(_ranges([outcome.seed for outcome in campaign.failing]))
        environment.say(fill(f"seeds that broke something: {seeds}", 96, subsequent_indent="  "))
    else:
        environment.say("No invariant was broken.")


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Return ascending numbers as `3` and `5 to 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return [" to ".join(map(str, run)) for run in runs]


def _tell_replays(environment: Environment, replays: Sequence[_Replay]) -> None:
    for replay in replays:
        environment.say("")
        environment.say(f"seed {replay.outcome.seed}: {replay.broken}")
        for fault in replay.scenario.faults:
            environment.say(f"  {printable(str(fault))}")
        environment.say(f"  {replay.command}")


def _as_json(search: Search, campaign: Campaign, replays: Sequence[_Replay]) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "seeds": campaign.seeds,
        "first_seed": search.first,
        "duration_s": search.duration / 1e9,
        "interrupted": campaign.is_interrupted,
        "adverts_heard": campaign.receptions,
        "found": _counts(campaign.found),
        "broken": _counts(campaign.broken),
        "masterless": dict(campaign.masterless),
        "failed": campaign.failed,
        "failing": [outcome.seed for outcome in campaign.failing],
        "replays": [
            {
                "seed": replay.outcome.seed,
                "broken": [kind.value for kind in replay.outcome.broken],
                "faults": [str(fault) for fault in replay.scenario.faults],
                "command": replay.command,
            }
            for replay in replays
        ],
    }


def _counts(counts: Counter[Kind]) -> dict[str, int]:
    return {kind.value: count for kind, count in counts.items()}
