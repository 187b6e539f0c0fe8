"""Texts of a step become values, or a refusal with its errno(3)."""

from __future__ import annotations

import errno
import os
import re
from ipaddress import IPv4Address, ip_address, ip_interface
from typing import Final

from carpio.config.addresses import Unusable, interface_name, parse_virtual_address
from carpio.control.network import AddAddress
from carpio.core.model import IpAddress, VirtualAddress
from carpio.runtime import rtobjects as rt
from carpio.runtime.draft import StepRefused
from carpio.runtime.rtobjects import Address

__all__ = ["check_name", "ordinary_address", "parse_address", "parse_mac", "parse_virtual"]

_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_ALL_ONES: Final = IPv4Address("255.255.255.255")
_NO_BROADCAST: Final = 31
"""From this prefix length on all addresses are those of hosts (RFC 3021)."""


def parse_address(text: str) -> IpAddress:
    """Return the address. Raises StepRefused."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise StepRefused(errno.EINVAL, f"{text}: bad value") from error
    if not isinstance(address, IPv4Address) and address.scope_id:
        raise StepRefused(errno.EINVAL, f"{text}: bad value; the zone is the interface's")
    return address


def parse_virtual(address: IpAddress, prefix_length: int) -> VirtualAddress:
    """Return the address if a group can have it. Raises StepRefused."""
    try:
        return parse_virtual_address(f"{address}/{prefix_length}")
    except Unusable as error:
        raise StepRefused(errno.EINVAL, str(error)) from error


def ordinary_address(step: AddAddress, address: IpAddress) -> Address:
    """Return the ordinary address that a step adds. Raises StepRefused."""
    if address.is_unspecified or address.is_multicast or address == _ALL_ONES:
        raise StepRefused(errno.EINVAL, f"{address} is no address of a host")
    broadcast = parse_address(step.broadcast) if step.broadcast else None
    if broadcast is not None and not broadcast.version == address.version == 4:
        raise StepRefused(errno.EINVAL, f"{broadcast} is not a broadcast address")
    has_broadcast = address.version == 4 and step.prefix_length < _NO_BROADCAST
    if broadcast is None and has_broadcast and step.peer is None:
        broadcast = ip_interface(f"{address}/{step.prefix_length}").network.broadcast_address
    valid_s = rt.FOREVER if step.valid_s is None else step.valid_s
    preferred_s = rt.FOREVER if step.preferred_s is None else step.preferred_s
    if step.preferred_s is None and step.valid_s is not None:
        preferred_s = valid_s
    if not valid_s or preferred_s > valid_s:
        raise StepRefused(errno.EINVAL, "a valid lifetime is at least 1 s and the preferred one")
    peer = parse_address(step.peer) if step.peer else None
    if peer is not None and peer.version != address.version:
        raise StepRefused(errno.EINVAL, f"{peer} is of another family")
    return Address(
        index=0,
        address=address,
        prefix_length=step.prefix_length,
        flags=rt.IFA_F_NODAD if step.no_dad and address.version == 6 else 0,
        peer=peer,
        broadcast=broadcast,
        scope=rt.RT_SCOPE_HOST if address.version == 4 and address.is_loopback else 0,
        preferred_s=preferred_s,
        valid_s=valid_s,
    )


def parse_mac(text: str) -> bytes:
    """Return the MAC of `aa:bb:cc:dd:ee:ff` or "random". Raises StepRefused."""
    if text == "random":
        raw = bytearray(os.urandom(6))
        raw[0] = raw[0] & 0xFC | 0x02  # locally administered, of one station (IEEE 802)
        return bytes(raw)
    mac = bytes.fromhex(text.replace(":", "")) if _MAC.fullmatch(text) else b"\1"
    if mac[0] & 1:
        raise StepRefused(errno.EINVAL, f"{text}: bad value")
    return mac


def check_name(name: str) -> None:
    """Refuse what the kernel would not call an interface, or would call otherwise."""
    try:
        interface_name(name)
    except Unusable as error:
        raise StepRefused(errno.EINVAL, str(error)) from error
    if "%" in name:
        raise StepRefused(errno.EINVAL, f"{name!r} cannot name an interface; % is a placeholder")
