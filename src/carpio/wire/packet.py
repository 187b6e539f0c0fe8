"""From a frame to what CARP cares about: adverts, and claims for addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from carpio.wire.arp import ArpMessage, parse_arp
from carpio.wire.constants import (
    CARP_PROTOCOL,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMPV6,
    Family,
)
from carpio.wire.ethernet import ethertype_and_offset
from carpio.wire.ipv4 import parse_ipv4
from carpio.wire.ipv6 import parse_ipv6
from carpio.wire.ndp import NeighbourMessage, parse_ndp

__all__ = ["Datagram", "Packet", "dissect", "dissect_ip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """An IP packet of protocol 112; `payload` is cut to the length that the IP header tells."""

    family: Family
    source: bytes
    destination: bytes
    ttl: int
    ethernet_source: bytes
    vlan: int | None
    payload: bytes

    @property
    def source_address(self) -> IPv4Address | IPv6Address:
        """The source as an address."""
        return IPv4Address(self.source) if len(self.source) == 4 else IPv6Address(self.source)


Packet: TypeAlias = Datagram | ArpMessage | NeighbourMessage


def dissect(frame: bytes) -> Packet | None:
    """Read an Ethernet frame; None for what is of no interest or damaged. Never raises."""
    found = ethertype_and_offset(frame)
    if found is None:
        return None
    ethertype, offset, vlan = found
    mac = frame[6:12]
    if ethertype == ETHERTYPE_ARP:
        return parse_arp(frame, offset, mac)
    if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        return dissect_ip(frame, offset, mac, vlan)
    return None


def dissect_ip(
    data: bytes, offset: int = 0, ethernet_source: bytes = b"", vlan: int | None = None
) -> Datagram | NeighbourMessage | None:
    """Read an IPv4 or IPv6 packet that starts at `offset`; None as for `dissect`."""
    version = data[offset] >> 4 if len(data) > offset else 0
    parsed = parse_ipv4(data, offset) if version == 4 else parse_ipv6(data, offset)
    if parsed is None:
        return None
    source, destination, ttl, protocol, payload = parsed
    if protocol == CARP_PROTOCOL:
        return Datagram(
            family=Family(version),
            source=source,
            destination=destination,
            ttl=ttl,
            ethernet_source=ethernet_source,
            vlan=vlan,
            payload=payload,
        )
    if protocol == ICMPV6 and version == 6 and ttl == 255:
        return parse_ndp(payload, source, ethernet_source)
    return None
