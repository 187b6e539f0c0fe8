"""Addresses, masks and MACs as ifconfig reads them: one word becomes values or an IfconfigError."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from carpio.bsd.messages import IfconfigError, bad_value

__all__ = [
    "Resolve",
    "all_ones",
    "class_prefix_length",
    "eui64_address",
    "is_namespace_name",
    "is_interface_name",
    "no_names",
    "parse_inet",
    "parse_inet6",
    "parse_mac",
    "parse_netmask",
]

Resolve: TypeAlias = Callable[[str, int], str | None]
"""Returns the address of a host name, of IP version 4 or 6, or None when it has none."""

_IFNAMSIZ: Final = 16
_NETNS_LENGTH: Final = 64
_HOST_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?")
_WIDTH: Final = re.compile(r"[0-9]{1,9}")
_MAC: Final = re.compile(r"[0-9A-Fa-f]{1,2}(?:([:.-])[0-9A-Fa-f]{1,2})(?:\1[0-9A-Fa-f]{1,2}){4}")


def no_names(_name: str, _version: int) -> str | None:
    """Know no host names."""
    return None


def is_interface_name(text: str) -> bool:
    """Return whether Linux allows it as a name of an interface."""
    size = len(text.encode("utf-8", "surrogateescape"))
    unfit = any(c in "/:\0" or c.isspace() or not c.isprintable() for c in text)
    return 1 <= size < _IFNAMSIZ and text not in {".", ".."} and not unfit


def is_namespace_name(text: str) -> bool:
    """Return whether a jail, or a namespace of ip-netns(8), can be called so."""
    return (
        1 <= len(text) <= _NETNS_LENGTH
        and text not in {".", ".."}
        and "/" not in text
        and text.isprintable()
    )


def parse_inet(word: str, resolve: Resolve) -> tuple[str, int | None]:
    """Return address and prefix length, if one is given, of `A`, `A/P`, `HOST` or `HOST/P`."""
    host, width = _split(word, 32)
    try:
        return str(IPv4Address(host)), width
    except ValueError:
        return _resolved(word, host, 4, resolve), width


def parse_inet6(word: str, resolve: Resolve, interfaces: Set[str]) -> tuple[str, int | None]:
    """Return the same of an IPv6 address; a zone must be one of `interfaces` and is left out."""
    host, width = _split(word, 128)
    bare, percent, zone = host.partition("%")
    try:
        address = IPv6Address(bare)
    except ValueError:
        if percent:
            raise bad_value(word) from None
        return _resolved(word, host, 6, resolve), width
    if percent and not address.is_link_local:
        raise bad_value(word, "only link-local addresses have a zone")
    if percent and zone not in interfaces:
        raise bad_value(word, f"{zone} is not the interface of this call")
    return str(address), width


def _split(word: str, widest: int) -> tuple[str, int | None]:
    host, slash, width = word.rpartition("/")
    if not slash:
        return word, None
    if not _WIDTH.fullmatch(width):
        raise bad_value(word, "width invalid")
    if int(width) > widest:
        raise bad_value(word, "width too large")
    return host, int(width)


def _resolved(word: str, host: str, version: int, resolve: Resolve) -> str:
    found = resolve(host, version) if _HOST_NAME.fullmatch(host) else None
    if found is None:
        raise bad_value(word)
    return found


def parse_netmask(word: str) -> int:
    """Return the prefix length of a mask, dotted or 0x and hexadecimal digits."""
    if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}", word):
        mask = int(word, 16)
    else:
        try:
            mask = int(IPv4Address(word))
        except ValueError:
            raise bad_value(word) from None
    holes = ~mask & 0xFFFFFFFF
    if holes & (holes + 1):
        raise bad_value(word, "Linux has no masks with holes")
    return 32 - holes.bit_length()


def class_prefix_length(address: str) -> int:
    """Return the prefix length that an IPv4 address had by its class (RFC 791)."""
    first = int(IPv4Address(address)) >> 24
    if first < 128:
        return 8
    return 16 if first < 192 else 24


def all_ones(address: str, prefix_length: int) -> str:
    """Return the usual broadcast address."""
    return str(IPv4Address(int(IPv4Address(address)) | (0xFFFFFFFF >> prefix_length)))


def parse_mac(word: str) -> str:
    """Return `aa:bb:cc:dd:ee:ff`, or "random"."""
    if word == "random":
        return word
    if not _MAC.fullmatch(word):
        raise bad_value(word)
    return ":".join(f"{int(part, 16):02x}" for part in re.split(r"[:.-]", word))


def eui64_address(prefix: str, mac: str) -> str:
    """Return the address with the interface identifier of a MAC (RFC 4291, appendix A)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    if len(raw) != 6:
        raise IfconfigError(f"eui64: {mac} is not an Ethernet address")
    identifier = bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]
    return str(IPv6Address(IPv6Address(prefix).packed[:8] + identifier))
