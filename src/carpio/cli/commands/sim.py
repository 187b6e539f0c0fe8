"""carpio sim"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import replace
from textwrap import fill
from types import MappingProxyType
from typing import Final

from carpio.cli.commands.sim_outputs import check_file, confusion, naming, write_file
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.sim.chance import random_scenario
from carpio.sim.hosts import load_hosts
from carpio.sim.library import find_scenario, names, path_of
from carpio.sim.lint import doubts, lint
from carpio.sim.node import HostSetup
from carpio.sim.report import Report
from carpio.sim.run import MINUTE
from carpio.sim.run import run as simulate
from carpio.sim.scenario import Scenario, read_scenario
from carpio.sim.text import as_text
from carpio.sim.units import exact, parse_duration

__all__ = ["run"]

_TAKEN: Final = MappingProxyType(
    {
        "": ("seed", "scenario", "for", "datapath", "trace", "svg", "html", "json"),
        "seeds": ("seed", "for", "datapath", "keep", "jobs", "dask", "json"),
        "lint": ("json",),
        "exhaustive": ("faults", "deadlines", "jobs", "json"),
        "replay": ("config", "json"),
        "list": (),
    }
)
"""Options that choose what is done, and those that each takes; empty: one run."""


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Simulate, and say what came of it."""
    try:
        return _run(arguments, environment)
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED


def _run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    _check(arguments)
    if arguments.list:
        return _list(environment)
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
    for doubt in doubts(setups):
        environment.remark(f"warning: {doubt}")
    if arguments.seeds is not None:
        from carpio.cli.commands import sim_search

        duration = _duration(arguments) or MINUTE
        return sim_search.run(arguments, environment, setups, duration)
    return _play(arguments, environment, setups)


def _list(environment: Environment) -> ExitStatus:
    for name in names():
        found = read_scenario(path_of(name), ("a", "b"))
        environment.say(f"{name}: {found.title}.")
        environment.say(fill(found.teaches, 96, initial_indent="  ", subsequent_indent="  "))
    return ExitStatus.DONE


def _play(
    arguments: argparse.Namespace, environment: Environment, setups: list[HostSetup]
) -> ExitStatus:
    """Simulate once."""
    _check_outputs(arguments, environment)
    scenario = _scenario(arguments, environment, setups)
    end = _duration(arguments) or scenario.duration or MINUTE
    for number, fault in enumerate(scenario.faults, 1):
        if fault.at >= end:
            late = f"fault {number} never comes: it is after the end, {exact(end)}"
            environment.remark(f"warning: {late}; use a longer --for")
    with ExitStack() as closing:
        trace = None
        if arguments.trace is not None:
            path = environment.path(arguments.trace)
            closing.enter_context(naming(path))
            file = closing.enter_context(path.open("w"))
            trace = lambda at, text: print(f"{at} {text}", file=file)  # noqa: E731 - of one use
        report = simulate(
            setups,
            scenario,
            seed=arguments.seed or 0,
            duration=end,
            trace=trace,
        )
    environment.say(json.dumps(report.as_json()) if arguments.json else as_text(report))
    _draw(arguments, environment, report)
    return ExitStatus.DONE if report.is_clean else ExitStatus.FAILED


def _check_outputs(arguments: argparse.Namespace, environment: Environment) -> None:
    """Raise UsageError or OSError unless all can be written that shall be."""
    outputs = {
        f"--{name}": environment.path(getattr(arguments, name))
        for name in ("trace", "svg", "html")
        if getattr(arguments, name) is not None
    }
    inputs = [*arguments.files, *([arguments.scenario] if arguments.scenario else ())]
    if confused := confusion(outputs, map(environment.path, inputs)):
        raise UsageError(f"carpio sim: {confused}")
    for path in outputs.values():
        check_file(path)


def _draw(arguments: argparse.Namespace, environment: Environment, report: Report) -> None:
    """Write the pictures that are asked for."""
    if arguments.svg is None and arguments.html is None:
        return
    from carpio.sim.picture import as_html, as_svg

    for name, made in ((arguments.svg, as_svg), (arguments.html, as_html)):
        if name is not None:
            write_file(environment.path(name), made(report))


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for numbers out of range, and for options that would do nothing."""
    for name, least in (("jobs", 1), ("seed", 0), ("seeds", 1), ("faults", 0), ("deadlines", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise UsageError(f"carpio sim: --{name} takes {least} or more")
    actions = [name for name in _TAKEN if name and _is_given(arguments, name)]
    if len(actions) > 1:
        raise UsageError(f"carpio sim: choose one of --{' and --'.join(actions)}")
    action = actions[0] if actions else ""
    for name in dict.fromkeys(name for taken in _TAKEN.values() for name in taken):
        if _is_given(arguments, name) and name not in _TAKEN[action]:
            takers = " or ".join(f"--{other}" for other in _TAKEN if name in _TAKEN[other])
            what = f"does not go with --{action}" if action else f"goes with {takers}"
            raise UsageError(f"carpio sim: --{name} {what}")
    if arguments.list and arguments.files:
        raise UsageError("carpio sim: --list takes no files")
    if arguments.dask is not None and arguments.jobs is not None:
        raise UsageError("carpio sim: choose one of --jobs and --dask")


def _is_given(arguments: argparse.Namespace, name: str) -> bool:
    return getattr(arguments, name) not in (None, False)


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
            there = environment.path(arguments.scenario).exists()
            what = "no regular file" if there else "no such file"
            raise UsageError(
                f"carpio sim: {arguments.scenario}: {what}, and no scenario of that name; "
                f"there are {', '.join(names())}"
            )
        carpdevs = {one.name: [it.carpdev for it in one.config.instances] for one in setups}
        scenario = read_scenario(path, [setup.name for setup in setups], carpdevs)
    elif arguments.seed is not None:
        scenario = random_scenario(arguments.seed, setups, _duration(arguments) or MINUTE)
    else:
        scenario = Scenario()
    if arguments.datapath is None:
        return scenario
    return replace(scenario, is_naive=arguments.datapath == "naive")


def _duration(arguments: argparse.Namespace) -> int | None:
    text = getattr(arguments, "for")
    if text is None:
        return None
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"carpio sim: --for: {error}") from error
    if not duration:
        raise UsageError("carpio sim: --for: let some time pass; write 10min, 1.5s or 20ms")
    return duration
