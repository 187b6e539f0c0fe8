"""A flooder: ARP requests and neighbour solicitations for the addresses, from many askers.

`Flood` runs it in the router's namespace; the process itself is
`python -m carpio.lab.flood --rate HZ ADDRESS...`: so many requests a second for *each* address.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import socket
import struct
import sys
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from types import TracebackType
from typing import Final

from carpio.errors import PlatformError
from carpio.lab.pace import keep_pace
from carpio.lab.process import Child
from carpio.lab.topology import SHARED_TARGETS, Lab

__all__ = ["FLOOD_MAC", "Flood", "arp_request", "main", "neighbour_solicitation", "requests_for"]

FLOOD_MAC: Final = bytes.fromhex("020000000f1d")
"""The askers' MAC, not the router's: answers cost the router nothing, captures can leave it out."""
ASKERS: Final = 100
"""Of one address. Several of a family share fewer of them: a kernel has room for 1,024 neighbours,
and FRR makes one for each asker on every interface of both hosts."""
DEFAULT_ASKERS: Final = (ip_network("10.77.0.0/24"), ip_network("2001:db8:77::/64"))
FIRST_ASKER_V4: Final = 128
FIRST_ASKER_V6: Final = 0xF0000
"""Counted from the network's own address."""
BURST_INTERVAL_NS: Final = 2_000_000
BROADCAST: Final = b"\xff" * 6
ICMPV6: Final = 58
NEIGHBOUR_SOLICITATION: Final = 135


class Flood:
    """Floods while the `with` block runs; `sent` is there after. Rate 0 floods nothing."""

    def __init__(
        self,
        lab: Lab,
        rate: int,
        addresses: Sequence[str] = SHARED_TARGETS,
        *,
        directory: Path | None = None,
    ) -> None:
        self._lab = lab
        self._rate = rate
        self._addresses = tuple(addresses)
        self._directory = directory or lab.directory
        self._askers = tuple(
            f"--askers={prefix}" for network in lab.plan.networks[:1] for prefix in network.prefixes
        )
        self._child: Child | None = None
        self.sent = 0
        self.cpu_s = 0.0

    def __enter__(self) -> Flood:
        if self._rate:
            self._child = Child(
                (
                    *(sys.executable, "-m", "carpio.lab.flood"),
                    *("--rate", str(self._rate), *self._askers, *self._addresses),
                ),
                namespace=self._lab.router.namespace,
                log=self._directory / "flood.log",
            )
            self._child.wait_for_log("flooding")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._child is None:
            return
        self.cpu_s = self._child.cpu_seconds()
        self._child.terminate()
        said = re.search(r'"sent": (\d+)', self._child.log)
        if said is None:
            raise PlatformError(f"the flooder failed: {self._child.log}")
        self.sent = int(said.group(1))


def arp_request(sender: IPv4Address, target: IPv4Address) -> bytes:
    """Build a broadcast ARP request of an asker (RFC 826)."""
    ethernet = BROADCAST + FLOOD_MAC + b"\x08\x06"
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    return ethernet + head + FLOOD_MAC + sender.packed + bytes(6) + target.packed


def neighbour_solicitation(sender: IPv6Address, target: IPv6Address) -> bytes:
    """Build a multicast neighbour solicitation of an asker (RFC 4861)."""
    group = bytes.fromhex("ff0200000000000000000001ff") + target.packed[13:]
    body = bytes(4) + target.packed + b"\x01\x01" + FLOOD_MAC
    message = struct.pack("!BBH", NEIGHBOUR_SOLICITATION, 0, 0) + body
    pseudo = sender.packed + group + struct.pack("!II", len(message), ICMPV6)
    checksum = _checksum(pseudo + message)
    message = struct.pack("!BBH", NEIGHBOUR_SOLICITATION, 0, checksum) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, 255) + sender.packed + group
    return b"\x33\x33" + group[12:] + FLOOD_MAC + b"\x86\xdd" + header + message


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def requests_for(
    targets: Sequence[IPv4Address | IPv6Address], askers: Sequence[IPv4Network | IPv6Network]
) -> list[list[bytes]]:
    """Build the requests for each target, one from each asker; all ask for all of a family.

    A host keeps a neighbour for each asker on each interface that answers, at most 1,024 of a
    family unless it is set otherwise, and does not answer those for whom it finds no room.
    """
    versions = [target.version for target in targets]
    return [
        _requests(target, askers, max(1, ASKERS // versions.count(target.version)))
        for target in targets
    ]


def _requests(
    target: IPv4Address | IPv6Address, askers: Sequence[IPv4Network | IPv6Network], count: int
) -> list[bytes]:
    if isinstance(target, IPv4Address):
        (first,) = (a.network_address for a in askers if isinstance(a, IPv4Network))
        return [arp_request(first + FIRST_ASKER_V4 + n, target) for n in range(count)]
    (start,) = (a.network_address for a in askers if isinstance(a, IPv6Network))
    return [neighbour_solicitation(start + FIRST_ASKER_V6 + n, target) for n in range(count)]


def main(argv: list[str]) -> int:
    """Flood until SIGTERM, then print how many requests were sent."""
    parser = argparse.ArgumentParser(prog="carpio.lab.flood")
    parser.add_argument("--interface", default="eth0")
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--askers", action="append", type=ip_network, metavar="PREFIX")
    parser.add_argument("addresses", nargs="+", type=ip_address)
    options = parser.parse_args(argv)
    askers = options.askers or DEFAULT_ASKERS
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((options.interface, 0))
    sources = [itertools.cycle(requests) for requests in requests_for(options.addresses, askers)]
    interval_ns = max(BURST_INTERVAL_NS, 1_000_000_000 // options.rate)
    share = options.rate * interval_ns / 1e9
    sent = 0
    owed = 0.0

    def tick() -> None:
        nonlocal sent, owed
        owed += share
        while owed >= 1.0:
            owed -= 1.0
            for source in sources:
                try:
                    wire.send(next(source))
                except OSError:
                    continue
                sent += 1

    skipped = keep_pace(interval_ns, tick, "flooding")
    print(json.dumps({"sent": sent, "skipped": skipped}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
