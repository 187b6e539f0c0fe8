"""carpio sim"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from textwrap import fill

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.sim.chance import random_scenario
from carpio.sim.hosts import load_hosts
from carpio.sim.library import find_scenario, names, path_of
from carpio.sim.lint import lint
from carpio.sim.node import HostSetup
from carpio.sim.run import MINUTE
from carpio.sim.run import run as simulate
from carpio.sim.scenario import Scenario, read_scenario
from carpio.sim.text import as_text
from carpio.sim.units import parse_duration

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Simulate, and say what came of it."""
    if arguments.list:
        for name in names():
            found = read_scenario(path_of(name), ("a", "b"))
            environment.say(f"{name}: {found.title}.")
            environment.say(fill(found.teaches, 96, initial_indent="  ", subsequent_indent="  "))
        return ExitStatus.DONE
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError("carpio sim: --jobs takes 1 or more")
    if arguments.replay is not None:
        from carpio.cli.commands import sim_replay

        return sim_replay.run(arguments, environment)
    if arguments.exhaustive and not arguments.files:
        from carpio.cli.commands import sim_exhaustive

        return sim_exhaustive.run(arguments, environment, [])
    if len(arguments.files) < 2:
        raise UsageError("carpio sim: needs two configuration files at least, one of each host")
    setups, warnings = load_hosts(
        [environment.path(text) for text in arguments.files], environment.environ
    )
    for warning in warnings:
        environment.remark(f"warning: {warning}")
    if arguments.lint:
        return _lint(arguments, environment, setups)
    if arguments.exhaustive:
        from carpio.cli.commands import sim_exhaustive

        return sim_exhaustive.run(arguments, environment, setups)
    if arguments.seeds is not None:
        from carpio.cli.commands import sim_search

        duration = _duration(arguments) or MINUTE
        return sim_search.run(arguments, environment, setups, duration)
    scenario = _scenario(arguments, environment, setups)
    with ExitStack() as closing:
        trace = None
        if arguments.trace is not None:
            file = closing.enter_context(environment.path(arguments.trace).open("w"))
            trace = lambda at, text: print(f"{at} {text}", file=file)  # noqa: E731 - of one use
        report = simulate(
            setups,
            scenario,
            seed=arguments.seed or 0,
            duration=_duration(arguments),
            trace=trace,
        )
    if arguments.svg is not None or arguments.html is not None:
        from carpio.sim.picture import as_html, as_svg

        for name, made in ((arguments.svg, as_svg), (arguments.html, as_html)):
            if name is not None:
                environment.path(name).write_text(made(report))
    environment.say(json.dumps(report.as_json()) if arguments.json else as_text(report))
    return ExitStatus.DONE if report.is_clean else ExitStatus.FAILED


def _lint(
    arguments: argparse.Namespace, environment: Environment, setups: list[HostSetup]
) -> ExitStatus:
    found = lint(setups)
    if arguments.json:
        advice = [{"group": one.group, "what": one.what, "remedy": one.remedy} for one in found]
        environment.say(json.dumps({"schema": 1, "advice": advice}))
    elif found:
        environment.say("\n".join(map(str, found)))
    else:
        environment.say("Nothing to say.")
    return ExitStatus.FAILED if found else ExitStatus.DONE


def _scenario(
    arguments: argparse.Namespace, environment: Environment, setups: list[HostSetup]
) -> Scenario:
    """Return the faults that are asked for: of a file, of a seed, or none."""
    if arguments.scenario is not None:
        path = find_scenario(arguments.scenario, environment.path(arguments.scenario))
        if path is None:
            raise UsageError(
                f"carpio sim: {arguments.scenario}: no such file, and no scenario of that name; "
                f"there are {', '.join(names())}"
            )
        scenario = read_scenario(path, [setup.name for setup in setups])
    elif arguments.seed is not None:
        scenario = random_scenario(arguments.seed, setups, _duration(arguments) or MINUTE)
    else:
        scenario = Scenario()
    return scenario.with_datapath(naive=arguments.datapath == "naive")


def _duration(arguments: argparse.Namespace) -> int | None:
    text = getattr(arguments, "for")
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"carpio sim: --for: {error}") from error
