"""carpio trace"""

from __future__ import annotations

import argparse
import os

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import UsageError
from carpio.control.client import ControlClient
from carpio.control.messages import TraceOff, TraceOn

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Begin or end a trace."""
    method, params = _request(arguments, environment)
    with ControlClient(environment.control_path(arguments.control)) as client:
        client.call(method, **params)
    return ExitStatus.DONE


def _request(
    arguments: argparse.Namespace, environment: Environment
) -> tuple[str, dict[str, object]]:
    if arguments.switch == "off":
        if arguments.file is not None or arguments.size is not None:
            raise UsageError("carpio trace: off takes neither a file nor --size")
        return TraceOff.method, {}
    if arguments.file is None:
        raise UsageError("carpio trace: on needs the file to write; it must not be there")
    path = os.path.abspath(environment.path(arguments.file))
    size = {} if arguments.size is None else {"mib": arguments.size}
    return TraceOn.method, {"path": path} | size
