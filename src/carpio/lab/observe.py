"""Ears at the switch: a tcpdump per port, and a live watch of the advertisements.

A capture holds what its host *sends* (frames that come into the switch) and, to see who is
asked, the echo requests that go out to it. All ports are stamped by one clock, the kernel's.
What the kernel had to drop is read from tcpdump's last words and reported, never hidden.
"""

from __future__ import annotations

import re
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from carpio.errors import PlatformError
from carpio.lab.flood import FLOOD_MAC
from carpio.lab.namespaces import socket_in
from carpio.lab.process import POLL_S, Child
from carpio.lab.result import Kind
from carpio.lab.sighting import Advert, sight
from carpio.lab.topology import Host, Lab
from carpio.wire.constants import BROADCAST_MAC

__all__ = ["AdvertWatch", "Awaited", "Capture", "PortCapture"]

Awaited: TypeAlias = tuple[str, str, int, int | None]
"""Host, network, vhid and family (4, 6; None: any) of an advert."""

SNAPLEN = 192
BUFFER_KIB = 32768
SETTLE_S = 0.2
"""Given to tcpdump to empty its ring before it is ended."""
HEARING_LIMIT_S = 10.0
LOOK_S = 0.2
"""Between looks whether a wait is in vain."""
ECHO_REQUEST = "(icmp[icmptype] == icmp-echo or (ip6 proto 58 and ip6[40] == 128))"
HOST_FILTER = f"inbound or {ECHO_REQUEST}"
ROUTER_FILTER = f"inbound and not ether src {FLOOD_MAC.hex(':')}"
"""The flood is counted by the flooder; its frames would only make the file large."""
SACRIFICE = BROADCAST_MAC + bytes.fromhex("02000000fade") + b"\x88\xb5" + bytes(46)
"""EtherType for experiments (IEEE 802), from a MAC that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortCapture:
    """What one port's tcpdump brought."""

    path: Path
    captured: int
    dropped: int
    """Frames the kernel lost because tcpdump was too slow; must be 0 for a proof."""
    cpu_s: float


class Capture:
    """Captures every port of the lab's switch while the `with` block runs."""

    def __init__(self, lab: Lab, directory: Path | None = None) -> None:
        self._lab = lab
        self._directory = directory or lab.directory
        self._children: dict[str, Child] = {}
        self.ports: Mapping[str, PortCapture] = {}

    def __enter__(self) -> Capture:
        ends = [(host, cable) for host in self._lab.hosts.values() for cable in host.cables]
        for host, cable in ends:
            log = self._directory / f"{cable.key}.tcpdump.log"
            log.unlink(missing_ok=True)  # what an earlier capture said is not said by this one
            self._children[cable.key] = Child(
                (
                    *("tcpdump", "-i", cable.port, "-n", "-p", "-Z", "root"),
                    *("-B", str(BUFFER_KIB), "--immediate-mode", "-s", str(SNAPLEN)),
                    *("--time-stamp-precision=nano", "-w", str(self._path(cable.key))),
                    HOST_FILTER if host.plan.kind is Kind.HOST else ROUTER_FILTER,
                ),
                namespace=self._lab.switch,
                log=log,
            )
        for child in self._children.values():
            child.wait_for_log("listening on")
        for host, cable in ends:
            _wait_until_heard(host, cable.plan.interface, self._children[cable.key])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        time.sleep(SETTLE_S)
        self.ports = {name: self._end(name, child) for name, child in self._children.items()}

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.pcap"

    def _end(self, name: str, child: Child) -> PortCapture:
        cpu_s = child.cpu_seconds()
        child.terminate()
        return PortCapture(
            path=self._path(name),
            captured=_last_words(child.log, "packets? captured"),
            dropped=_last_words(child.log, "packets? dropped by kernel"),
            cpu_s=cpu_s,
        )

    @property
    def files(self) -> Mapping[str, Path]:
        """The file of each port, by the key of its cable: the host's name for the first one."""
        return {name: self._path(name) for name in self._children}

    @property
    def dropped(self) -> int:
        """Frames that any port lost."""
        return sum(port.dropped for port in self.ports.values())


