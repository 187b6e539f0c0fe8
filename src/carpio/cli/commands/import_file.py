"""carpio import"""

from __future__ import annotations

import argparse

from carpio.bsd.sysctl_conf import Imported, import_sysctl_conf
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.errors import CarpioError

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Print what a file of FreeBSD says as a part of carpio.toml, remarks on standard error."""
    name = arguments.file
    imported = _imported(arguments.kind, _text_of(name, environment), name)
    environment.stdout.write(imported.toml)
    for remark in imported.remarks:
        environment.remark(remark)
    return ExitStatus.DONE


def _text_of(name: str, environment: Environment) -> str:
    """Return the text of the file, or of standard input. Raises CarpioError, OSError."""
    try:
        if name == "-":
            return environment.stdin.read()
        return environment.path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CarpioError(f"{name}: not a text in UTF-8") from error


def _imported(kind: str, text: str, name: str) -> Imported:
    """Read the file as what it is said to be. Raises ConfigError."""
    if kind == "sysctl.conf":
        return import_sysctl_conf(text, name)

    from carpio.bsd.rcconf import import_rc_conf, import_script

    return import_rc_conf(text, name) if kind == "rc.conf" else import_script(text, name)
