"""Numbers of the protocols, each with its source; the only place for them."""

from __future__ import annotations

from enum import Enum, IntEnum, unique
from typing import Final

__all__ = [
    "ADVERTISEMENT",
    "ALL_NODES_V6",
    "AUTHLEN",
    "BOW_OUT_ADVBASE",
    "BOW_OUT_ADVSKEW",
    "BROADCAST_MAC",
    "CARP_GROUP_V4",
    "CARP_GROUP_V4_MAC",
    "CARP_GROUP_V6",
    "CARP_GROUP_V6_MAC",
    "CARP_LENGTH",
    "CARP_PROTOCOL",
    "CARP_TTL",
    "CARP_VERSION",
    "DEFAULT_DSCP",
    "DropReason",
    "Family",
    "ETHERTYPE_ARP",
    "ETHERTYPE_IPV4",
    "ETHERTYPE_IPV6",
    "ETHERTYPE_QINQ",
    "ETHERTYPE_VLAN",
    "ICMPV6",
    "KEY_LENGTH",
    "ND_HOP_LIMIT",
    "NEIGHBOR_ADVERTISEMENT",
    "NEIGHBOR_SOLICITATION",
    "OPTION_SOURCE_LINK_LAYER",
    "OPTION_TARGET_LINK_LAYER",
    "PASSPHRASE_SIGNIFICANT",
    "VRRP_MINIMUM",
    "VRRP_VERSION",
]

CARP_PROTOCOL: Final = 112
"""IP protocol number, shared with VRRP (spec 2)."""
CARP_VERSION: Final = 2
ADVERTISEMENT: Final = 1
AUTHLEN: Final = 7
"""32-bit words of counter and digest (spec 2)."""
CARP_LENGTH: Final = 36
"""Bytes of a CARP payload (R-001)."""
CARP_TTL: Final = 255
DEFAULT_DSCP: Final = 56
"""Default of net.inet.carp.dscp (spec 11)."""
KEY_LENGTH: Final = 20
PASSPHRASE_SIGNIFICANT: Final = 19
"""Bytes of a textual passphrase that count (spec 4.1, R-025)."""
VRRP_VERSION: Final = 3
VRRP_MINIMUM: Final = 8
"""Bytes of the smallest packet of protocol 112 (spec 5.1, check 3)."""
BOW_OUT_ADVBASE: Final = 255
BOW_OUT_ADVSKEW: Final = 255

CARP_GROUP_V4: Final = bytes((224, 0, 0, 18))
CARP_GROUP_V6: Final = bytes.fromhex("ff020000000000000000000000000012")
CARP_GROUP_V4_MAC: Final = bytes.fromhex("01005e000012")
CARP_GROUP_V6_MAC: Final = bytes.fromhex("333300000012")
ALL_NODES_V6: Final = bytes.fromhex("ff020000000000000000000000000001")
BROADCAST_MAC: Final = b"\xff" * 6


ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_VLAN: Final = 0x8100
ETHERTYPE_QINQ: Final = 0x88A8
ETHERTYPE_IPV6: Final = 0x86DD
ICMPV6: Final = 58
"""RFC 4443."""
ND_HOP_LIMIT: Final = 255
"""RFC 4861, 7.1: a message that a router forwarded does not count."""
NEIGHBOR_SOLICITATION: Final = 135
NEIGHBOR_ADVERTISEMENT: Final = 136
OPTION_SOURCE_LINK_LAYER: Final = 1
OPTION_TARGET_LINK_LAYER: Final = 2
"""RFC 4861, 4.6."""


@unique
class Family(IntEnum):
    """IP version."""

    IPV4 = 4
    IPV6 = 6


@unique
class DropReason(Enum):
    """Why an advertisement was ignored; the value is the counter of spec 17."""

    BADIF = "badif"
    BADTTL = "badttl"
    HDROPS = "hdrops"
    BADSUM = "badsum"
    BADVER = "badver"
    BADLEN = "badlen"
    BADAUTH = "badauth"
    BADVHID = "badvhid"
    NOT_ALLOWED = "not allowed"
    """allow = 0: only the received counter goes up (R-055)."""
