"""carpio lab"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Play a scenario; it judges its arguments itself."""
    from carpio.lab.demo import main

    return ExitStatus(main(arguments.rest))
