"""What tests of the daemon on the wire share: nodes, ears at the switch, clients.

A node is a host of the lab with a running daemon. Nothing here believes the daemon about the
wire: an `Ear` hears what a host really sends, clients ask the addresses and count answers.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol

import pytest

from carpio.control.client import ControlClient
from carpio.control.messages import SetState, Status, StatusRequest, VhidStatus
from carpio.errors import ControlError
from carpio.lab.implementation import carpio_command
from carpio.lab.namespaces import socket_in
from carpio.lab.sighting import Claim, sight
from carpio.lab.topology import SHARED_ADDRESSES, DaemonProcess, Host, Lab, check_requirements

__all__ = [
    "QUICK",
    "VIP4",
    "VIP6",
    "VMAC",
    "Ear",
    "Node",
    "asks_arp",
    "bound",
    "child_of",
    "claims_in",
    "config",
    "eventually",
    "group",
    "need_lab",
    "pings",
    "rules_of",
    "serves",
    "start",
    "throw",
]

VIP4: Final = "10.77.0.100"
VIP6: Final = "2001:db8:77::100"
VMAC: Final = bytes.fromhex("00005e000101")
QUICK: Final = {"net/ipv4/ping_group_range": "0 0", "net/ipv6/conf/eth0/accept_dad": "0"}
"""Settings of a lab that need not wait for duplicate address detection, and can ping."""
OWN: Final = frozenset(shared.ip.packed for shared in SHARED_ADDRESSES)
ETH_P_ALL: Final = 3
PACKET_OUTGOING: Final = 4
ECHO: Final = struct.pack("!BBHHH", 8, 0, 0, 0, 1)
ECHO6: Final = struct.pack("!BBHHH", 128, 0, 0, 0, 1)
POLL_S: Final = 0.01


def need_lab(*commands: str) -> None:
    """Skip the test where the lab cannot run; fail instead if CARPIO_REQUIRE_LAB is set."""
    missing = [name for name in commands if shutil.which(name) is None]
    try:
        check_requirements()
        carpio_command()
        why = f"{' and '.join(missing)} is not installed" if missing else ""
    except Exception as error:
        why = str(error)
    if why and os.environ.get("CARPIO_REQUIRE_LAB"):
        pytest.fail(why)
    if why:
        pytest.skip(why)


def group(
    *,
    vhid: int = 1,
    interface: str = "eth0",
    advskew: int = 0,
    addresses: Iterable[object] = SHARED_ADDRESSES,
) -> str:
    """Return a `[[vhid]]` table of TOML."""
    listed = ", ".join(f'"{address}"' for address in addresses)
    return (
        f'[[vhid]]\nid = {vhid}\ninterface = "{interface}"\npassphrase = "lab"\n'
        f"advskew = {advskew}\naddresses = [{listed}]\n"
    )


def config(*groups: str, top: str = "") -> str:
    """Return a configuration with preempt; without groups it is `group()`."""
    return "\n".join(("preempt = true", top, *(groups or (group(),))))


def eventually(condition: Callable[[], object], timeout_s: float = 5.0, what: str = "") -> None:
    """Wait until `condition()` is true; fail with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what or condition}")
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class Node:
    """A host of the lab and its daemon."""

    host: Host
    daemon: DaemonProcess

    def status(self, name: str = "1@eth0") -> VhidStatus:
        """What the daemon says of one group. Raises ControlError while it is not reachable."""
        with ControlClient(self.daemon.control) as client:
            groups = client.ask(StatusRequest(), Status).vhids
        return next(one for one in groups if one.name == name)

    def is_in(self, state: str, name: str = "1@eth0") -> bool:
        """Whether the daemon answers and the group is in that state."""
        try:
            return self.status(name).state == state
        except ControlError:
            return False

    def wait_for(self, state: str, name: str = "1@eth0", timeout_s: float = 10.0) -> Node:
        """Wait until the group is in that state."""
        try:
            eventually(lambda: self.is_in(state, name), timeout_s)
        except pytest.fail.Exception:
            pytest.fail(f"{self.host.name}: {name} is not {state}:\n{self.daemon.log[-2000:]}")
        return self

    def become_master(self, name: str = "1@eth0") -> Node:
        """Ask for MASTER, so that the test need not wait for the master-down timer."""
        eventually(lambda: self._asks_for_mastership(name), 15, f"{name} may be MASTER")
        return self.wait_for("MASTER", name)

    def _asks_for_mastership(self, name: str) -> bool:
        with suppress(ControlError), ControlClient(self.daemon.control) as client:
            client.ask(SetState(name=name, state="master"), VhidStatus)
            return True
        return False

    def shown_status(self) -> str:
        """What `carpio status` prints."""
        command = (str(carpio_command()), "status", "--control", str(self.daemon.control))
        return self.host.run(*command).stdout


