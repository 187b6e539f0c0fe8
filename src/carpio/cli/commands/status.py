"""carpio status"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Final

import msgspec

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.render import columns, elapsed, painted
from carpio.control.client import ControlClient
from carpio.control.messages import (
    DemotionStatus,
    RivalStatus,
    Status,
    StatusRequest,
    VhidStatus,
)

__all__ = ["run"]

_HEADINGS: Final = ("NAME", "STATE", "SINCE", "PEER", "SKEW", "IN", "OUT", "REASON")
_TRAFFIC: Final = ("ipackets", "ipackets6", "opackets", "opackets6")


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Print what the daemon says of itself."""
    with ControlClient(environment.control_path(arguments.control)) as client:
        status = client.ask(StatusRequest(), Status)
    if arguments.json:
        environment.say(msgspec.json.format(msgspec.json.encode(status), indent=2).decode())
        return ExitStatus.DONE
    _print_groups(status.vhids, environment)
    _print_demotion(status.demotion, environment)
    return ExitStatus.DONE


def _print_groups(groups: list[VhidStatus], environment: Environment) -> None:
    if not groups:
        environment.say("no groups are configured")
        return
    now = environment.now()
    with_netns = any(group.netns is not None for group in groups)
    rows = [(*_HEADINGS[:-1], *(["NETNS"] if with_netns else []), _HEADINGS[-1])]
    rows += [_row(group, now, with_netns=with_netns) for group in groups]
    heading, *lines = columns(rows)
    environment.say(heading)
    for group, line in zip(groups, lines, strict=True):
        environment.say(painted(line, group.state, environment))
        for detail in _details(group, now):
            environment.say(f"    {detail}")


def _row(group: VhidStatus, now: datetime, *, with_netns: bool) -> tuple[str, ...]:
    skew = str(group.advskew)
    if group.effective_advskew != group.advskew:
        skew += f" as {group.effective_advskew}"
    counters = group.counters
    return (
        group.name,
        group.state,
        elapsed(group.since, now),
        group.peer or "-",
        skew,
        str(counters.get("ipackets", 0) + counters.get("ipackets6", 0)),
        str(counters.get("opackets", 0) + counters.get("opackets6", 0)),
        *([group.netns or "-"] if with_netns else []),
        group.reason or "-",
    )


def _details(group: VhidStatus, now: datetime) -> list[str]:
    """Return the lines below a group: its addresses, what it ignored, who else speaks for it."""
    lines = ["  ".join(group.addresses) or "no addresses"]
    if group.attached is not None:
        lines[0] += f"  (in {group.attached})"
    other = [f"{n} {v}" for n, v in group.counters.items() if v and n not in _TRAFFIC]
    if other:
        lines.append(f"counted: {', '.join(other)}")
    return lines + [_rival(rival, now) for rival in group.rivals]


def _rival(rival: RivalStatus, now: datetime) -> str:
    ago = f", last {elapsed(rival.last_heard, now)} ago" if rival.last_heard else ""
    if rival.claims:
        return f"claimed by {rival.mac or 'unknown MAC'}: {rival.source} {rival.claims} times{ago}"
    return f"rival {rival.source} advbase {rival.advbase} advskew {rival.advskew}{ago}"


def _print_demotion(demotion: DemotionStatus, environment: Environment) -> None:
    shares = ", ".join(f"{share.cause} {share.value:+}" for share in demotion.causes)
    if demotion.sum or shares:
        environment.say(f"demotion {demotion.sum}: {shares}")
