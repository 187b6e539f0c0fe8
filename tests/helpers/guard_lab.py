"""Two namespaces and two cables, to see which frames the guard lets out and in.

    host: p0 (parent, 10.77.0.1/24, fd77::1/64) ======= c0 :peer   (no addresses: it only
          q0 (other,  10.78.0.1/24)             ======= d0 :peer    sends and captures)

What was sent before a marker and did not arrive before it was dropped: no waiting, no doubt.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from carpio.runtime.guard import Guard, GuardedGroup
from carpio.runtime.namespace import Namespace
from carpio.runtime.nfnetlink import open_netfilter_socket

__all__ = [
    "BROADCAST",
    "OTHER_VIP4",
    "OTHER_VMAC",
    "PARENT4",
    "PARENT6",
    "PARENT_MAC",
    "PEER4",
    "PEER6",
    "PEER_MAC",
    "VIP4",
    "VIP6",
    "VMAC",
    "GuardLab",
    "arp",
    "eventually",
    "group",
    "guard_lab",
    "icmp6",
    "ip4",
    "ip6",
    "na",
    "ns",
    "rival",
    "suppress_refusal",
    "tagged",
]

PARENT_MAC = bytes.fromhex("020000000001")
PEER_MAC = bytes.fromhex("020000000002")
VMAC = bytes.fromhex("00005e000101")
OTHER_VMAC = bytes.fromhex("00005e000102")
BROADCAST = b"\xff" * 6
PARENT4, PEER4, VIP4, OTHER_VIP4 = "10.77.0.1", "10.77.0.2", "10.77.0.100", "10.77.0.101"
PARENT6, PEER6, VIP6 = "fd77::1", "fd77::2", "fd77::100"

_ETH_P_ALL = 3
_MARKER = 0x88B5
"""An EtherType for experiments (IEEE 802), which no rule looks at."""
_PATIENCE = 5.0
_TIMES = 5
"""How often a question is asked in that time."""


def group(
    parent: str = "p0", mac: bytes = VMAC, addresses: tuple[str, ...] = (VIP4, VIP6)
) -> GuardedGroup:
    """The group of the tests: one address of each family."""
    return GuardedGroup(parent=parent, mac=mac, addresses=tuple(map(ip_address, addresses)))


def eventually(condition: Callable[[], bool]) -> bool:
    """True as soon as the condition holds; False if it does not within five seconds."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# -- frames ------------------------------------------------------------------------------------


def _ethernet(source: bytes, destination: bytes, kind: int, payload: bytes) -> bytes:
    return destination + source + struct.pack("!H", kind) + payload.ljust(46, b"\0")


def tagged(frame: bytes, vlan: int = 10) -> bytes:
    """The frame with an 802.1Q tag."""
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


def arp(
    *,
    ether: bytes,
    sender_mac: bytes,
    sender: str,
    target: str,
    operation: int = 1,
    to: bytes = BROADCAST,
) -> bytes:
    """An ARP request (operation 1) or reply (2)."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    body += sender_mac + IPv4Address(sender).packed + bytes(6) + IPv4Address(target).packed
    return _ethernet(ether, to, 0x0806, body)


def ip4(
    *, ether: bytes, source: str, destination: str = PEER4, protocol: int = 17, to: bytes = PEER_MAC
) -> bytes:
    """An IPv4 packet with an empty payload of 20 bytes."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 255, protocol, 0)
    body = header + IPv4Address(source).packed + IPv4Address(destination).packed + bytes(20)
    return _ethernet(ether, to, 0x0800, body)


def ip6(
    *,
    ether: bytes,
    source: str,
    destination: str = PEER6,
    protocol: int = 17,
    payload: bytes = bytes(20),
    to: bytes = PEER_MAC,
) -> bytes:
    """An IPv6 packet."""
    header = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255)
    body = header + IPv6Address(source).packed + IPv6Address(destination).packed + payload
    return _ethernet(ether, to, 0x86DD, body)


def rival(mac: bytes = VMAC, *, family: int = 4) -> bytes:
    """What somebody else advertises from a virtual MAC, as far as the guard looks at it."""
    if family == 4:
        to = bytes.fromhex("01005e000012")
        return ip4(ether=mac, source=PEER4, destination="224.0.0.18", protocol=112, to=to)
    to = bytes.fromhex("333300000012")
    return ip6(ether=mac, source=PEER6, destination="ff02::12", protocol=112, to=to)


def icmp6(
    kind: int, rest: bytes, *, ether: bytes, source: str, destination: str, to: bytes
) -> bytes:
    """An ICMPv6 message with a right checksum, so that stacks take it."""
    message = struct.pack("!BBH", kind, 0, 0) + rest
    pseudo = IPv6Address(source).packed + IPv6Address(destination).packed
    pseudo += struct.pack("!II", len(message), 58)
    words = struct.unpack(f"!{(len(pseudo) + len(message)) // 2}H", pseudo + message)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    message = message[:2] + struct.pack("!H", ~total & 0xFFFF) + message[4:]
    return ip6(
        ether=ether,
        source=source,
        destination=destination,
        protocol=58,
        payload=message,
        to=to,
    )


