"""IPv4 headers: the one that carries adverts, and as much reading as CARP needs (RFC 791)."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import CARP_GROUP_V4, CARP_PROTOCOL, CARP_TTL

__all__ = ["Ipv4Packet", "carp_ipv4_header", "parse_ipv4"]

_LAYOUT: Final = struct.Struct("!BBHHHBBH4s4s")
_WANTED: Final = struct.Struct("!BxHxxHBBxx4s4s")
"""The same without TOS, id and checksum."""
_DONT_FRAGMENT: Final = 0x4000
_FRAGMENT_BITS: Final = 0x3FFF
"""More-fragments flag and fragment offset."""

Ipv4Packet: TypeAlias = tuple[bytes, bytes, int, int, bytes]
"""Source, destination, TTL, protocol, payload cut to the length that the header tells."""


def carp_ipv4_header(source: bytes, *, dscp: int, payload_length: int) -> bytes:
    """Return the 20-byte header of an advert to 224.0.0.18 (spec 2.1, R-005, R-006).

    The id is 0, as RFC 6864 allows for packets that must not be fragmented.
    """
    fields = (0x45, dscp << 2, _LAYOUT.size + payload_length, 0, _DONT_FRAGMENT, CARP_TTL)
    packed = _LAYOUT.pack(*fields, CARP_PROTOCOL, 0, source, CARP_GROUP_V4)
    return packed[:10] + internet_checksum(packed).to_bytes(2, "big") + packed[12:]


def parse_ipv4(data: bytes, offset: int = 0) -> Ipv4Packet | None:
    """Take a packet apart; None when its header makes no sense, or for a fragment.

    The payload is shorter than the header tells when `data` ends before. The header checksum is
    not looked at: captures of a sender that leaves it to the hardware hold none.
    """
    if len(data) < offset + _WANTED.size:
        return None
    first, total, fragment, ttl, protocol, source, destination = _WANTED.unpack_from(data, offset)
    header = (first & 0x0F) * 4
    if first >> 4 != 4 or header < _LAYOUT.size or total < header or fragment & _FRAGMENT_BITS:
        return None
    return source, destination, ttl, protocol, data[offset + header : offset + total]
