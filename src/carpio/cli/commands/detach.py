"""carpio detach"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.control.client import ControlClient
from carpio.control.messages import Detach, VhidStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Let the addresses of a group live beside its interface again."""
    with ControlClient(environment.control_path(arguments.control)) as client:
        status = client.ask(Detach(name=arguments.group), VhidStatus)
    environment.say(f"{status.name}: its addresses live beside {status.interface}")
    return ExitStatus.DONE
