"""Frames and captures for tests of the lab, built byte by byte."""

from __future__ import annotations

import os
import struct
from ipaddress import IPv6Address

import pytest

from carpio.errors import PlatformError
from carpio.lab.topology import check_requirements
from carpio.wire.constants import BROADCAST_MAC, CARP_GROUP_V4_MAC

__all__ = ["NIC", "OWN", "PEER", "VIP", "VIP6", "VMAC", "advert", "arp", "na", "ns", "need"]

VMAC = bytes.fromhex("00005e000101")
NIC = bytes.fromhex("020000000001")
VIP = bytes((10, 77, 0, 100))
OWN = bytes((10, 77, 0, 1))
PEER = bytes((10, 77, 0, 9))
VIP6 = IPv6Address("2001:db8:77::100").packed
NO_MAC = bytes(6)


def need(*commands: str) -> None:
    """Skip the test where the lab cannot run; fail instead if CARPIO_REQUIRE_LAB is set."""
    try:
        check_requirements(commands or ("ip", "tcpdump"))
    except PlatformError as error:
        if os.environ.get("CARPIO_REQUIRE_LAB"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def arp(
    sender: bytes = VIP,
    *,
    target: bytes = PEER,
    mac: bytes = VMAC,
    source: bytes = VMAC,
    operation: int = 2,
) -> bytes:
    """Build an ARP frame: `sender` is at `mac`."""
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return BROADCAST_MAC + source + b"\x08\x06" + head + mac + sender + NO_MAC + target


def ns(source_address: bytes, target: bytes, *, source: bytes = VMAC, slla: bytes = b"") -> bytes:
    """Build a neighbour solicitation; `slla` is the MAC of its option, if any."""
    return _nd(135, source_address, target, source, b"\x01\x01" + slla if slla else b"")


def na(target: bytes = VIP6, *, source: bytes = VMAC, tlla: bytes = VMAC) -> bytes:
    """Build a neighbour advertisement; `tlla` is the MAC of its option, if any."""
    return _nd(136, target, target, source, b"\x02\x01" + tlla if tlla else b"")


def _nd(kind: int, source_address: bytes, target: bytes, source: bytes, option: bytes) -> bytes:
    message = bytes((kind, 0, 0, 0)) + bytes(4) + target + option
    return _ipv6(58, source_address, message, source)


def _ipv6(next_header: int, source_address: bytes, payload: bytes, source: bytes) -> bytes:
    header = struct.pack("!IHBB", 6 << 28, len(payload), next_header, 255)
    group = IPv6Address("ff02::1").packed
    ethernet = bytes.fromhex("333300000001") + source + b"\x86\xdd"
    return ethernet + header + source_address + group + payload


def ipv4(protocol: int, source_address: bytes, payload: bytes, *, source: bytes = VMAC) -> bytes:
    """Build an IPv4 packet to the peer."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 255, protocol, 0)
    ethernet = CARP_GROUP_V4_MAC + source + b"\x08\x00"
    return ethernet + header + source_address + PEER + payload


def advert(
    *, vhid: int = 1, advbase: int = 1, advskew: int = 0, source: bytes = VMAC, v6: bool = False
) -> bytes:
    """Build an advertisement; its digest is zero, which the lab does not look at."""
    payload = bytes((0x21, vhid, advskew, 7, 0, advbase)) + bytes(30)
    if v6:
        return _ipv6(112, IPv6Address("fe80::1").packed, payload, source)
    return ipv4(112, OWN, payload, source=source)
