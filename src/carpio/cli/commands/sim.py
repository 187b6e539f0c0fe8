"""carpio sim"""

from __future__ import annotations

import argparse
import json
from typing import Final

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.sim.hosts import load_hosts
from carpio.sim.report import report_of
from carpio.sim.text import as_text
from carpio.sim.units import parse_duration
from carpio.sim.world import World, WorldSettings

__all__ = ["run"]

_MINUTE: Final = 60_000_000_000


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Simulate, and say what came of it."""
    if len(arguments.files) < 2:
        raise UsageError("carpio sim: needs two configuration files at least, one of each host")
    setups, warnings = load_hosts(
        [environment.path(text) for text in arguments.files], environment.environ
    )
    for warning in warnings:
        environment.remark(f"warning: {warning}")
    settings = WorldSettings(seed=arguments.seed or 0, naive=arguments.datapath == "naive")
    world = World(setups, settings)
    duration = _duration(arguments)
    if arguments.trace is None:
        world.run(duration)
    else:
        with environment.path(arguments.trace).open("w") as trace:
            world.trace = lambda at, text: print(f"{at} {text}", file=trace)
            world.run(duration)
    world.finish()
    report = report_of(world)
    environment.say(json.dumps(report.as_json()) if arguments.json else as_text(report))
    return ExitStatus.DONE if report.is_clean else ExitStatus.FAILED


def _duration(arguments: argparse.Namespace) -> int:
    text = getattr(arguments, "for")
    if text is None:
        return _MINUTE
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"carpio sim: --for: {error}") from error
