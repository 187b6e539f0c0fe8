"""Texts of addresses, interfaces and names become values, or a reason why they cannot."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_interface
from typing import Final

from carpio.core.model import IpAddress, VirtualAddress

__all__ = [
    "Unusable",
    "interface_name",
    "namespace_name",
    "parse_virtual_address",
    "vhid_name",
]

_INTERFACE_BYTES: Final = 15
"""IFNAMSIZ of <linux/if.h> without its NUL."""
_NAME_LENGTH: Final = 64
_FILE_NAME_BYTES: Final = 255


class Unusable(ValueError):
    """A text that cannot be what it should be: `what` is wrong, and its `remedy`."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def parse_virtual_address(text: str) -> VirtualAddress:
    """Return the address of `A/P`, host bits kept. Raises Unusable."""
    address, slash, prefix = text.partition("/")
    if not slash:
        raise Unusable(
            f"{text!r} has no prefix length", f"write {text}/P, P as on the interface's own address"
        )
    if not (prefix.isascii() and prefix.isdigit()) or "%" in address:
        raise Unusable(f"{text!r} is not an address", "write it like 10.10.10.11/24")
    try:
        parsed = ip_interface(f"{address}/{prefix}")
    except ValueError as error:
        raise Unusable(f"{text!r} is not an address", "write it like 10.10.10.11/24") from error
    reason = _reason_against(parsed.ip) or _reason_in_network(parsed.ip, int(prefix))
    if reason:
        raise Unusable(f"{text!r} {reason}", "use an address that one host can have")
    return VirtualAddress(parsed.ip, int(prefix))


def _reason_against(address: IpAddress) -> str:
    if address.is_unspecified:
        return "is the unspecified address"
    if address.is_multicast:
        return "is a multicast address"
    if address.is_loopback:
        return "is a loopback address"
    if isinstance(address, IPv6Address):
        return "is an IPv4 address in IPv6 notation" if address.ipv4_mapped else ""
    if address == IPv4Address("255.255.255.255"):
        return "is the broadcast address"
    if address.is_reserved:
        return "is in the reserved range 240.0.0.0/4"
    return "is in 0.0.0.0/8, which means this network" if int(address) < 2**24 else ""


def _reason_in_network(address: IpAddress, prefix_length: int) -> str:
    """Say if an IPv4 address is the network or broadcast address of its prefix.

    /31 and /32 have neither (RFC 3021); IPv6 has no broadcast, and its subnet-router anycast
    address is left to the operator.
    """
    if not isinstance(address, IPv4Address) or prefix_length >= 31:
        return ""
    host_mask = 2 ** (32 - prefix_length) - 1
    host = int(address) & host_mask
    if host == 0:
        return f"is the network address of its /{prefix_length}"
    return f"is the broadcast address of its /{prefix_length}" if host == host_mask else ""


def interface_name(text: str) -> str:
    """Return `text` if Linux allows it as a name of an interface. Raises Unusable."""
    size = len(text.encode("utf-8", "surrogateescape"))
    if not 1 <= size <= _INTERFACE_BYTES:
        raise Unusable(
            f"{text!r} has {size} bytes", f"names of interfaces have 1 to {_INTERFACE_BYTES}"
        )
    if text in {".", ".."} or any(c in "/:\0" or c.isspace() for c in text):
        raise Unusable(f"{text!r} cannot name an interface", "see `ip link` for the names")
    return text


def namespace_name(text: str) -> str:
    """Return `text` if ip-netns(8) can have made a namespace of that name. Raises Unusable."""
    size = len(text.encode("utf-8", "surrogateescape"))
    if not 1 <= size <= _FILE_NAME_BYTES or text in {".", ".."} or "/" in text or "\0" in text:
        raise Unusable(f"{text!r} cannot name a namespace", "see `ip netns list` for the names")
    return text


def vhid_name(text: str) -> str:
    """Return `text` if people can type it as one word. Raises Unusable."""
    if not 1 <= len(text) <= _NAME_LENGTH or not text.isprintable() or " " in text:
        raise Unusable(
            f"{text!r} cannot name a group",
            f"use 1 to {_NAME_LENGTH} printable characters without spaces",
        )
    return text
