"""From the command line to the chosen command and its arguments, by `spec`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from carpio.cli.exit_status import EXIT_MEANINGS
from carpio.cli.spec import (
    COMMANDS,
    DEBUG,
    HELP,
    PROGRAM,
    SUMMARY,
    VERSION,
    Argument,
    Command,
)
from carpio.cli.usage import TextRequested, UsageError

__all__ = ["parse"]


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of leaving."""

    def error(self, message: str) -> NoReturn:
        usage = self.format_usage().strip()
        raise UsageError(f"{self.prog}: {message}\n{usage}\nTry `{self.prog} --help`.")


class _PrintHelp(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise TextRequested(parser.format_help().rstrip())


class _PrintVersion(argparse.Action):
    def __call__(self, *_: Any) -> NoReturn:
        from carpio import __version__

        raise TextRequested(f"{PROGRAM} {__version__}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, the `Command` among them as `command`.

    Raises UsageError or TextRequested.
    """
    return _build().parse_args(list(argv))


def _build() -> argparse.ArgumentParser:
    statuses = "\n".join(f"  {status:3}  {text}" for status, text in EXIT_MEANINGS.items())
    parser = _Parser(
        prog=PROGRAM,
        description=f"{SUMMARY[0].upper()}{SUMMARY[1:]}.",
        epilog=f"exit status:\n{statuses}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    _add_common(parser)
    parser.add_argument(VERSION.name, action=_PrintVersion, nargs=0, help=VERSION.doc)
    commands = parser.add_subparsers(
        metavar="COMMAND", title="commands", required=True, parser_class=_Parser
    )
    for command in COMMANDS:
        _add_command(commands, command)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-h", HELP.name, action=_PrintHelp, nargs=0, help=HELP.doc)
    parser.add_argument(DEBUG.name, action="store_true", default=argparse.SUPPRESS, help=DEBUG.doc)


def _add_command(commands: argparse._SubParsersAction[Any], command: Command) -> None:
    parser = commands.add_parser(
        command.name,
        usage=f"{PROGRAM} {command.name} {command.synopsis}".rstrip(),
        help=command.summary,
        description=" ".join((command.summary, *command.description)),
        add_help=False,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    _add_common(parser)
    for argument in command.arguments:
        parser.add_argument(argument.name, **_settings(argument))


def _settings(argument: Argument) -> dict[str, Any]:
    """Return what `add_argument` must know."""
    settings: dict[str, Any] = {"help": argument.doc}
    if argument.is_option and not argument.metavar:
        return settings | {"action": "store_true"}
    if argument.metavar:
        settings["metavar"] = argument.metavar
    if argument.choices:
        settings["choices"] = argument.choices
    if argument.is_number:
        settings["type"] = int
    if argument.several:
        return settings | {"nargs": "*"}
    if not argument.is_option:
        nargs = argparse.REMAINDER if argument.repeatable else "?" if argument.optional else None
        return settings | {"nargs": nargs}
    if argument.repeatable:
        settings |= {"action": "append", "default": []}
    return settings | {"required": argument.required}
