"""carpio lab"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Do an action of the lab; it judges its arguments itself."""
    from carpio.lab.command import main

    status = main([arguments.action, *arguments.rest])
    if status not in list(ExitStatus):  # ended by a signal
        raise SystemExit(status)
    return ExitStatus(status)
