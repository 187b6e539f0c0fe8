"""carpio daemon"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Be the daemon until it is told to leave."""
    from carpio.runtime import daemon

    return ExitStatus(
        daemon.run(
            environment.path(arguments.config),
            environment.control_path(arguments.control),
            tuple(arguments.netns),
        )
    )
