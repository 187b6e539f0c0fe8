"""Ethernet II headers, 802.1Q tags and the virtual MAC."""

from __future__ import annotations

import re
import struct
from typing import Final

from carpio.wire.constants import (
    CARP_GROUP_V4_MAC,
    CARP_GROUP_V6_MAC,
    ETHERTYPE_QINQ,
    ETHERTYPE_VLAN,
)

__all__ = [
    "ETHERTYPE_OFFSET",
    "advertising_vhid",
    "ethernet_header",
    "ethertype_and_offset",
    "format_mac",
    "parse_mac",
    "virtual_mac",
]

ETHERTYPE_OFFSET: Final = 12
_COLON_NOTATION: Final = re.compile("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_VIRTUAL_MAC_PREFIX: Final = bytes.fromhex("00005e0001")
"""Spec 3: the same for IPv4 and IPv6."""
_SOURCE: Final = 6
_GROUP_MACS: Final = (CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC)
_TYPE: Final = struct.Struct("!H")


def virtual_mac(vhid: int) -> bytes:
    """Return 00:00:5e:00:01:`vhid`. Raises ValueError outside 0..255."""
    return _VIRTUAL_MAC_PREFIX + bytes((vhid,))


def advertising_vhid(frame: bytes) -> int | None:
    """Return the vhid from whose virtual MAC a frame goes to a CARP group; None for all others.

    The rest of the frame need not be an advertisement, nor say the same vhid.
    """
    if not frame.startswith(_VIRTUAL_MAC_PREFIX, _SOURCE) or not frame.startswith(_GROUP_MACS):
        return None
    return frame[_SOURCE + len(_VIRTUAL_MAC_PREFIX)]


def format_mac(mac: bytes) -> str:
    """Return lower-case colon notation."""
    return mac.hex(":")


def parse_mac(text: str) -> bytes:
    """Read colon notation. Raises ValueError."""
    if not _COLON_NOTATION.fullmatch(text):
        raise ValueError(f"a MAC address looks like 00:00:5e:00:01:01, not {text!r}")
    return bytes.fromhex(text.replace(":", ""))


def ethernet_header(destination: bytes, source: bytes, ethertype: int) -> bytes:
    """Return the 14 bytes in front of a packet."""
    return destination + source + _TYPE.pack(ethertype)


def ethertype_and_offset(
    frame: bytes, offset: int = ETHERTYPE_OFFSET
) -> tuple[int, int, int | None] | None:
    """Return (ethertype, offset of the payload, innermost VLAN id or None); None if cut.

    `offset` is where the type is, or the first 802.1Q or 802.1ad tag.
    """
    vlan = None
    while offset + 2 <= len(frame):
        (ethertype,) = _TYPE.unpack_from(frame, offset)
        if ethertype not in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
            return ethertype, offset + 2, vlan
        if offset + 4 > len(frame):
            return None
        vlan = _TYPE.unpack_from(frame, offset + 2)[0] & 0x0FFF
        offset += 4
    return None
