"""carpio state"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.control.client import ControlClient

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Ask for a state of one group."""
    with ControlClient(environment.control_path(arguments.control)) as client:
        client.call("state", name=arguments.group, state=arguments.state)
    return ExitStatus.DONE
