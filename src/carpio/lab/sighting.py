"""What a captured frame says: an advertisement, a claim of an address, or nothing of interest.

Decodes for itself on purpose: a judge must not share its eyes with the judged. Any bytes give
an answer; nothing raises. Formats: RFC 826, RFC 4861, RFC 5798, spec 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, TypeAlias

from carpio.wire.constants import (
    BOW_OUT_ADVBASE,
    BOW_OUT_ADVSKEW,
    CARP_LENGTH,
    CARP_PROTOCOL,
    Family,
)

__all__ = [
    "Advert",
    "Claim",
    "EchoRequest",
    "Kind",
    "Sighting",
    "sight",
    "virtual_mac",
    "vrrp_mac_v6",
]

ARP: Final = b"\x08\x06"
IPV4: Final = b"\x08\x00"
IPV6: Final = b"\x86\xdd"
ARP_ETHERNET_IPV4: Final = bytes.fromhex("000108000604")
ICMPV4: Final = 1
ICMPV6: Final = 58
ECHO_REQUEST_V4: Final = 8
ECHO_REQUEST_V6: Final = 128
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
SOURCE_LINK_ADDRESS: Final = 1
TARGET_LINK_ADDRESS: Final = 2
UNSPECIFIED_V4: Final = bytes(4)
UNSPECIFIED_V6: Final = bytes(16)
CARP_V2_ADVERT: Final = 0x21
VRRP_V3_ADVERT: Final = 0x31
VRRP_LENGTH: Final = 8
VRRP_PRIORITIES: Final = 256
VRRP_INTERVAL_MASK: Final = 0x0FFF
CENTISECONDS: Final = 100


@unique
class Kind(Enum):
    """How an address was claimed."""

    ARP_REQUEST = "ARP request"
    ARP_REPLY = "ARP reply"
    GRATUITOUS = "gratuitous ARP"
    NS = "NS"
    DAD = "DAD"
    NA = "NA"
    TRAFFIC = "traffic"
    """Not a claim to neighbours, but the switch learns from it: a packet sent from the address."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A frame that ties `address` (packed) to its Ethernet source and, mostly, a MAC inside."""

    kind: Kind
    address: bytes
    ethernet_source: bytes
    payload_mac: bytes | None


@dataclass(frozen=True, slots=True)
class Advert:
    """A CARP version 2 advertisement, or one of VRRP version 3 in CARP's terms.

    Digests are not looked at. Of VRRP `advbase` is the interval in whole seconds, at least 1, and
    `advskew` is 256 less the priority, by which VRRP waits as CARP does by advskew.
    """

    vhid: int
    advbase: int
    advskew: int
    family: Family
    ethernet_source: bytes
    is_vrrp: bool = False

    @property
    def is_bow_out(self) -> bool:
        """Whether it says goodbye."""
        if self.is_vrrp:
            return self.advskew == VRRP_PRIORITIES
        return self.advbase == BOW_OUT_ADVBASE and self.advskew == BOW_OUT_ADVSKEW


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """A probe on its way to `address`."""

    address: bytes
    ethernet_source: bytes


Sighting: TypeAlias = Advert | Claim | EchoRequest


def virtual_mac(vhid: int) -> bytes:
    """Return the MAC that speaks for a group (spec 3)."""
    return bytes((0x00, 0x00, 0x5E, 0x00, 0x01, vhid))


def vrrp_mac_v6(vhid: int) -> bytes:
    """Return the MAC that speaks for the IPv6 addresses of a VRRP group (RFC 5798)."""
    return bytes((0x00, 0x00, 0x5E, 0x00, 0x02, vhid))


def sight(frame: bytes) -> Sighting | None:
    """Say what an Ethernet frame (captured in part or whole) is to the judge."""
    ether_type = frame[12:14]
    if ether_type == ARP:
        return _sight_arp(frame)
    if ether_type == IPV4:
        return _sight_ipv4(frame)
    if ether_type == IPV6:
        return _sight_ipv6(frame)
    return None


def _sight_arp(frame: bytes) -> Claim | None:
    if len(frame) < 42 or frame[14:20] != ARP_ETHERNET_IPV4:
        return None
    sender, target = frame[28:32], frame[38:42]
    if sender == UNSPECIFIED_V4:
        return None
    if sender == target:
        kind = Kind.GRATUITOUS
    else:
        kind = Kind.ARP_REPLY if frame[20:22] == b"\x00\x02" else Kind.ARP_REQUEST
    return Claim(kind, sender, frame[6:12], frame[22:28])


def _sight_ipv4(frame: bytes) -> Sighting | None:
    if len(frame) < 34 or frame[14] >> 4 != 4:
        return None
    start = 14 + (frame[14] & 0x0F) * 4
    if frame[23] == CARP_PROTOCOL:
        return _sight_advert(frame, start, Family.IPV4)
    if frame[23] == ICMPV4 and frame[start : start + 1] == bytes((ECHO_REQUEST_V4,)):
        return EchoRequest(frame[30:34], frame[6:12])
    return Claim(Kind.TRAFFIC, frame[26:30], frame[6:12], None)


def _sight_ipv6(frame: bytes) -> Sighting | None:
    if len(frame) < 54 or frame[14] >> 4 != 6:
        return None
    if frame[20] == CARP_PROTOCOL:
        return _sight_advert(frame, 54, Family.IPV6)
    source, sender = frame[22:38], frame[6:12]
    if frame[20] == ICMPV6 and len(frame) >= 58:
        kind = frame[54]
        if kind == ECHO_REQUEST_V6:
            return EchoRequest(frame[38:54], sender)
        if kind == NEIGHBOUR_ADVERTISEMENT and len(frame) >= 78:
            return Claim(Kind.NA, frame[62:78], sender, _option(frame, TARGET_LINK_ADDRESS))
        if kind == NEIGHBOUR_SOLICITATION and len(frame) >= 78:
            if source == UNSPECIFIED_V6:
                return Claim(Kind.DAD, frame[62:78], sender, None)
            return Claim(Kind.NS, source, sender, _option(frame, SOURCE_LINK_ADDRESS))
    return Claim(Kind.TRAFFIC, source, sender, None)


def _sight_advert(frame: bytes, start: int, family: Family) -> Advert | None:
    payload = frame[start : start + CARP_LENGTH]
    if len(payload) > VRRP_LENGTH and payload[0] == VRRP_V3_ADVERT and payload[3]:
        return _sight_vrrp(frame, payload, family)
    if len(payload) < CARP_LENGTH or payload[0] != CARP_V2_ADVERT:
        return None
    return Advert(
        vhid=payload[1],
        advskew=payload[2],
        advbase=payload[5],
        family=family,
        ethernet_source=frame[6:12],
    )


def _sight_vrrp(frame: bytes, payload: bytes, family: Family) -> Advert:
    """Read an advertisement of RFC 5798."""
    interval = int.from_bytes(payload[4:6], "big") & VRRP_INTERVAL_MASK
    return Advert(
        vhid=payload[1],
        advskew=VRRP_PRIORITIES - payload[2],
        advbase=max(1, interval // CENTISECONDS),
        family=family,
        ethernet_source=frame[6:12],
        is_vrrp=True,
    )


def _option(frame: bytes, wanted: int) -> bytes | None:
    """Return the MAC of the first option of that type in an NS or NA, if any."""
    place = 78
    while place + 8 <= len(frame):
        kind, length = frame[place], frame[place + 1] * 8
        if kind == wanted:
            return frame[place + 2 : place + 8]
        if length == 0:
            return None
        place += length
    return None
