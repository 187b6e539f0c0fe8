"""From a frame to what CARP cares about: adverts, and claims for addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

from carpio.wire.arp import ArpMessage, parse_arp
from carpio.wire.constants import (
    CARP_PROTOCOL,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMPV6,
    ND_HOP_LIMIT,
    DropReason,
    Family,
)
from carpio.wire.ethernet import ETHERTYPE_OFFSET, ethertype_and_offset
from carpio.wire.ipv4 import parse_ipv4
from carpio.wire.ipv6 import parse_ipv6
from carpio.wire.ndp import NeighbourMessage, parse_ndp

__all__ = ["Datagram", "Packet", "dissect", "dissect_ip", "dissect_typed"]


class Datagram(NamedTuple):
    """An IP packet of protocol 112; `payload` is cut to the length that the IP header tells.

    A tuple, as all that is made for every frame heard: a frozen dataclass takes twice the time.
    """

    family: Family
    source: bytes
    destination: bytes
    ttl: int
    ethernet_source: bytes
    """Empty where the link layer has none."""
    vlan: int | None
    payload: bytes
    defect: DropReason | None = None
    """Why no host would deliver the packet: see `Ipv4Packet.defect`."""

    @property
    def source_address(self) -> IPv4Address | IPv6Address:
        """The source as an address."""
        return IPv4Address(self.source) if len(self.source) == 4 else IPv6Address(self.source)


Packet: TypeAlias = Datagram | ArpMessage | NeighbourMessage


def dissect(frame: bytes) -> Packet | None:
    """Read an Ethernet frame; None for what is of no interest or damaged. Never raises."""
    packet = dissect_typed(frame, ETHERTYPE_OFFSET, frame[6:12])
    if isinstance(packet, Datagram) and packet.defect is not None:
        return None
    return packet


def dissect_typed(data: bytes, offset: int, ethernet_source: bytes) -> Packet | None:
    """Read a packet whose EtherType, or first VLAN tag, is at `offset`.

    None for what is of no interest. Unlike `dissect` it returns a Datagram with a defect too.
    """
    found = ethertype_and_offset(data, offset)
    if found is None:
        return None
    ethertype, start, vlan = found
    if ethertype == ETHERTYPE_ARP:
        return parse_arp(data, start, ethernet_source)
    if ethertype == ETHERTYPE_IPV4:
        return _dissect_ipv4(data, start, ethernet_source, vlan)
    if ethertype == ETHERTYPE_IPV6:
        return _dissect_ipv6(data, start, ethernet_source, vlan)
    return None


def dissect_ip(data: bytes, offset: int = 0) -> Datagram | NeighbourMessage | None:
    """Read an IPv4 or IPv6 packet that comes without Ethernet; otherwise as `dissect_typed`."""
    return _dissect_ipv4(data, offset, b"", None) or _dissect_ipv6(data, offset, b"", None)


def _dissect_ipv4(
    data: bytes, offset: int, ethernet_source: bytes, vlan: int | None
) -> Datagram | None:
    parsed = parse_ipv4(data, offset)
    if parsed is None:
        return None
    source, destination, ttl, protocol, payload, defect = parsed
    if protocol != CARP_PROTOCOL:
        return None
    return Datagram(Family.IPV4, source, destination, ttl, ethernet_source, vlan, payload, defect)


def _dissect_ipv6(
    data: bytes, offset: int, ethernet_source: bytes, vlan: int | None
) -> Datagram | NeighbourMessage | None:
    parsed = parse_ipv6(data, offset)
    if parsed is None:
        return None
    source, destination, ttl, protocol, payload, defect = parsed
    if protocol == CARP_PROTOCOL:
        return Datagram(
            Family.IPV6, source, destination, ttl, ethernet_source, vlan, payload, defect
        )
    if protocol == ICMPV6 and ttl == ND_HOP_LIMIT:
        return parse_ndp(payload, source, ethernet_source)
    return None
