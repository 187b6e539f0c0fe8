"""IPv6 headers: the one that carries adverts, and as much reading as CARP needs (RFC 8200).

Protocol 112 behind extension headers, fragments included, is not an advert here: no BSD sends
such a packet (R-007).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import CARP_GROUP_V6, CARP_PROTOCOL, CARP_TTL, DropReason

__all__ = ["Ipv6Packet", "carp_ipv6_header", "ipv6_header", "parse_ipv6", "pseudo_checksum"]

_LAYOUT: Final = struct.Struct("!IHBB16s16s")
_PSEUDO: Final = struct.Struct("!16s16sII")
"""RFC 8200, 8.1."""
_VERSION: Final = 6


class Ipv6Packet(NamedTuple):
    """What CARP wants to know of a packet."""

    source: bytes
    destination: bytes
    hop_limit: int
    protocol: int
    payload: bytes
    """Cut to the length that the header tells."""
    defect: DropReason | None
    """Why no host would deliver the packet: BADLEN (cut short)."""


def ipv6_header(
    source: bytes, destination: bytes, *, protocol: int, payload_length: int, dscp: int = 0
) -> bytes:
    """Return a 40-byte header with hop limit 255 and flow label 0."""
    first = _VERSION << 28 | dscp << 22
    return _LAYOUT.pack(first, payload_length, protocol, CARP_TTL, source, destination)


def carp_ipv6_header(source: bytes, *, dscp: int, payload_length: int) -> bytes:
    """Return the header of an advert to ff02::12 (spec 2.2, R-007)."""
    return ipv6_header(
        source, CARP_GROUP_V6, protocol=CARP_PROTOCOL, payload_length=payload_length, dscp=dscp
    )


def parse_ipv6(data: bytes, offset: int = 0) -> Ipv6Packet | None:
    """Take a packet apart; None when its header makes no sense."""
    start = offset + _LAYOUT.size
    if len(data) < start:
        return None
    first, length, protocol, hop_limit, source, destination = _LAYOUT.unpack_from(data, offset)
    if first >> 28 != _VERSION:
        return None
    defect = DropReason.BADLEN if len(data) < start + length else None
    payload = data[start : start + length]
    return Ipv6Packet(source, destination, hop_limit, protocol, payload, defect)


def pseudo_checksum(source: bytes, destination: bytes, protocol: int, payload: bytes) -> int:
    """Return the checksum over the pseudo header and `payload`."""
    header = _PSEUDO.pack(source, destination, len(payload), protocol)
    return internet_checksum(header + payload)
