"""carpio save"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.config.addresses import parse_virtual_address
from carpio.config.diff import has_secret, shown_changes
from carpio.config.edit import Running, differences, edited, merged, notes
from carpio.config.files import Source, parse, read_sources
from carpio.config.load import assemble
from carpio.config.model import DaemonConfig, VhidConfig
from carpio.config.problems import Problems
from carpio.config.vhid import SecretPolicy
from carpio.config.write import Change, replace_all
from carpio.control.client import ControlClient
from carpio.control.messages import Reload, ReloadResult
from carpio.control.network import Configuration, ConfigurationRequest, GroupConfiguration
from carpio.core.model import InstanceConfig, Vhid
from carpio.errors import CarpioError, ConfigError, ControlError, InvariantViolated
from carpio.wire.auth import Key

__all__ = ["run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is to be written; `changes` holds the files that stay as well."""

    changes: Sequence[Change]
    notes: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return all(change.after == change.before for change in self.changes)


def run(arguments: argparse.Namespace, environment: Environment) -> ExitStatus:
    """Show what the files would say, ask, write it, and let the daemon take it as its own."""
    control = environment.control_path(arguments.control)
    with ControlClient(control) as client:
        configuration = client.ask(ConfigurationRequest(), Configuration)
    plan = _plan(configuration, environment)
    for note in plan.notes:
        environment.remark(note)
    if plan.is_empty:
        environment.say("nothing to save: the files say what can be said of what runs")
        return ExitStatus.DONE
    for change in plan.changes:
        before, after = change.before.decode(), change.after.decode()
        environment.stdout.write(shown_changes(change.path, before, after))
    environment.stdout.flush()
    if not (arguments.yes or _is_agreed(environment)):
        return ExitStatus.FAILED
    replace_all(plan.changes)
    for change in plan.changes:
        if change.after != change.before:
            environment.remark(f"written: {change.path}")
    return _let_the_daemon_read(control, environment)


def _is_agreed(environment: Environment) -> bool:
    if not environment.stdin.isatty():
        environment.remark("nothing was written: nobody is there to be asked; add --yes")
        return False
    print("Write this? [y/N] ", end="", file=environment.stderr, flush=True)
    is_agreed = environment.stdin.readline().strip().lower() in ("y", "yes")
    if not is_agreed:
        environment.remark("nothing was written")
    return is_agreed


def _let_the_daemon_read(control: Path, environment: Environment) -> ExitStatus:
    try:
        with ControlClient(control) as client:
            result = client.ask(Reload(), ReloadResult)
    except ControlError as error:
        environment.remark(f"the daemon does not take the files as what it has: {error}")
        return ExitStatus.FAILED
    for warning in result.warnings:
        environment.remark(f"warning: {warning}")
    return ExitStatus.DONE


# -- what to write -------------------------------------------------------------------------


def _plan(configuration: Configuration, environment: Environment) -> _Plan:
    """Find what the files must say. Raises CarpioError, with nothing written."""
    problems = Problems()
    policy = SecretPolicy(required=False, environ=environment.environ)
    sources = read_sources(Path(configuration.file), problems)
    current = assemble(sources, problems, policy)
    _refuse_edited(configuration, current)
    running = _running(configuration)
    wanted = merged(current, running)
    texts = edited(sources, current, wanted)
    closed = [source.file for source in sources if _must_be_closed(source, texts)]
    _validate(sources, texts, closed, wanted, policy)
    return _Plan(
        changes=[
            Change(
                path=source.file,
                before=source.text.encode(),
                after=texts.get(source.file, source.text).encode(),
                is_closed=source.file in closed,
            )
            for source in sources
        ],
        notes=[
            *(_left_out(group) for group in configuration.groups if not group.is_lasting),
            *notes(sources, current, wanted, running),
            *(f"{file} gets a passphrase: its mode becomes 0600" for file in closed),
        ],
    )


def _left_out(group: GroupConfiguration) -> str:
    return (
        f"{group.name} is left out: its network namespace has no name by which a file could speak "
        "of it"
    )


def _refuse_edited(configuration: Configuration, current: DaemonConfig) -> None:
    """Refuse to write over what somebody has written since the daemon read the files."""
    read = dict(zip(configuration.files, configuration.digests, strict=False))
    found = dict(zip(map(str, current.files), current.digests, strict=True))
    edited_since = [file for file in {**read, **found} if read.get(file) != found.get(file)]
    if read and edited_since:
        raise CarpioError(
            f"{', '.join(edited_since)}: not as the daemon has read it; nothing was written; put "
            "back what it was, or give up what ifconfig and sysctl changed: "
            "`carpio reload --discard`"
        )


def _running(configuration: Configuration) -> Running:
    return Running(
        settings=configuration.settings,
        namespaces=configuration.netns_settings,
        groups=tuple(_group(group) for group in configuration.groups if group.is_lasting),
        removed=frozenset(
            (group.netns, group.interface, group.id) for group in configuration.removed
        ),
    )


def _group(group: GroupConfiguration) -> VhidConfig:
    """Return a group as a file would make it. Raises CarpioError when none could."""
    try:
        instance = InstanceConfig(
            vhid=Vhid(group.id),
            carpdev=group.interface,
            key=Key.from_bytes(bytes.fromhex(group.key)),
            advbase=group.advbase,
            advskew=group.advskew,
            addresses=tuple(parse_virtual_address(address) for address in group.addresses),
            preempt=group.preempt,
        )
    except ValueError as error:
        raise CarpioError(f"{group.name} cannot be in a file: {error}") from error
    return VhidConfig(instance=instance, netns=group.netns, name=group.name, attach=group.attach)


def _must_be_closed(source: Source, texts: Mapping[Path, str]) -> bool:
    """Whether others can read a file that gets its first secret."""
    after = texts.get(source.file, source.text)
    return source.is_open and has_secret(after) and not has_secret(source.text)


def _validate(
    sources: Sequence[Source],
    texts: Mapping[Path, str],
    closed: Sequence[Path],
    wanted: DaemonConfig,
    policy: SecretPolicy,
) -> None:
    """Read the new texts as the daemon would. Raises ConfigError or InvariantViolated."""
    problems = Problems()
    read = [
        parse(
            source.file,
            texts.get(source.file, source.text),
            problems,
            is_open=source.is_open and source.file not in closed,
        )
        for source in sources
    ]
    try:
        config = assemble([source for source in read if source is not None], problems, policy)
    except ConfigError as error:
        raise ConfigError(
            ["nothing was written, for the files would not be valid:", *error.problems]
        ) from error
    found = differences(config, wanted)
    if found:
        raise InvariantViolated(
            f"nothing was written, for the files would say something else of {', '.join(found)}; "
            "report this"
        )
