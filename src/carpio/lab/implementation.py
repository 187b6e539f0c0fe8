"""What can sit on a host of the lab: each implementation says how it is configured and started.

An implementation is a strategy: it writes what its program needs and names the command;
starting, killing and stopping real processes is the host's business.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Protocol, TypeAlias

from carpio.errors import PlatformError

__all__ = [
    "CONTROL_SOCKET",
    "Carpio",
    "Group",
    "Implementation",
    "Interface",
    "Naive",
    "Seat",
    "Ucarp",
    "carpio_command",
    "control_inside",
    "write_secret",
]

Interface: TypeAlias = IPv4Interface | IPv6Interface
CONTROL_SOCKET = "control.sock"
SOCKETS = Path("/run/carpio-lab")
"""Of the place of a lab: the name of a socket must be short, the directory of a lab may not be."""
CONFIG_FILE = "carpio.toml"
PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file name


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The group under test: what all its hosts agree on."""

    vhid: int = 1
    passphrase: str = "carpio lab"  # noqa: S105 - guards a lab only
    advbase: int = 1
    addresses: tuple[Interface, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A host's own place in the group, and the directory where its files may lie."""

    interface: str
    own_address: Interface
    directory: Path
    advskew: int = 0
    preempt: bool = True


class Implementation(Protocol):
    """A program that keeps the group's addresses alive."""

    @property
    def name(self) -> str:
        """The name for people."""
        ...

    def command(self, group: Group, seat: Seat) -> tuple[str, ...]:
        """Write what the program needs under `seat.directory`; return its command line."""
        ...


def carpio_command() -> Path:
    """Return the `carpio` command of this installation.

    Raises:
        PlatformError: it is not there.
    """
    command = Path(sys.executable).parent / "carpio"
    if not command.exists():
        raise PlatformError(
            f"{command} does not exist", remedy="install carpio into this environment: make setup"
        )
    return command


def control_inside(namespace: str) -> Path:
    """Return the control socket of the host with that namespace, in a place of its own."""
    return SOCKETS / namespace / CONTROL_SOCKET


@dataclass(frozen=True, slots=True)
class Carpio:
    """The daemon of this installation. `options` are further top-level lines of TOML."""

    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "carpio"

    def command(self, group: Group, seat: Seat) -> tuple[str, ...]:
        addresses = ", ".join(f'"{address}"' for address in group.addresses)
        secret = seat.directory / PASSPHRASE_FILE
        write_secret(secret, group.passphrase)
        lines = (
            f"preempt = {str(seat.preempt).lower()}",
            *self.options,
            "[[vhid]]",
            f"id = {group.vhid}",
            f'interface = "{seat.interface}"',
            f'passphrase_file = "{secret}"',
            f"advbase = {group.advbase}",
            f"advskew = {seat.advskew}",
            f"addresses = [{addresses}]",
        )
        return self.command_for("\n".join(lines) + "\n", seat.directory)

    def command_for(
        self, toml: str, directory: Path, control: Path | None = None
    ) -> tuple[str, ...]:
        """Return the command line for a configuration given as text.

        The socket `control` lies in the directory unless said.
        """
        file = directory / CONFIG_FILE
        file.write_text(toml)
        control = control or directory / CONTROL_SOCKET
        return (str(carpio_command()), "daemon", "--config", str(file), "--control", str(control))


@dataclass(frozen=True, slots=True)
class Ucarp:
    """Debian's ucarp: one IPv4 address, no virtual MAC for it."""

    @property
    def name(self) -> str:
        return "ucarp"

    def command(self, group: Group, seat: Seat) -> tuple[str, ...]:
        (address,) = group.addresses
        up = _script(seat.directory / "up.sh", f'exec ip addr add {address} dev "$1"')
        down = _script(seat.directory / "down.sh", f'exec ip addr del {address} dev "$1"')
        return (
            "ucarp",
            f"--interface={seat.interface}",
            f"--srcip={seat.own_address.ip}",
            f"--vhid={group.vhid}",
            f"--pass={group.passphrase}",
            f"--addr={address.ip}",
            f"--advbase={group.advbase}",
            f"--advskew={seat.advskew}",
            f"--upscript={up}",
            f"--downscript={down}",
            "--shutdown",
            *(("--preempt",) if seat.preempt else ()),
        )


@dataclass(frozen=True, slots=True)
class Naive:
    """Bug 191832 in person: the address sits on the NIC, nothing guards it."""

    @property
    def name(self) -> str:
        return "naive"

    def command(self, group: Group, seat: Seat) -> tuple[str, ...]:
        addresses = (str(address) for address in group.addresses)
        return (sys.executable, "-m", "carpio.lab.naive", seat.interface, *addresses)


def write_secret(path: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text + "\n")


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path
