"""The commands `carpio` and `carpiod`: chooses, runs, and turns failures into exit statuses.

Called by the name of a command of the BSDs, through a link to the script, it is that command.
Those must answer fast: parser and specification are imported where they are needed.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from carpio.cli import bsd
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.usage import TextRequested, UsageError
from carpio.errors import CarpioError, ConfigError, ControlError, text_of

__all__ = ["daemon_entry_point", "entry_point", "main"]


def main(argv: Sequence[str], environment: Environment) -> int:
    """Run one command; `argv` is without the program's name. Raises nothing but with --debug."""
    try:
        call = bsd.call_in(argv)
        return bsd.be(*call, environment) if call else _run(argv, environment)
    except Exception as error:
        if "--debug" in argv and not isinstance(error, BrokenPipeError | UsageError):
            raise
        return _explain(error, environment)
    except KeyboardInterrupt:
        return ExitStatus.FAILED


def _run(argv: Sequence[str], environment: Environment) -> ExitStatus:
    from carpio.cli.parser import parse

    try:
        arguments = parse(argv)
    except TextRequested as text:
        environment.say(str(text))
        return ExitStatus.DONE
    command = importlib.import_module(f"carpio.cli.commands.{arguments.command.module}")
    status = ExitStatus(command.run(arguments, environment))
    environment.stdout.flush()
    return status


def _explain(error: Exception, environment: Environment) -> ExitStatus:
    """Tell people what went wrong and return the exit status for it."""
    match error:
        case BrokenPipeError():
            return ExitStatus.FAILED  # whoever read has heard enough, but not all
        case UsageError():
            environment.remark(str(error))
            return ExitStatus.USAGE
        case ConfigError():
            for problem in error.problems:
                environment.remark(problem)
            return ExitStatus.INVALID
        case CarpioError():
            environment.remark(f"carpio: {error}")
            return _status_of(error)
        case OSError():
            environment.remark(f"carpio: {text_of(error)}")
            return ExitStatus.FAILED
        case _:
            environment.remark(
                f"carpio: internal error: {type(error).__name__}: {error}; "
                "run again with --debug and report what it prints"
            )
            return ExitStatus.FAILED


def _status_of(error: CarpioError) -> ExitStatus:
    if isinstance(error, ControlError) and error.code in list(ExitStatus):
        return ExitStatus(error.code) if error.code else ExitStatus.FAILED
    return ExitStatus.FAILED


def entry_point() -> int:
    """Be the command `carpio`, or the one of the BSDs by whose name it was called."""
    name = os.path.basename(sys.argv[0])
    return _be([name, *sys.argv[1:]] if name in bsd.COMMANDS else sys.argv[1:])


def daemon_entry_point() -> int:
    """Be the command `carpiod`: `carpio daemon`."""
    return _be(["daemon", *sys.argv[1:]])


def _be(argv: Sequence[str]) -> int:
    environment = Environment.of_process()
    status = main(argv, environment)
    try:
        environment.stdout.flush()
    except OSError:
        # Python would flush once more at exit and complain, as `main` did if there was reason.
        os.dup2(os.open(os.devnull, os.O_WRONLY), environment.stdout.fileno())
    return status