def ns(
    *, ether: bytes, source: str, target: str, option: bytes | None = None, to: bytes = BROADCAST
) -> bytes:
    """A neighbour solicitation; `option`: source link-layer address."""
    rest = bytes(4) + IPv6Address(target).packed + (b"\x01\x01" + option if option else b"")
    solicited = IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + IPv6Address(target).packed[-3:])
    return icmp6(135, rest, ether=ether, source=source, destination=str(solicited), to=to)


def na(
    *,
    ether: bytes,
    target: str,
    option: bytes | None = None,
    source: str | None = None,
    destination: str = "ff02::1",
    solicited: bool = False,
    to: bytes = BROADCAST,
) -> bytes:
    """A neighbour advertisement; `option`: target link-layer address."""
    flags = bytes((0x60 if solicited else 0x20, 0, 0, 0))
    rest = flags + IPv6Address(target).packed + (b"\x02\x01" + option if option else b"")
    return icmp6(136, rest, ether=ether, source=source or target, destination=destination, to=to)


# -- the lab -----------------------------------------------------------------------------------


class GuardLab:
    """The two namespaces, with sockets at both ends of both cables."""

    def __init__(self, name: str) -> None:
        """Build it; `name` makes the namespaces unique."""
        self.host, self.peer = f"{name}-h", f"{name}-p"
        for namespace in (self.host, self.peer):
            _run("ip", "netns", "add", namespace)
            _run("ip", "-n", namespace, "link", "set", "lo", "up")
        self._namespaces = {n: Namespace(n) for n in (self.host, self.peer)}
        self.cable("p0", "c0")
        self.cable("q0", "d0")
        for address in (f"{PARENT4}/24", f"{PARENT6}/64"):
            extra = ("nodad",) if ":" in address else ()
            self.ip("addr", "add", address, "dev", "p0", *extra)
        self.ip("addr", "add", "10.78.0.1/24", "dev", "q0")
        self._sockets: dict[tuple[str, str, int], socket.socket] = {}
        self._numbers = itertools.count(1)

    def cable(self, near: str, far: str) -> None:
        """Lay a cable between the host's interface `near` and the peer's `far`."""
        _run(
            *("ip", "-n", self.host, "link", "add", near, "address", PARENT_MAC.hex(":")),
            *("type", "veth", "peer", "name", far, "address", PEER_MAC.hex(":")),
            *("netns", self.peer),
        )
        # a peer without IPv6 sends nothing by itself
        _run(
            *("ip", "netns", "exec", self.peer, "sysctl", "-qw"),
            f"net.ipv6.conf.{far}.disable_ipv6=1",
        )
        _run("ip", "-n", self.peer, "link", "set", far, "up")
        self.ip("link", "set", near, "up")

    def ip(self, *arguments: str) -> str:
        """Run ip(8) in the host."""
        return _run("ip", "-n", self.host, *arguments)

    def run(self, *arguments: str) -> str:
        """Run a program in the host."""
        return _run("ip", "netns", "exec", self.host, *arguments)

    def in_host(self, function: Callable[[], socket.socket]) -> socket.socket:
        """Open a socket in the host."""
        return self._namespaces[self.host].call(function)

    def guard(self, *, plain: bool = False) -> Guard:
        """A guard for the host, not yet claimed."""
        return Guard(open_socket=lambda: self.in_host(open_netfilter_socket), plain=plain)

    def child(self, *, mac: bytes = VMAC, name: str = "carp1") -> None:
        """Make the macvlan of a group, down, with the group's addresses."""
        self.ip(
            *("link", "add", "link", "p0", "name", name, "address", mac.hex(":")),
            *("type", "macvlan", "mode", "bridge"),
        )
        self.ip("addr", "add", f"{VIP4}/32", "dev", name)
        self.ip("addr", "add", f"{VIP6}/128", "dev", name, "nodad")

    def leaving(self, *frames: bytes, device: str = "p0") -> list[bytes]:
        """Send `frames` from the host's device; return those that come out of the cable."""
        capture = self._socket(self.peer, _far_end(device), _ETH_P_ALL)
        out = self._socket(self.host, device, 0)
        _drain(capture)
        for frame in frames:
            with suppress_refusal():
                out.send(frame)
        marker = self._marker(PARENT_MAC, BROADCAST)
        out.send(marker)
        return [frame for frame in _until(capture, marker) if frame in _comparable(frames)]

    def answers(self, *frames: bytes, device: str = "p0") -> list[bytes]:
        """Send `frames` to the host's device; return all that comes back meanwhile.

        The end is told by a question that the host surely answers: who has its own address. When
        it does not, all is asked again: a kernel answers nobody while its table of neighbours is
        full, and all namespaces, those of other tests too, share one table.
        """
        wire = self._socket(self.peer, _far_end(device), _ETH_P_ALL)
        _drain(wire)
        wire.settimeout(_PATIENCE / _TIMES)
        address = {"p0": PARENT4, "q0": "10.78.0.1"}[device]
        asking = f"10.{address.split('.')[1]}.0.{next(self._numbers) % 100 + 110}"
        question = arp(ether=PEER_MAC, sender_mac=PEER_MAC, sender=asking, target=address)
        end = IPv4Address(address).packed + PEER_MAC + IPv4Address(asking).packed
        found: list[bytes] = []
        for _ in range(_TIMES):
            for frame in (*frames, question):
                wire.send(frame)
            with suppress(TimeoutError):
                _until(wire, end, found)
                return found
        raise AssertionError(f"{address} is not answered for, only {found}")

    def arriving(self, *frames: bytes, device: str = "p0", protocol: int) -> list[bytes]:
        """Send `frames` from the peer; return those that pass the host's ingress hook."""
        capture = self._socket(self.host, device, protocol)
        wire = self._socket(self.peer, _far_end(device), _ETH_P_ALL)
        _drain(capture)
        for frame in frames:
            wire.send(frame)
        marker = self._marker(PEER_MAC, BROADCAST, protocol)
        wire.send(marker)
        return [frame for frame in _until(capture, marker) if frame in _comparable(frames)]

    def sent_between(self, near: str, far: str, frame: bytes) -> list[bytes]:
        """Send `frame` from `near` to its other end `far`, both in the host; return it if seen."""
        capture = self._socket(self.host, far, _ETH_P_ALL)
        out = self._socket(self.host, near, 0)
        marker = self._marker(PARENT_MAC, BROADCAST)
        with suppress_refusal():
            out.send(frame)
        out.send(marker)
        found = [seen for seen in _until(capture, marker) if seen == frame]
        for key in [key for key in self._sockets if key[1] in (near, far)]:
            self._sockets.pop(key).close()  # the cable may be made again
        return found

    def listen(self, device: str = "p0") -> Callable[[], list[bytes]]:
        """Begin to capture at the far end; the result returns what was sent before its call."""
        capture = self._socket(self.peer, _far_end(device), _ETH_P_ALL)
        out = self._socket(self.host, device, 0)
        _drain(capture)

        def heard() -> list[bytes]:
            marker = self._marker(PARENT_MAC, BROADCAST)
            out.send(marker)
            return _until(capture, marker)

        return heard

    def close(self) -> None:
        """Remove everything; never raises for what is gone."""
        for opened in self._sockets.values():
            opened.close()
        for name, namespace in self._namespaces.items():
            namespace.close()
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def _marker(self, source: bytes, to: bytes, protocol: int = _MARKER) -> bytes:
        payload = b"marker %d" % next(self._numbers)
        return _ethernet(source, to, protocol, payload)

    def _socket(self, namespace: str, device: str, protocol: int) -> socket.socket:
        key = (namespace, device, protocol)
        if key not in self._sockets:

            def opener() -> socket.socket:
                opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
                opened.bind((device, protocol))
                opened.settimeout(_PATIENCE)
                return opened

            self._sockets[key] = self._namespaces[namespace].call(opener)
        return self._sockets[key]