def start(host: Host, toml: str | None = None) -> Node:
    """Start a daemon on a host and wait until it answers."""
    node = Node(host, host.start_carpio(toml or config()))

    def answers() -> bool:
        if not node.daemon.child.is_running:
            pytest.fail(f"the daemon ended:\n{node.daemon.log}")
        with suppress(ControlError), ControlClient(node.daemon.control) as client:
            client.ask(StatusRequest(), Status)
            return True
        return False

    eventually(answers, 10, "the daemon answers")
    return node


class Ear:
    """Hears at the switch what a host sends, by its own or a named port; a context manager."""

    def __init__(self, lab: Lab, host: Host, *, port: str = "") -> None:
        self._socket = socket_in(lab.switch, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind((port or host.port, ETH_P_ALL))

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def take(self, for_s: float = 0.2) -> list[bytes]:
        """Return the frames heard since the last call, and for so long from now."""
        frames: list[bytes] = []
        deadline = time.monotonic() + for_s
        while True:
            left_s = deadline - time.monotonic()
            if not select.select([self._socket], [], [], max(0.0, left_s))[0]:
                return frames
            try:
                frame, origin = self._socket.recvfrom(2048)
            except OSError:  # the port was down: told once
                continue
            if origin[2] != PACKET_OUTGOING:
                frames.append(frame)


def claims_in(frames: Iterable[bytes], addresses: frozenset[bytes] = OWN) -> list[Claim]:
    """Everything among `frames` that speaks for the addresses, adverts left out."""
    seen = map(sight, frames)
    return [one for one in seen if isinstance(one, Claim) and one.address in addresses]


# -- clients -------------------------------------------------------------------------------------


class Place(Protocol):
    """Anything that lives in a namespace of its own."""

    @property
    def namespace(self) -> str:
        """The name for ip-netns(8)."""
        ...


def bound(
    host: Place, address: str = "", port: int = 0, kind: int = socket.SOCK_DGRAM
) -> socket.socket:
    """Return a UDP or TCP socket of a host, bound to an address of its choice."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket_in(host.namespace, family, kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.settimeout(1.0)
    opened.bind((address, port))
    return opened


def serves(server: socket.socket, client: socket.socket, timeout_s: float = 1.0) -> bool:
    """Whether a UDP client gets its question to the server and an answer back, in that time."""
    address = server.getsockname()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for one in (server, client):
            one.settimeout(0.1)
        with suppress(TimeoutError, ConnectionRefusedError):
            client.sendto(b"question", address)
            _, asker = server.recvfrom(64)
            server.sendto(b"answer", asker)
            if client.recvfrom(64)[0] == b"answer":
                return True
    return False


def pings(host: Place, target: str, *, source: str = "", timeout_s: float = 1.0) -> bool:
    """Whether `target` answers an echo request from a host, asked again every 50 ms."""
    is_v6 = ip_address(target).version == 6
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
    deadline = time.monotonic() + timeout_s
    with socket_in(host.namespace, family, socket.SOCK_DGRAM, protocol) as opened:
        opened.settimeout(0.05)
        if source:
            opened.bind((source, 0))
        while time.monotonic() < deadline:
            try:
                opened.sendto(ECHO6 if is_v6 else ECHO, (target, 0))
                opened.recvfrom(64)
            except TimeoutError:
                continue
            except OSError:
                time.sleep(0.05)
                continue
            return True
    return False


def asks_arp(host: Host, target: str, *, interface: str = "eth0") -> None:
    """Send one broadcast ARP request for `target` from the host's own address and MAC."""
    mac = host.mac
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    body = mac + host.addresses[0].ip.packed + bytes(6) + ip_address(target).packed
    throw(host, b"\xff" * 6 + mac + b"\x08\x06" + head + body, interface=interface)


def throw(host: Host, *frames: bytes, interface: str = "eth0") -> None:
    """Send raw frames from a host's interface; one that its guard refuses is no error."""
    with socket_in(host.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind((interface, 0))
        for frame in frames:
            try:
                wire.send(frame)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise


def child_of(host: Host, vhid: int = 1) -> str:
    """The name of the macvlan of a group on a host."""
    names = [
        line.split()[0].split("@")[0] for line in host.run("ip", "-br", "link").stdout.splitlines()
    ]
    return next(name for name in names if name.startswith(f"carp{vhid}-"))


def rules_of(host: Host, *, family: str = "-4") -> Sequence[str]:
    """The policy rules of a host, one line each, with their protocol."""
    return tuple(
        " ".join(line.split()) for line in host.run("ip", family, "-d", "rule").stdout.splitlines()
    )
