"""What can sit on a host of a scenario, with any number of groups on any of its cables.

A peer writes what its program needs into a directory and names the command lines; starting,
killing and stopping real processes is the host's business.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from carpio.errors import ConfigError, PlatformError, text_of
from carpio.lab.frr import FrrPeer
from carpio.lab.hidden import check_seen
from carpio.lab.implementation import Carpio, Ucarp, write_secret
from carpio.lab.implementation import Group as UcarpGroup
from carpio.lab.implementation import Seat as UcarpSeat
from carpio.lab.jails import JailsPeer
from carpio.lab.post import Command, Duty, Post

__all__ = ["PEERS", "WITH_CONTROL", "Command", "Duty", "Peer", "Post", "peer_named"]


class Peer(Protocol):
    """An implementation."""

    @property
    def name(self) -> str:
        """The name for people and for `--impl`."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Commands that must be installed."""
        ...

    @property
    def is_vrrp(self) -> bool:
        """Whether it speaks VRRP, and has a virtual MAC of its own for IPv6."""
        ...

    def commands(self, post: Post) -> Sequence[Command]:
        """Write the files; return a command line for each process."""
        ...


@dataclass(frozen=True, slots=True)
class CarpioPeer:
    """The daemon of this installation."""

    name: str = "carpio"
    needs: tuple[str, ...] = ("nft",)
    is_vrrp: bool = False

    def commands(self, post: Post) -> Sequence[Command]:
        lines = [f"preempt = {str(post.preempt).lower()}", *post.options]
        for duty in post.duties:
            secret = post.directory / f"vhid-{duty.vhid}.pass"
            write_secret(secret, duty.passphrase)
            addresses = ", ".join(f'"{address}"' for address in duty.addresses)
            lines += [
                "[[vhid]]",
                f"id = {duty.vhid}",
                f'interface = "{duty.interface}"',
                f'passphrase_file = "{secret}"',
                f"advbase = {duty.advbase}",
                f"advskew = {duty.advskew}",
                f"addresses = [{addresses}]",
            ]
        return (Carpio().command_for("\n".join(lines) + "\n", post.directory, post.control),)


@dataclass(frozen=True, slots=True)
class NaivePeer:
    """Bug 191832 in person: address first, then a delay, then what ties it to its group."""

    name: str = "naive"
    needs: tuple[str, ...] = ("nft",)
    is_vrrp: bool = False

    def commands(self, post: Post) -> Sequence[Command]:
        ((*carpio,),) = CarpioPeer().commands(post)
        places = (f"{d.interface}={a}" for d in post.duties for a in d.addresses)
        delay = ("--delay", f"{post.delay_s:g}")
        return ((sys.executable, "-m", "carpio.lab.naive", *delay, *places, "--", *carpio),)


@dataclass(frozen=True, slots=True)
class UcarpPeer:
    """Debian's ucarp: a process per IPv4 address, no virtual MAC for it."""

    name: str = "ucarp"
    needs: tuple[str, ...] = ("ucarp",)
    is_vrrp: bool = False

    def commands(self, post: Post) -> Sequence[Command]:
        return tuple(self._commands(post))

    def _commands(self, post: Post) -> Iterator[Command]:
        for duty in post.duties:
            own = [address for address in duty.own if address.version == 4]
            if not own or not duty.of_version(4):
                raise PlatformError(
                    "ucarp knows IPv4 only", remedy="choose a scenario with IPv4 addresses"
                )
            directory = post.directory / f"ucarp-{duty.vhid}"
            directory.mkdir(exist_ok=True)
            group = UcarpGroup(
                vhid=duty.vhid,
                passphrase=duty.passphrase,
                advbase=duty.advbase,
                addresses=duty.of_version(4)[:1],
            )
            seat = UcarpSeat(
                interface=duty.interface,
                own_address=own[0],
                directory=directory,
                advskew=duty.advskew,
                preempt=post.preempt,
            )
            yield Ucarp().command(group, seat)


