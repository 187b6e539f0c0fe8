"""Neighbour discovery (RFC 4861): announcements out, claims in."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from carpio.wire.constants import (
    ALL_NODES_V6,
    ETHERTYPE_IPV6,
    ICMPV6,
    NEIGHBOR_ADVERTISEMENT,
    NEIGHBOR_SOLICITATION,
    OPTION_SOURCE_LINK_LAYER,
    OPTION_TARGET_LINK_LAYER,
)
from carpio.wire.ethernet import ethernet_header
from carpio.wire.ipv6 import ipv6_header, pseudo_checksum

__all__ = ["NeighbourMessage", "parse_ndp", "unsolicited_na_frame"]

_LAYOUT: Final = struct.Struct("!BBHI16s")
"""Type, code, checksum, flags, target; the same for solicitation and advertisement."""
_OPTION: Final = struct.Struct("!BB6s")
"""A link-layer address option of Ethernet: one unit of 8 bytes."""
_ALL_NODES_MAC: Final = bytes.fromhex("333300000001")
_OVERRIDE: Final = 0x20000000
_UNSPECIFIED: Final = bytes(16)


class NeighbourMessage(NamedTuple):
    """A neighbour solicitation (135) or advertisement (136)."""

    type: int
    ethernet_source: bytes
    source: bytes
    target: bytes
    link_layer: bytes | None
    """MAC in the source (135) or target (136) link-layer address option."""

    def claims(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (address, MAC) of each thing that it wants to be believed."""
        if self.type == NEIGHBOR_ADVERTISEMENT or self.source == _UNSPECIFIED:
            address = self.target  # duplicate address detection claims its target
        else:
            address = self.source
        yield address, self.ethernet_source
        if self.link_layer is not None and self.link_layer != self.ethernet_source:
            yield address, self.link_layer


def unsolicited_na_frame(mac: bytes, address: bytes, source: bytes) -> bytes:
    """Return the NA to ff02::1 with which a new MASTER announces `address` (R-092).

    Flags: Override only. `source` is the IPv6 source, normally the link-local address.
    """
    option = _OPTION.pack(OPTION_TARGET_LINK_LAYER, 1, mac)
    unsummed = _LAYOUT.pack(NEIGHBOR_ADVERTISEMENT, 0, 0, _OVERRIDE, address) + option
    checksum = pseudo_checksum(source, ALL_NODES_V6, ICMPV6, unsummed)
    message = unsummed[:2] + checksum.to_bytes(2, "big") + unsummed[4:]
    header = ipv6_header(source, ALL_NODES_V6, protocol=ICMPV6, payload_length=len(message))
    return ethernet_header(_ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + header + message


def parse_ndp(payload: bytes, source: bytes, ethernet_source: bytes) -> NeighbourMessage | None:
    """Take an ICMPv6 payload apart; None when it is cut or something else.

    The checksum is not looked at: a claim that some hosts may believe is a claim.
    """
    if len(payload) < _LAYOUT.size:
        return None
    kind, _code, _checksum, _flags, target = _LAYOUT.unpack_from(payload)
    if kind == NEIGHBOR_SOLICITATION:
        wanted = OPTION_SOURCE_LINK_LAYER
    elif kind == NEIGHBOR_ADVERTISEMENT:
        wanted = OPTION_TARGET_LINK_LAYER
    else:
        return None
    return NeighbourMessage(kind, ethernet_source, source, target, _find_option(payload, wanted))


def _find_option(payload: bytes, wanted: int) -> bytes | None:
    """Return the MAC of the first such option; an option of length 0 ends the search."""
    offset = _LAYOUT.size
    while offset + _OPTION.size <= len(payload):
        kind, units, mac = _OPTION.unpack_from(payload, offset)
        if kind == wanted and units == 1:
            return bytes(mac)
        if units == 0:
            return None
        offset += units * 8
    return None
