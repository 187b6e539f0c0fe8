"""carpio reload"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.control.client import ControlClient
from carpio.control.messages import Reload, ReloadResult

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Let the daemon read its files again, and pass on its warnings."""
    with ControlClient(environment.control_path(arguments.control)) as client:
        result = client.ask(Reload(discard=arguments.discard), ReloadResult)
    for warning in result.warnings:
        environment.remark(f"warning: {warning}")
    return ExitStatus.DONE
