"""Neighbour discovery (RFC 4861): announcements out, claims in."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

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
from carpio.wire.ipv6 import ipv6_header, pseudo

__all__ = ["NeighbourMessage", "parse_ndp", "unsolicited_na_frame"]

_ALL_NODES_MAC = bytes.fromhex("333300000001")
_OVERRIDE = 0x20000000
_HEADER_LENGTH = 24
_UNSPECIFIED = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourMessage:
    """A neighbour solicitation (135) or advertisement (136)."""

    type: int
    ethernet_source: bytes
    source: bytes
    target: bytes
    link_layer: bytes | None
    """MAC in the source or target link-layer address option."""

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

    Flags: Override only. `source` is the IPv6 source.
    """
    option = struct.pack("!BB6s", OPTION_TARGET_LINK_LAYER, 1, mac)
    body = struct.pack("!I16s", _OVERRIDE, address) + option
    unsummed = struct.pack("!BBH", NEIGHBOR_ADVERTISEMENT, 0, 0) + body
    checksum = pseudo(source, ALL_NODES_V6, ICMPV6, unsummed)
    packet = unsummed[:2] + checksum.to_bytes(2, "big") + body
    header = ipv6_header(source, ALL_NODES_V6, protocol=ICMPV6, payload_length=len(packet))
    return ethernet_header(_ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + header + packet


def parse_ndp(payload: bytes, source: bytes, ethernet_source: bytes) -> NeighbourMessage | None:
    """Take an ICMPv6 payload apart; None when it is cut or something else."""
    if len(payload) < _HEADER_LENGTH:
        return None
    kind = payload[0]
    if kind not in (NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT):
        return None
    wanted = OPTION_SOURCE_LINK_LAYER if kind == NEIGHBOR_SOLICITATION else OPTION_TARGET_LINK_LAYER
    return NeighbourMessage(
        type=kind,
        ethernet_source=ethernet_source,
        source=source,
        target=payload[8:_HEADER_LENGTH],
        link_layer=_find_option(payload, wanted),
    )


def _find_option(payload: bytes, wanted: int) -> bytes | None:
    offset = _HEADER_LENGTH
    while offset + 8 <= len(payload):
        kind, units = payload[offset], payload[offset + 1]
        if kind == wanted and units == 1:
            return payload[offset + 2 : offset + 8]
        if units == 0:
            return None
        offset += units * 8
    return None