def _wait_until_heard(host: Host, interface: str, ear: Child) -> None:
    """Send frames that nobody reads until tcpdump says that it captured a frame of the host.

    libpcap filters what a new ring holds, and a few frames more, once again by itself. It
    cannot tell the direction of a frame there and rejects it, however much traffic came
    in meanwhile, so only a frame that was accepted proves that the next one will be.
    """
    deadline = time.monotonic() + HEARING_LIMIT_S
    with socket_in(host.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
        with suppress(OSError):
            mouth.bind((interface, 0))
        while not _last_words(ear.log, "packets? captured"):
            try:
                mouth.send(SACRIFICE)
            except OSError:  # the cable is not plugged: nothing is lost yet
                return
            if time.monotonic() > deadline:
                raise PlatformError(f"tcpdump does not capture what {host.name} sends")
            time.sleep(POLL_S)
            ear.send(signal.SIGUSR1)  # it says how many frames it has captured
            time.sleep(POLL_S)


def _last_words(log: str, what: str) -> int:
    numbers = re.findall(rf"(\d+) {what}", log)
    return int(numbers[-1]) if numbers else 0


SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
ETH_P_ALL = 3
ADVERT_PROGRAM = (
    (0x28, 0, 0, 12),  # ether type
    (0x15, 0, 2, 0x0800),
    (0x30, 0, 0, 23),  # IPv4 protocol
    (0x05, 0, 0, 2),
    (0x15, 0, 3, 0x86DD),
    (0x30, 0, 0, 20),  # IPv6 next header
    (0x15, 0, 1, 112),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)
"""Classic BPF (linux/filter.h): (code, jump if true, jump if false, value)."""


class AdvertWatch:
    """Sees the advertisements as they happen, so that a story knows when to go on.

    Serves the story's timing only; what is judged is the capture.
    """

    def __init__(self, lab: Lab) -> None:
        self._places: dict[int, tuple[str, str]] = {}
        self._sockets: dict[int, socket.socket] = {}
        for host in lab.hosts.values():
            for cable in host.cables:
                ear = socket_in(lab.switch, socket.AF_PACKET, socket.SOCK_RAW, 0)
                _attach(ear)
                ear.bind((cable.port, ETH_P_ALL))
                self._places[ear.fileno()] = (host.name, cable.plan.network)
                self._sockets[ear.fileno()] = ear

    def close(self) -> None:
        """Stop watching."""
        for ear in self._sockets.values():
            ear.close()

    def forget(self) -> None:
        """Throw away what was seen up to now."""
        while self._next(0.0):
            pass

    def wait_for(self, is_wanted: Callable[[str, Advert], bool], timeout_s: float) -> bool:
        """Wait for an advertisement (sending host, content); False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if any(is_wanted(host, advert) for (host, _), advert in self._next(left)):
                return True
        return False

    def wait_for_all(
        self, wanted: set[Awaited], timeout_s: float, is_in_vain: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until all were heard, bow-outs left out; False when too late, or in vain."""
        deadline = time.monotonic() + timeout_s
        missing = set(wanted)
        while missing and (left := deadline - time.monotonic()) > 0 and not is_in_vain():
            for (host, network), advert in self._next(min(left, LOOK_S)):
                if not advert.is_bow_out:
                    for family in (int(advert.family), None):
                        missing.discard((host, network, advert.vhid, family))
        return not missing

    def _next(self, timeout_s: float) -> list[tuple[tuple[str, str], Advert]]:
        ready, _, _ = select.select(list(self._sockets), [], [], timeout_s)
        seen: list[tuple[tuple[str, str], Advert]] = []
        for number in ready:
            try:
                frame, origin = self._sockets[number].recvfrom(SNAPLEN)
            except OSError:  # the cable was pulled: reported once, then forgotten
                continue
            advert = sight(frame)
            if origin[2] != PACKET_OUTGOING and isinstance(advert, Advert):
                seen.append((self._places[number], advert))
        return seen


def _attach(ear: socket.socket) -> None:
    code = b"".join(struct.pack("=HBBI", *step) for step in ADVERT_PROGRAM)
    buffer = create_string_buffer(code)
    program = struct.pack("@HP", len(ADVERT_PROGRAM), addressof(buffer))
    ear.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
