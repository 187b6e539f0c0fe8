"""carpio attach"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.control.client import ControlClient
from carpio.control.messages import Attach, VhidStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Let the addresses of a group live in a container."""
    netns, pid = arguments.netns, arguments.pid
    if (netns is None) == (pid is None):
        raise UsageError("carpio attach: name the container: --netns NAME or --pid PID")
    if pid is not None and pid < 1:
        raise UsageError(f"carpio attach: --pid {pid}: not a process")
    request = Attach(name=arguments.group, netns=netns, pid=pid)
    with ControlClient(environment.control_path(arguments.control)) as client:
        status = client.ask(request, VhidStatus)
    environment.say(f"{status.name}: its addresses live in {status.attached}")
    return ExitStatus.DONE
