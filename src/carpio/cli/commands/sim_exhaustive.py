"""carpio sim --exhaustive"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.sim.exhaustive import Horizon, Result, can_be_in_bulk
from carpio.sim.node import HostSetup
from carpio.sim.standard import explore_tasks, own_tasks, task_of

__all__ = ["run"]

_SCHEMA: Final = 1
_MOST: Final = 31
"""Deadlines or faults; more would not end."""


def run(
    arguments: argparse.Namespace, environment: Environment, setups: Sequence[HostSetup]
) -> ExitStatus:
    """Explore all that can come; say how much that was and what is broken."""
    try:
        tasks = [task_of(setups)] if setups else own_tasks()
    except ValueError as error:
        raise UsageError(f"carpio sim --exhaustive: {error}") from error
    given = {"faults": arguments.faults, "deadlines": arguments.deadlines}
    limits = {name: value for name, value in given.items() if value is not None}
    for name, value in limits.items():
        if value > _MOST:
            raise UsageError(f"carpio sim --exhaustive: --{name} {value}; give it {_MOST} or less")
    tasks = [replace(one, horizon=replace(one.horizon, **limits)) for one in tasks]
    cores = arguments.jobs or len(os.sched_getaffinity(0))
    if any(one.horizon.is_frugal for one in tasks) and not can_be_in_bulk():
        environment.remark(
            "NumPy is not installed; this is several times faster with it: "
            "pip install 'carpio[exhaustive]'"
        )
    found: list[dict[str, object]] = []
    begin = time.monotonic()

    def wait() -> None:
        passed = time.monotonic() - begin
        environment.remark(f"{passed:.0f} s: {len(found)} of {len(tasks)} explorations are done")

    for task, result in explore_tasks(tasks, cores=cores, waiting=wait):
        passed = time.monotonic() - begin
        found.append({"title": task.title, "done_after_s": round(passed, 3)} | asdict(result))
        if not arguments.json:
            environment.say(f"{task.title}: {_told(task.horizon, result)}, {passed:.0f} s")
            if result.broken:
                environment.say(f"BROKEN: {result.broken}")
                environment.say("\n".join(f"  {step}" for step in result.way))
    is_clean = not any(one["broken"] for one in found)
    if arguments.json:
        environment.say(json.dumps({"schema": _SCHEMA, "explorations": found}))
    elif is_clean:
        environment.say("No invariant was broken.")
    return ExitStatus.DONE if is_clean else ExitStatus.FAILED


def _told(horizon: Horizon, result: Result) -> str:
    losses = f"at most {horizon.losses} lost" if horizon.losses else "no losses"
    if horizon.losses is None:
        losses = "any number of losses"
    delay = f"up to {horizon.delay / 1e9:g} s" if horizon.delay else "no time"
    return (
        f"{horizon.deadlines} deadlines each, {horizon.faults} of "
        f"{len(horizon.kinds)} kinds of faults, {losses}, adverts take {delay}: "
        f"{result.states:,} states, {result.transitions:,} transitions, "
        f"{result.depth} steps deep, {result.questions:,} questions to the engine"
    )
