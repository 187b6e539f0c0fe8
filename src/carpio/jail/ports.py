"""What jails need of the host: containers, commands, and what is known of those that run.

The steps of a jail (plan.py) are taken through these; tests give them other ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Protocol

from carpio.errors import CarpioError
from carpio.jail.values import Setpoint

__all__ = [
    "CannotChange",
    "Command",
    "Commands",
    "Containers",
    "Ending",
    "Holder",
    "MadeAlias",
    "MountLine",
    "Outcome",
    "Record",
    "Registry",
    "Stage",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a jail: PID 1 of its PID namespace, as the host sees it."""

    pid: int
    started: int
    """Start time as in /proc/PID/stat, field 22: another process of the number has another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MountLine:
    """One line as in fstab(5)."""

    parameter: str
    """Where it comes from: `mount`, `mount.fstab`, `mount.devfs`..."""
    device: str
    point: str
    """As the file says it: absolute on the host, usually below the root of the jail."""
    kind: str
    """Of mount.devfs, mount.fdescfs, mount.procfs: `devfs`, `fdescfs`, `procfs`."""
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeAlias:
    """An address that was put on an interface for a jail."""

    interface: str
    family: str
    address: str
    down: tuple[str, ...]
    """The ifconfig call that removes it; it never holds a passphrase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept about a jail while it, or something that was made for it, is there."""

    jid: int
    name: str
    path: str
    """Resolved, absolute."""
    values: Mapping[str, Setpoint]
    """Effective values by base name, without `exec.*` (those are of the file), masked nowhere."""
    holder: Holder | None
    """None before the jail is made, and when it is gone but mounts or aliases are left."""
    is_persistent: bool
    aliases: tuple[MadeAlias, ...] = ()
    interfaces: tuple[str, ...] = ()
    """Interfaces that were moved into its network namespace, to be moved back."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What the container side remembers: bundle, cgroup, runtime..."""
    maker: Holder | None = None
    """The `jail` process that is at work on it: nobody else touches it while that lives."""
    control: str = ""
    """Socket of the daemon that has its aliases."""


@unique
class Ending(Enum):
    """How a command ended."""

    DONE = "exited"
    SIGNALLED = "exited on signal"
    TIMED_OUT = "timed out"
    LEFT_RUNNING = "runs in the background"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command."""

    ending: Ending
    number: int = 0
    """Exit status or signal."""

    @property
    def is_good(self) -> bool:
        """Whether steps may go on."""
        return self.ending is Ending.LEFT_RUNNING or (
            self.ending is Ending.DONE and self.number == 0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command on the host, or in a jail that runs."""

    argv: tuple[str, ...] = field(repr=False)
    """Of a shell command `/bin/sh -c VALUE`. May hold a passphrase."""
    record: Record | None = None
    """The jail to run it in; None: on the host."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All of it, PATH included."""
    user: str | None = None
    """None: the current one."""
    is_host_user: bool = False
    """Whether the user of a command in the jail is looked up on the host."""
    directory: str | None = None
    timeout_s: int = 0
    """0: any time."""
    is_background: bool = False
    """In a session of its own and not waited for."""
    output: str | None = None
    """File to append standard output and error to; None: those of this process."""
    is_clean: bool = False
    """Add HOME, SHELL and USER of the user it runs as, and start in HOME instead."""


class CannotChange(CarpioError):
    """A value that stays as it is while the jail runs."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} cannot be changed after creation")
        self.parameter = parameter


class Commands(Protocol):
    """Runs commands; safe to call from several threads."""

    def run(self, command: Command) -> Outcome:
        """Run to the end. Raises PlatformError when it cannot be begun (no such program, user)."""
        ...


class Stage(Protocol):
    """The root and mounts of a jail to be, in a mount namespace that nobody else sees.

    All that was mounted goes with `discard`, or with the jail once it is created.
    """

    def mount(self, line: MountLine) -> None:
        """Mount one line. Raises PlatformError (also CarpioError for a bad point, with text)."""
        ...

    def unmount(self, line: MountLine) -> None:
        """Take back the last mount of this line, before the jail is created."""
        ...

    def create(self, record: Record) -> Record:
        """Make the jail; return its record with holder and details. Raises PlatformError."""
        ...

    def discard(self) -> None:
        """Drop what was staged; never raises; harmless after `create`."""
        ...


class Containers(Protocol):
    """Jails as containers of an OCI runtime."""

    def check(self, values: Mapping[str, Setpoint]) -> None:
        """Raise PlatformError when no jail with these values can be made here, with the remedy.

        No runtime, not root, no cgroup2 for a jail restricted to its addresses...
        """
        ...

    def stage(self, values: Mapping[str, Setpoint], path: str) -> Stage:
        """Begin a jail. Raises PlatformError."""
        ...

    def set_persistent(self, record: Record, is_persistent: bool) -> Record:
        """Keep the jail without processes, or no longer; then it may be gone at once."""
        ...

    def update(self, record: Record, values: Mapping[str, Setpoint]) -> Record:
        """Change what can be changed while it runs (`-m`), all of `values` or nothing.

        `values` are those that differ. Raises CannotChange, PlatformError.
        """
        ...

    def give_interface(self, record: Record, interface: str) -> None:
        """Move an interface of the host into a vnet jail. Raises PlatformError."""
        ...

    def take_interface(self, record: Record, interface: str) -> None:
        """Move it back, under the same name. Raises PlatformError."""
        ...

    def processes(self, record: Record) -> Sequence[int]:
        """Process ids, as the host sees them, without the holder."""
        ...

    def terminate(self, record: Record, timeout_s: int) -> Sequence[int]:
        """Send SIGTERM to all but the holder, wait; return whom it was sent to."""
        ...

    def destroy(self, record: Record) -> None:
        """End all processes and remove cgroup, namespaces, bundle. Harmless when it is gone.

        Also of a record without a holder: whatever a killed `create` may have left of it.
        """
        ...

    def is_alive(self, record: Record) -> bool:
        """Whether the jail's holder is still the same process."""
        ...


class Registry(Protocol):
    """What is known of jails on this host. One file per jail; read under a lock."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other `jail` processes from reserving and changing for the moment."""
        ...

    def records(self) -> Iterator[Record]:
        """All records in the order of their jids, of dead jails too (holder None)."""
        ...

    def find(self, name_or_jid: str) -> Record | None:
        """The record of a jail by jid (all digits) or name."""
        ...

    def reserve(self, name: str, jid: int | None, path: str) -> Record:
        """Take a jid and the name, and put a record of them; an empty name becomes the jid.

        Raises CarpioError with `"NAME" already exists`, also for a jail that is gone but recorded.
        """
        ...

    def put(self, record: Record) -> None:
        """Write a record atomically."""
        ...

    def drop(self, record: Record) -> None:
        """Forget a jail."""
        ...