@contextmanager
def suppress_refusal() -> Iterator[None]:
    """Let the guard refuse a frame, which is reported to its sender as ENOBUFS."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise


@contextmanager
def guard_lab() -> Iterator[GuardLab]:
    """A lab on one processor, so that frames keep their order; removed on every path."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    lab = GuardLab(f"gd-{os.getpid()}")
    try:
        yield lab
    finally:
        lab.close()
        os.sched_setaffinity(0, processors)


def _far_end(device: str) -> str:
    return {"p0": "c0", "q0": "d0"}[device]


def _comparable(frames: tuple[bytes, ...]) -> list[bytes]:
    """The frames as sent, with the virtual MAC as source, and without the tag (it is taken off)."""
    rewritten = [frame[:6] + VMAC + frame[12:] for frame in frames]
    return [*frames, *rewritten, *(frame[:12] + frame[16:] for frame in frames)]


def _until(capture: socket.socket, end: bytes, found: list[bytes] | None = None) -> list[bytes]:
    """Return all frames before that with `end` in it; also add them to `found`."""
    found = [] if found is None else found
    while True:
        frame, place = capture.recvfrom(2048)
        if place[2] == socket.PACKET_OUTGOING:
            continue
        if end in frame:
            return found
        found.append(frame)


def _drain(capture: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    capture.setblocking(False)
    try:
        while True:
            frame, place = capture.recvfrom(2048)
            if place[2] != socket.PACKET_OUTGOING:
                found.append(frame)
    except BlockingIOError:
        return found
    finally:
        capture.settimeout(_PATIENCE)


def _run(*arguments: str) -> str:
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return done.stdout
