"""carpio version"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Print the version."""
    from carpio import __version__

    environment.say(f"carpio {__version__}")
    return ExitStatus.DONE
