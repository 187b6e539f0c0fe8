"""carpio bsd-path"""

from __future__ import annotations

import argparse

from carpio.bsd.names import COMMANDS
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.installation import provide_links, script_of

__all__ = ["run"]


def run(_arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Print the directory that holds the commands of the BSDs by their names, made if missing."""
    environment.say(str(provide_links(script_of(environment.program), COMMANDS)))
    return ExitStatus.DONE
