"""carpio decode"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.config.load import load_config
from carpio.config.model import DaemonConfig
from carpio.insight.decode import DecodedFrame, KnownGroup, KnownGroups, Verdict, decode_capture
from carpio.wire.auth import Authenticator

__all__ = ["run"]

_GOOD: Final = (Verdict.OK, Verdict.UNVERIFIED)


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Print one line per packet as it is read; a bad one is a finding."""
    groups = None
    if arguments.config is not None:
        path = environment.path(arguments.config)
        groups = _known_groups(load_config(path, environ=environment.environ))
    verdicts: Counter[Verdict] = Counter()
    for frame in decode_capture(environment.path(arguments.capture), groups):
        verdicts[frame.verdict] += 1
        environment.say(json.dumps(frame.as_json()) if arguments.json else _described(frame))
    if not arguments.json:
        environment.remark(_summary(verdicts))
    return ExitStatus.DONE if set(verdicts) <= set(_GOOD) else ExitStatus.FAILED


def _known_groups(config: DaemonConfig) -> KnownGroups:
    """Return what is needed to verify digests of the groups of all interfaces."""
    groups: dict[int, list[KnownGroup]] = {}
    for vhid in config.vhids:
        instance = vhid.instance
        addresses = [virtual.address for virtual in instance.addresses]
        known = KnownGroup(
            authenticator=Authenticator(instance.key, instance.vhid, addresses),
            families=frozenset(virtual.family for virtual in instance.addresses),
        )
        groups.setdefault(instance.vhid, []).append(known)
    return groups


def _described(frame: DecodedFrame) -> str:
    """Return a line in the manner of tcpdump, the verdict at its end; `?` was too short to read."""
    when = "-"
    if frame.time is not None:
        when = datetime.fromtimestamp(frame.time, UTC).isoformat(sep=" ", timespec="microseconds")
    fields = (
        (name, "?" if value is None else value)
        for name, value in (
            ("vhid", frame.vhid),
            ("advbase", frame.advbase),
            ("advskew", frame.advskew),
            ("counter", frame.counter),
            ("ttl", frame.ttl),
        )
    )
    sender = f" ({frame.ethernet_source})" if frame.ethernet_source else ""
    text = " ".join(f"{name} {value}" for name, value in fields)
    return (
        f"{frame.frame} {when.removesuffix('+00:00')} IPv{frame.family} "
        f"{frame.source}{sender}: {text}: {frame.verdict.value}"
    )


def _summary(verdicts: Counter[Verdict]) -> str:
    if not verdicts:
        return "no packets of protocol 112"
    shares = ", ".join(
        f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict]
    )
    return f"{verdicts.total()} packets of protocol 112: {shares}"
