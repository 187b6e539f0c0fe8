"""carpio log-level"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.control.client import ControlClient

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Change how much the daemon logs."""
    with ControlClient(environment.control_path(arguments.control)) as client:
        client.call("log_level", level=arguments.level)
    return ExitStatus.DONE
