"""ARP for IPv4 over Ethernet (RFC 826): announcements out, claims in."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from carpio.wire.constants import BROADCAST_MAC, ETHERTYPE_ARP
from carpio.wire.ethernet import ethernet_header

__all__ = ["ArpMessage", "gratuitous_arp_frame", "parse_arp"]

_LAYOUT: Final = struct.Struct("!6sH6s4s6s4s")
_ETHERNET_IPV4: Final = bytes.fromhex("000108000604")
"""Hardware type 1, protocol type 0x0800, and the lengths of their addresses."""
_REQUEST: Final = 1


class ArpMessage(NamedTuple):
    """A request (1) or reply (2), with the MAC of the frame that carried it."""

    operation: int
    ethernet_source: bytes
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes

    def claims(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (address, MAC) of each thing that it wants to be believed."""
        yield self.sender, self.sender_mac
        if self.ethernet_source != self.sender_mac:
            yield self.sender, self.ethernet_source


def gratuitous_arp_frame(mac: bytes, address: bytes) -> bytes:
    """Return the broadcast request with which a new MASTER announces `address` (R-091).

    Unlike FreeBSD's the Ethernet source is the virtual MAC too (docs/reference/conformance.md).
    """
    packet = _LAYOUT.pack(_ETHERNET_IPV4, _REQUEST, mac, address, bytes(6), address)
    return ethernet_header(BROADCAST_MAC, mac, ETHERTYPE_ARP) + packet


def parse_arp(data: bytes, offset: int, ethernet_source: bytes) -> ArpMessage | None:
    """Take a message apart; None when it is cut or not IPv4 over Ethernet."""
    if len(data) < offset + _LAYOUT.size:
        return None
    kind, operation, sender_mac, sender, target_mac, target = _LAYOUT.unpack_from(data, offset)
    if kind != _ETHERNET_IPV4:
        return None
    return ArpMessage(operation, ethernet_source, sender_mac, sender, target_mac, target)
