"""The steps of a jail's life as values, in the order of jail(8). Who takes them is elsewhere.

Unmounting is no step of a removal: what was mounted for a jail is in its own mount namespace and
goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from carpio.jail.addresses import AddressSetting
from carpio.jail.holdback import attaching
from carpio.jail.judge import Setpoint
from carpio.jail.ports import MountLine
from carpio.jail.wanted import Wanted, texts_of

__all__ = [
    "AddAlias",
    "CreationStep",
    "DropAliases",
    "GiveInterface",
    "LetGo",
    "Make",
    "Mount",
    "RemovalStep",
    "Run",
    "RunWords",
    "SettleAliases",
    "Terminate",
    "Unmake",
    "creation_steps",
    "needs_persistence",
    "removal_steps",
]


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """What may hold a passphrase is not shown. (A dataclass takes thirty times as long to make.)"""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Run(_Step, frozen=True, kw_only=True):
    """Run one value of a parameter, on the host or in the jail. It has no undo."""

    parameter: str
    value: str
    is_in_jail: bool = False


class RunWords(_Step, frozen=True, kw_only=True):
    """Run the command of the command line in the jail. It has no undo."""

    argv: tuple[str, ...]


class AddAlias(_Step, frozen=True, kw_only=True):
    """Put an address on its interface, or hold it back; the undo takes it off."""

    setting: AddressSetting


class Mount(_Step, frozen=True, kw_only=True):
    """Mount a line; the undo unmounts it."""

    line: MountLine


class SettleAliases(_Step, frozen=True, kw_only=True):
    """See to the addresses that were held back. What it adds is undone with its AddAlias."""

    after: str = "exec.prestart"
    """The parameter until which they were."""


class Make(_Step, frozen=True, kw_only=True):
    """Make the jail; the undo removes it, and moves its interfaces back before."""


class GiveInterface(_Step, frozen=True, kw_only=True):
    """Move an interface into the jail; it comes back when that is removed."""

    interface: str


class LetGo(_Step, frozen=True, kw_only=True):
    """Take temporary persistence back: without processes the jail is gone now."""


CreationStep: TypeAlias = (
    Run | RunWords | AddAlias | Mount | SettleAliases | Make | GiveInterface | LetGo
)


class Terminate(_Step, frozen=True, kw_only=True):
    """Send SIGTERM to all processes of the jail, and wait."""


class Unmake(_Step, frozen=True, kw_only=True):
    """Remove the jail with all its processes, mounts and the jails below it."""


class DropAliases(_Step, frozen=True, kw_only=True):
    """Take off all addresses that were put on interfaces for the jail, the last first."""


RemovalStep: TypeAlias = Run | Terminate | Unmake | DropAliases


def creation_steps(wanted: Wanted) -> tuple[CreationStep, ...]:
    """Return how a jail is made."""
    values = wanted.values
    added = [AddAlias(setting=one) for one in wanted.addresses if one.interface is not None]
    steps: list[CreationStep] = [
        *_runs(values, "exec.prepare"),
        *added,
        *(Mount(line=line) for line in wanted.mounts),
        *_runs(values, "exec.prestart"),
        *([SettleAliases()] if added else []),
        Make(),
        *_runs(values, "exec.created"),
        *_settling(wanted, "exec.created"),
        *(GiveInterface(interface=one) for one in _interfaces(values)),
        *_runs(values, "exec.start", is_in_jail=True),
        *([RunWords(argv=wanted.argv)] if wanted.argv else []),
        *(() if wanted.argv else _runs(values, "command", is_in_jail=True)),
        *_runs(values, "exec.poststart"),
        *_settling(wanted, "exec.poststart"),
    ]
    if needs_persistence(wanted):
        steps.append(LetGo())
    return tuple(steps)


def _settling(wanted: Wanted, parameter: str) -> Iterator[SettleAliases]:
    """Yield what follows a parameter, if that attaches an address to a vhid."""
    parameters = [
        attaching(one, lambda name: texts_of(wanted.values, name)) for one in wanted.addresses
    ]
    if parameter in parameters:
        yield SettleAliases(after=parameter)


def needs_persistence(wanted: Wanted) -> bool:
    """Return whether a jail is kept only until its commands are done."""
    names = ("exec.start", "command", "exec.poststart")
    return not wanted.is_lasting and bool(
        wanted.argv or any(texts_of(wanted.values, name) for name in names)
    )


def removal_steps(values: Mapping[str, Setpoint], *, is_gone: bool) -> tuple[RemovalStep, ...]:
    """Return how a jail is removed, or cleaned up after when it is gone already."""
    before: tuple[RemovalStep, ...] = (
        *_runs(values, "exec.prestop"),
        *_runs(values, "exec.stop", is_in_jail=True),
        Terminate(),
        Unmake(),
    )
    return (
        *(() if is_gone else before),
        *_runs(values, "exec.poststop"),
        DropAliases(),
        *_runs(values, "exec.release"),
    )


def _runs(
    values: Mapping[str, Setpoint], parameter: str, *, is_in_jail: bool = False
) -> Iterator[Run]:
    for value in texts_of(values, parameter):
        yield Run(parameter=parameter, value=value, is_in_jail=is_in_jail)


def _interfaces(values: Mapping[str, Setpoint]) -> Iterator[str]:
    for text in texts_of(values, "vnet.interface"):
        yield from (name for name in text.replace(",", " ").split() if name)
