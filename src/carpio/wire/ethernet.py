"""Ethernet II headers, 802.1Q tags and the virtual MAC."""

from __future__ import annotations

import struct

from carpio.wire.constants import ETHERTYPE_QINQ, ETHERTYPE_VLAN

__all__ = [
    "ETHERNET_LENGTH",
    "ethernet_header",
    "ethertype_and_offset",
    "format_mac",
    "parse_mac",
    "virtual_mac",
]

ETHERNET_LENGTH = 14
_VIRTUAL_MAC_PREFIX = bytes.fromhex("00005e0001")
"""Spec 3: the same for IPv4 and IPv6."""
_TYPE = struct.Struct("!H")


def virtual_mac(vhid: int) -> bytes:
    """Return 00:00:5e:00:01:`vhid`. Raises ValueError outside 0..255."""
    return _VIRTUAL_MAC_PREFIX + vhid.to_bytes(1, "big")


def format_mac(mac: bytes) -> str:
    """Return lower-case colon notation."""
    return mac.hex(":")


def parse_mac(text: str) -> bytes:
    """Read colon notation. Raises ValueError."""
    mac = bytes.fromhex(text.replace(":", ""))
    if len(mac) != 6:
        raise ValueError(f"a MAC address has 6 bytes: {text}")
    return mac


def ethernet_header(destination: bytes, source: bytes, ethertype: int) -> bytes:
    """Return the 14 bytes in front of a packet."""
    return destination + source + _TYPE.pack(ethertype)


def ethertype_and_offset(frame: bytes) -> tuple[int, int, int | None] | None:
    """Return (ethertype, offset of the payload, VLAN id or None) behind any tags; None if cut."""
    offset, vlan = 12, None
    while offset + 2 <= len(frame):
        (ethertype,) = _TYPE.unpack_from(frame, offset)
        if ethertype not in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
            return ethertype, offset + 2, vlan
        if offset + 4 > len(frame):
            return None
        vlan = _TYPE.unpack_from(frame, offset + 2)[0] & 0x0FFF
        offset += 4
    return None