@dataclass(frozen=True, slots=True)
class KeepalivedPeer:
    """Debian's keepalived with VRRP version 3 and virtual MACs (use_vmac)."""

    name: str = "keepalived"
    needs: tuple[str, ...] = ("keepalived",)
    is_vrrp: bool = True

    def commands(self, post: Post) -> Sequence[Command]:
        lines = ["global_defs {", "    vrrp_version 3", "}"]
        for duty in post.duties:
            for version in (4, 6):
                lines += self._instance(duty, version, preempt=post.preempt)
        file = post.directory / "keepalived.conf"
        file.write_text("\n".join(lines) + "\n")
        pids = []
        for kind in ("pid", "vrrp_pid"):
            path = post.directory / kind
            path.unlink(missing_ok=True)  # a boot empties /run; it would refuse to start
            pids.append(f"--{kind}={path}")
        return (
            ("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
             f"--use-file={file}", *pids),
        )  # fmt: skip

    def _instance(self, duty: Duty, version: int, *, preempt: bool) -> Iterator[str]:
        addresses = duty.of_version(version)
        if not addresses:
            return
        yield f"vrrp_instance V{duty.vhid}_{version} {{"
        yield "    state BACKUP"
        yield f"    interface {duty.interface}"
        yield f"    virtual_router_id {duty.vhid}"
        yield f"    priority {max(1, 254 - duty.advskew)}"
        yield f"    advert_int {duty.advbase}"
        yield f"    use_vmac vr{version}.{duty.vhid}"
        yield "    vmac_xmit_base"
        if version == 6:
            yield "    native_ipv6"
        if not preempt:
            yield "    nopreempt"
        yield "    virtual_ipaddress {"
        yield from (f"        {address}" for address in addresses)
        yield "    }"
        yield "}"


@dataclass(frozen=True, slots=True)
class CommandFilePeer:
    """A file of shell lines that ends by running somebody's program in the foreground.

    It finds the groups in its environment: CARPIO_LAB_GROUPS holds a line `VHID INTERFACE ADVBASE
    ADVSKEW OWN,OWN ADDRESS,ADDRESS` for each, CARPIO_LAB_PASSPHRASE_FILE names the passphrase.
    """

    path: Path
    needs: tuple[str, ...] = ()
    is_vrrp: bool = False

    @property
    def name(self) -> str:
        return self.path.name

    def commands(self, post: Post) -> Sequence[Command]:
        secret = post.directory / "passphrase"
        write_secret(secret, post.duties[0].passphrase if post.duties else "")
        groups = "\n".join(
            f"{d.vhid} {d.interface} {d.advbase} {d.advskew}"
            f" {','.join(map(str, d.own))} {','.join(map(str, d.addresses))}"
            for d in post.duties
        )
        return (
            (
                "env",
                f"CARPIO_LAB_GROUPS={groups}",
                f"CARPIO_LAB_PASSPHRASE_FILE={secret}",
                f"CARPIO_LAB_DIRECTORY={post.directory}",
                "sh",
                "-e",
                str(self.path.resolve()),
            ),
        )


PEERS: Final[tuple[Peer, ...]] = (
    CarpioPeer(),
    JailsPeer(name="jails", is_old=False),
    JailsPeer(name="jails-prestart", is_old=True),
    NaivePeer(),
    UcarpPeer(),
    KeepalivedPeer(),
    FrrPeer(),
)


WITH_CONTROL: Final = ("carpio", "jails", "jails-prestart")
"""Those whose daemon listens at the control socket of the host."""


def peer_named(name: str) -> Peer:
    """Return the peer called `name`, or the one of a command file.

    Raises:
        PlatformError: there is neither, or no lab sees the file.
        ConfigError: the name is a path, and there is no file that can be read.
    """
    for peer in PEERS:
        if peer.name == name:
            return peer
    path = Path(name)
    if "/" in name:
        _check_readable(path)
    if os.path.isfile(path):  # raises nothing
        check_seen(path, "copy it elsewhere")
        return CommandFilePeer(path)
    known = ", ".join(peer.name for peer in PEERS)
    raise PlatformError(
        f"{shlex.quote(name)} is no implementation", remedy=f"choose {known}, or a command file"
    )


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError([text_of(error)]) from error
