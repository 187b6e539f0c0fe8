"""carpio demote"""

from __future__ import annotations

import argparse
import re

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.control.client import ControlClient
from carpio.control.messages import Demote, DemoteClear, DemotionStatus

__all__ = ["run"]

_CHANGE = re.compile(r"[+-]\d{1,5}")


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Change one share of the demotion number and print the new sum."""
    request = _request(arguments)
    with ControlClient(environment.control_path(arguments.control)) as client:
        demotion = client.ask(request, DemotionStatus)
    environment.say(f"demotion {demotion.sum}")
    return ExitStatus.DONE


def _request(arguments: argparse.Namespace) -> Demote | DemoteClear:
    cause, change, cleared = arguments.cause, arguments.change, arguments.clear
    if cleared is not None and cause is None:
        return DemoteClear(cleared)
    if cleared is not None or change is None:
        raise UsageError("carpio demote: write either CAUSE and +N or -N, or --clear CAUSE")
    if not _CHANGE.fullmatch(change):
        raise UsageError(
            f"carpio demote: {change!r} is not a change; write +N to demote, -N to take it back"
        )
    return Demote(cause, int(change))
