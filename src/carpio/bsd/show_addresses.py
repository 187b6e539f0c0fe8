"""The lines about addresses of an interface."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TypeAlias

from carpio.bsd.addresses import all_ones
from carpio.bsd.formats import Formats
from carpio.control.network import AddressView, InterfaceView

__all__ = ["NameOf", "address_lines", "ether_text", "is_inet6"]

NameOf: TypeAlias = Callable[[str], str]
"""Returns the host name of an address, or the address when it has none."""


def is_inet6(address: AddressView) -> bool:
    """Return whether it is an IPv6 address."""
    return ":" in address.address


def ether_text(mac: str, formats: Formats) -> str:
    """Return a MAC as the option -f wants it."""
    separator = {"dash": "-", "dotted": "."}.get(formats.ether, ":")
    return mac.replace(":", separator)


def address_lines(
    view: InterfaceView, formats: Formats, *, with_lifetimes: bool, name_of: NameOf
) -> tuple[list[str], list[str]]:
    """Return the IPv4 lines and the IPv6 lines, without their tabs."""
    inet = [
        _inet_line(view, address, formats, name_of)
        for address in view.addresses
        if not is_inet6(address)
    ]
    inet6 = [
        _inet6_line(view, address, formats, with_lifetimes, name_of)
        for address in view.addresses
        if is_inet6(address)
    ]
    return inet, inet6


def _inet_line(view: InterfaceView, address: AddressView, formats: Formats, name_of: NameOf) -> str:
    width = address.prefix_length
    words = [f"inet {name_of(address.address)}"]
    if formats.inet == "cidr":
        words[0] += f"/{width}"
    if address.peer is not None:
        words.append(f"--> {address.peer}")
    if formats.inet != "cidr":
        mask = IPv4Network((0, width)).netmask
        words.append(f"netmask {mask if formats.inet == 'dotted' else f'{int(mask):#010x}'}")
    broadcast = address.broadcast
    if broadcast is None and view.is_ethernet and address.peer is None:
        broadcast = all_ones(address.address, width)
    if broadcast is not None and not IPv4Address(address.address).is_loopback:
        words.append(f"broadcast {broadcast}")
    return " ".join([*words, *_vhid(address)])


def _inet6_line(
    view: InterfaceView,
    address: AddressView,
    formats: Formats,
    with_lifetimes: bool,
    name_of: NameOf,
) -> str:
    is_local = IPv6Address(address.address).is_link_local
    words = [f"inet6 {name_of(address.address)}{f'%{view.name}' if is_local else ''}"]
    if formats.inet6 == "cidr":
        words[0] += f"/{address.prefix_length}"
    if address.peer is not None:
        words.append(f"--> {address.peer}")
    if formats.inet6 != "cidr":
        words.append(f"prefixlen {address.prefix_length}")
    order = ("anycast", "tentative", "duplicated", "detached", "deprecated", "autoconf")
    words += [flag for flag in (*order, "temporary") if flag in address.flags]
    if is_local:
        words.append(f"scopeid {view.index:#x}")
    if with_lifetimes:
        words.append(f"pltime {_seconds(address.preferred_s)} vltime {_seconds(address.valid_s)}")
    return " ".join([*words, *_vhid(address)])


def _seconds(value: int | None) -> str:
    return "infty" if value is None else str(value)


def _vhid(address: AddressView) -> list[str]:
    return [] if address.vhid is None else [f"vhid {address.vhid}"]
