"""carpio sim --replay"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.config.load import load_config
from carpio.core.model import InstanceKey
from carpio.sim.replay import Replay, replay
from carpio.sim.units import shown
from carpio.trace.beginning import Trace
from carpio.trace.records import TraceError, parse
from carpio.wire.auth import Key

__all__ = ["run"]

_SCHEMA: Final = 1
_LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a line: a beginning can be long, but not that long."""
_NO_TRACE: Final = "is this a trace, whole from its first line on?"


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Replay a trace; say what came of it and whether it is what came of it in life."""
    if arguments.files:
        raise UsageError("carpio sim --replay: takes one trace, and --config FILE for the keys")
    path = environment.path(arguments.replay)
    try:
        keys = _keys(arguments, environment, path)
        found = replay(_lines(path), keys)
    except TraceError as error:
        remedy = "" if ";" in str(error) else f"; {_NO_TRACE}"
        raise TraceError(f"{arguments.replay}: {error}{remedy}") from error
    if arguments.json:
        environment.say(json.dumps({"schema": _SCHEMA} | asdict(found)))
    else:
        for line in _told(found):
            environment.say(line)
    return ExitStatus.DONE if found.is_same else ExitStatus.FAILED


def _keys(
    arguments: argparse.Namespace, environment: Environment, path: Path
) -> Mapping[InstanceKey, Key]:
    if arguments.config is None:
        return {}
    config = load_config(environment.path(arguments.config), environ=environment.environ)
    first = parse(next(_lines(path), b""))
    netns = first.netns if isinstance(first, Trace) else None
    keys = {one.instance: one.key for one in config.engine_config(netns).instances}
    traced = [one.group for one in first.settings.groups] if isinstance(first, Trace) else []
    missing = sorted(set(traced) - {str(instance) for instance in keys})
    if missing:
        place = f" in {netns}" if netns is not None else ""
        environment.remark(f"warning: {arguments.config} has no {', '.join(missing)}{place}")
    return keys


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST):
            number += 1
            if len(line) == _LONGEST and not line.endswith(b"\n"):
                raise TraceError(f"line {number}: is longer than a line can be")
            yield line


def _told(found: Replay) -> Iterator[str]:
    place = f" of {found.netns}" if found.netns is not None else ""
    yield f"trace{place} by carpio {found.version}, begun {found.began}"
    yield ""
    for report in found.reports:
        yield f"{report.at / 1e9:14.6f}  {report.what}"
    if found.reports:
        yield ""
    yield (
        f"{found.events:,} events in {shown(found.duration)}, {found.adverts:,} adverts heard, "
        f"{found.unverified:,} of them not verified; ends: {found.end or 'open'}"
    )
    if found.misjudged:
        yield f"{found.misjudged:,} adverts are not judged by this configuration as they were"
    if found.gaps:
        yield f"{found.gaps:,} gaps, where the disk was too slow"
    for one in found.differences:
        at = f"line {one.line}, {one.at / 1e9:.6f}"
        yield f"DIFFERENT: {at}: {one.traced} in the trace, {one.replayed} in the replay"
    if found.more_differences:
        yield f"and {found.more_differences:,} more"
    if found.is_same:
        yield f"The engine did the same at the same times: {len(found.reports):,} changes."
