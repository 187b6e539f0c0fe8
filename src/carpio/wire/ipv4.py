"""IPv4 headers: the one that carries adverts, and as much reading as CARP needs (RFC 791)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import CARP_GROUP_V4, CARP_PROTOCOL, CARP_TTL, DropReason

__all__ = ["Ipv4Packet", "carp_ipv4_header", "parse_ipv4"]

_LAYOUT: Final = struct.Struct("!BBHHHBBH4s4s")
_DONT_FRAGMENT: Final = 0x4000
_VERSION: Final = 4
_MORE_FRAGMENTS: Final = 0x2000
_FRAGMENT_OFFSET: Final = 0x1FFF


class Ipv4Packet(NamedTuple):
    """What CARP wants to know of a packet."""

    source: bytes
    destination: bytes
    ttl: int
    protocol: int
    payload: bytes
    """Cut to the length that the header tells; empty for a fragment that is not the first."""
    defect: DropReason | None
    """Why no host would deliver the packet: BADSUM (header) or BADLEN (cut short, fragment)."""


def carp_ipv4_header(source: bytes, *, dscp: int, payload_length: int) -> bytes:
    """Return the 20-byte header of an advert to 224.0.0.18 (spec 2.1, R-005, R-006).

    The id is 0, as RFC 6864 allows for packets that must not be fragmented.
    """
    fields = (0x45, dscp << 2, _LAYOUT.size + payload_length, 0, _DONT_FRAGMENT, CARP_TTL)
    packed = _LAYOUT.pack(*fields, CARP_PROTOCOL, 0, source, CARP_GROUP_V4)
    return packed[:10] + internet_checksum(packed).to_bytes(2, "big") + packed[12:]


def parse_ipv4(data: bytes, offset: int = 0) -> Ipv4Packet | None:
    """Take a packet apart; None when its header makes no sense.

    A header checksum of 0 passes: the sender's own capture holds it when hardware fills it in.
    """
    if len(data) < offset + _LAYOUT.size:
        return None
    first, _tos, total, _id, fragment, ttl, protocol, checksum, source, destination = (
        _LAYOUT.unpack_from(data, offset)
    )
    start, end = offset + (first & 0x0F) * 4, offset + total
    if first >> 4 != _VERSION or start < offset + _LAYOUT.size or end < start:
        return None
    payload = b"" if fragment & _FRAGMENT_OFFSET else data[start:end]
    defect = None
    if len(data) < end or fragment & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET):
        defect = DropReason.BADLEN
    elif checksum and internet_checksum(data[offset:start]):
        defect = DropReason.BADSUM
    return Ipv4Packet(source, destination, ttl, protocol, payload, defect)
