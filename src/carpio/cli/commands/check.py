"""carpio check"""

from __future__ import annotations

import argparse

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.config.load import load_config
from carpio.config.model import DaemonConfig
from carpio.errors import ConfigError

__all__ = ["run"]


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Judge a configuration, and the host when asked; say what to do about each finding."""
    path = environment.path(arguments.file)
    try:
        config = load_config(path, secrets=False, environ=environment.environ)
    except ConfigError as error:
        environment.remark("\n".join(error.problems))
        environment.say(f"{path}: not valid, {_counted(len(error.problems), 'problem')}")
        return ExitStatus.INVALID
    for warning in config.warnings:
        environment.remark(f"warning: {warning}")
    environment.say(f"{path}: {_verdict(config)}")
    status = ExitStatus.WARNINGS if config.warnings else ExitStatus.DONE
    if arguments.host:
        return _check_host(config, environment, status)
    return status


def _verdict(config: DaemonConfig) -> str:
    addresses = sum(len(vhid.instance.addresses) for vhid in config.vhids)
    groups = _counted(len(config.vhids), "group")
    text = f"valid, {groups} with {_counted(addresses, 'address', 'addresses')}"
    if config.warnings:
        text += f", {_counted(len(config.warnings), 'warning')}"
    return text


def _check_host(config: DaemonConfig, environment: Environment, status: ExitStatus) -> ExitStatus:
    """Print what stands in the way on this host; return the worse of its and `status`."""
    from carpio.insight.host import Severity, examine

    findings = examine(config)
    for finding in findings:
        environment.say(str(finding))
    if any(finding.severity is Severity.ERROR for finding in findings):
        return ExitStatus.FAILED
    if any(finding.severity is Severity.WARNING for finding in findings):
        return ExitStatus.WARNINGS
    environment.say("host: nothing in the way")
    return status


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"
