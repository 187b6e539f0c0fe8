"""Frames of the invented wire: real bytes, built and taken apart through `wire`.

Knows what a host, its kernel and a client say to each other; must not know who may say it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from carpio.core.events import DatagramReceived
from carpio.wire.arp import ArpMessage
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import (
    BROADCAST_MAC,
    CARP_LENGTH,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMPV6,
    NEIGHBOR_ADVERTISEMENT,
    NEIGHBOR_SOLICITATION,
    OPTION_SOURCE_LINK_LAYER,
    OPTION_TARGET_LINK_LAYER,
)
from carpio.wire.ethernet import ethernet_header, format_mac
from carpio.wire.ipv4 import parse_ipv4
from carpio.wire.ipv6 import ipv6_header, parse_ipv6, pseudo_checksum
from carpio.wire.ndp import NeighbourMessage
from carpio.wire.packet import Datagram, dissect

__all__ = [
    "AdvertFrames",
    "Echo",
    "Frame",
    "arp_reply",
    "arp_request",
    "claims_of",
    "echo_frame",
    "neighbour_reply",
    "solicitation",
]

_ARP: Final = struct.Struct("!6sH6s4s6s4s")
_ETHERNET_IPV4: Final = bytes.fromhex("000108000604")
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_ND: Final = struct.Struct("!BBHI16s")
_OPTION: Final = struct.Struct("!BB6s")
_SOLICITED_OVERRIDE: Final = 0x60000000
"""RFC 4861, 4.4."""
_SOLICITED_NODE: Final = bytes.fromhex("ff0200000000000000000001ff")
_ICMPV4: Final = 1
_HOPS: Final = 64
_new_frame: Final = object.__new__
_ECHO: Final = {4: (8, 0), 16: (128, 129)}
"""ICMP types of echo request and reply by the length of the address (RFC 792, RFC 4443)."""


class Echo(NamedTuple):
    """An ICMP echo request or reply: traffic, not a claim to neighbours."""

    source: bytes
    destination: bytes
    is_reply: bool


class Frame:
    """One Ethernet frame, taken apart once for all that hear it."""

    __slots__ = ("advert", "data", "destination", "packet", "source")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.destination = data[:6]
        self.source = data[6:12]
        self.advert: DatagramReceived | None = None
        """What an engine is told of an advert; the carpdev is that of whoever heard it last."""
        self.packet: ArpMessage | NeighbourMessage | Echo | None = None
        """What anything else says."""
        packet = dissect(data)
        if isinstance(packet, Datagram):
            self.advert = _advert(packet)
        else:
            self.packet = packet or _read_echo(data)

    def __str__(self) -> str:
        """What it says, and all its bytes."""
        text = "advert" if self.advert is not None else _described(self.packet)
        return f"{text} ({self.data.hex()})"


class AdvertFrames:
    """Adverts behind one header, which is built, and taken apart, once for all of them."""

    __slots__ = ("_advert", "_destination", "_header", "_source")

    def __init__(self, header: bytes, carpdev: str) -> None:
        """`header`: all in front of the payload, lengths and checksum included.

        `carpdev`: the name under which most hearers know the segment.
        """
        sample = Frame(header + bytes(CARP_LENGTH))
        assert sample.advert is not None  # noqa: S101 - it is made for adverts
        self._header = header
        self._destination, self._source = sample.destination, sample.source
        self._advert = (carpdev, *sample.advert[1:4])

    def with_payload(self, payload: bytes) -> Frame:
        """Return what `Frame` makes of header and payload; no layer below checks the payload."""
        frame = _new_frame(Frame)
        frame.data = self._header + payload
        frame.destination = self._destination
        frame.source = self._source
        # as DatagramReceived(...), in a quarter of the time
        frame.advert = tuple.__new__(DatagramReceived, (*self._advert, payload, False))
        frame.packet = None
        return frame


def _advert(packet: Datagram) -> DatagramReceived:
    return DatagramReceived(
        carpdev="",
        family=packet.family,
        source=packet.source_address,
        ttl=packet.ttl,
        payload=packet.payload,
        is_own_source=False,  # a segment brings nothing back to its sender
    )


def claims_of(frame: Frame) -> Iterator[tuple[bytes, bytes]]:
    """Yield (address, MAC) of all that the frame makes neighbours believe."""
    packet = frame.packet
    if isinstance(packet, ArpMessage | NeighbourMessage):
        yield from packet.claims()


def _described(packet: ArpMessage | NeighbourMessage | Echo | None) -> str:
    match packet:
        case ArpMessage():
            name = "gratuitous ARP" if packet.sender == packet.target else "ARP"
            return f"{name}: {ip_address(packet.sender)} is at {format_mac(packet.sender_mac)}"
        case NeighbourMessage():
            mac = packet.link_layer or packet.ethernet_source
            name = "NA" if packet.type == NEIGHBOR_ADVERTISEMENT else "NS"
            return f"{name}: {ip_address(packet.target)} is at {format_mac(mac)}"
        case Echo():
            name = "echo reply" if packet.is_reply else "echo request"
            return f"{name} from {ip_address(packet.source)} to {ip_address(packet.destination)}"
        case _:
            return "frame"


def arp_request(mac: bytes, address: bytes, target: bytes) -> bytes:
    """Return the broadcast question of `address` at `mac` for the MAC of `target`."""
    packet = _ARP.pack(_ETHERNET_IPV4, 1, mac, address, bytes(6), target)
    return ethernet_header(BROADCAST_MAC, mac, ETHERTYPE_ARP) + packet


def arp_reply(mac: bytes, address: bytes, asker_mac: bytes, asker: bytes) -> bytes:
    """Return the answer that `address` is at `mac`."""
    packet = _ARP.pack(_ETHERNET_IPV4, 2, mac, address, asker_mac, asker)
    return ethernet_header(asker_mac, mac, ETHERTYPE_ARP) + packet


def solicitation(mac: bytes, address: bytes, target: bytes) -> bytes:
    """Return the multicast neighbour solicitation of `address` at `mac` for `target`."""
    group = _SOLICITED_NODE + target[-3:]
    option = _OPTION.pack(OPTION_SOURCE_LINK_LAYER, 1, mac)
    message = _ND.pack(NEIGHBOR_SOLICITATION, 0, 0, 0, target) + option
    return _icmpv6(b"\x33\x33" + group[-4:], mac, address, group, message, hops=255)


def neighbour_reply(mac: bytes, address: bytes, asker_mac: bytes, asker: bytes) -> bytes:
    """Return the solicited advertisement that `address` is at `mac`."""
    option = _OPTION.pack(OPTION_TARGET_LINK_LAYER, 1, mac)
    message = _ND.pack(NEIGHBOR_ADVERTISEMENT, 0, 0, _SOLICITED_OVERRIDE, address) + option
    return _icmpv6(asker_mac, mac, address, asker, message, hops=255)


def echo_frame(
    *, source_mac: bytes, source: bytes, mac: bytes, destination: bytes, is_reply: bool = False
) -> bytes:
    """Return an ICMP echo request or reply from `source` to `destination` at `mac`."""
    message = bytes((_ECHO[len(source)][is_reply], 0, 0, 0, 0, 1, 0, 1))
    if len(source) == 16:
        return _icmpv6(mac, source_mac, source, destination, message, hops=_HOPS)
    checksum = internet_checksum(message)
    message = message[:2] + checksum.to_bytes(2, "big") + message[4:]
    fields = (0x45, 0, _IPV4.size + len(message), 0, 0, _HOPS, _ICMPV4)
    header = _IPV4.pack(*fields, 0, source, destination)
    header = header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:]
    return ethernet_header(mac, source_mac, ETHERTYPE_IPV4) + header + message


def _icmpv6(
    mac: bytes, source_mac: bytes, source: bytes, destination: bytes, message: bytes, *, hops: int
) -> bytes:
    checksum = pseudo_checksum(source, destination, ICMPV6, message)
    message = message[:2] + checksum.to_bytes(2, "big") + message[4:]
    header = ipv6_header(source, destination, protocol=ICMPV6, payload_length=len(message))
    header = header[:7] + bytes((hops,)) + header[8:]
    return ethernet_header(mac, source_mac, ETHERTYPE_IPV6) + header + message


def _read_echo(data: bytes) -> Echo | None:
    ethertype = data[12:14]
    if ethertype == b"\x08\x00":
        packet4 = parse_ipv4(data, 14)
        if packet4 is not None and packet4.protocol == _ICMPV4 and packet4.payload:
            return _echo(packet4.source, packet4.destination, packet4.payload[0])
    elif ethertype == b"\x86\xdd":
        packet6 = parse_ipv6(data, 14)
        if packet6 is not None and packet6.protocol == ICMPV6 and packet6.payload:
            return _echo(packet6.source, packet6.destination, packet6.payload[0])
    return None


def _echo(source: bytes, destination: bytes, kind: int) -> Echo | None:
    kinds = _ECHO[len(source)]
    return Echo(source, destination, kind == kinds[1]) if kind in kinds else None
