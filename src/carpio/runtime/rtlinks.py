"""Netlink messages for ordinary interfaces and addresses, those that are not a group's.

Each function builds a `Request`; nothing is sent here. Interfaces are told by index, new ones by
name. Formats: rtnetlink(7), linux/if_link.h, linux/veth.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from carpio.runtime import rtobjects as rt
from carpio.runtime.rtnetlink import Request, attribute
from carpio.runtime.rtobjects import Address

__all__ = [
    "add_plain_address",
    "change_link",
    "create_bridge",
    "create_dummy",
    "create_veth",
    "create_vlan",
    "delete_plain_address",
    "move_link",
    "set_link_flags",
]


def create_bridge(name: str) -> Request:
    """Create a bridge, down."""
    return _create(name, b"bridge")


def create_dummy(name: str) -> Request:
    """Create an interface that leads nowhere, as more loopbacks of the BSDs do; down."""
    return _create(name, b"dummy")


def create_veth(name: str, other: str) -> Request:
    """Create both ends of a virtual cable, down."""
    end = rt.IFINFO.pack(0, 0, 0, 0, 0) + attribute(rt.IFLA_IFNAME, other.encode() + b"\0")
    return _create(name, b"veth", attribute(rt.VETH_INFO_PEER, end))


def create_vlan(name: str, parent: int, vlan: int) -> Request:
    """Create the interface of a VLAN (IEEE 802.1Q), down."""
    data = attribute(rt.IFLA_VLAN_ID, struct.pack("=H", vlan))
    return _create(name, b"vlan", data, attribute(rt.IFLA_LINK, struct.pack("=I", parent)))


def _create(name: str, kind: bytes, data: bytes = b"", more: bytes = b"") -> Request:
    info = attribute(rt.IFLA_INFO_KIND, kind + b"\0")
    if data:
        info += attribute(rt.IFLA_INFO_DATA, data)
    body = rt.IFINFO.pack(0, 0, 0, 0, 0) + attribute(rt.IFLA_IFNAME, name.encode() + b"\0")
    body += more + attribute(rt.IFLA_LINKINFO, info)
    flags = rt.NLM_F_CREATE | rt.NLM_F_EXCL
    return Request(rt.RTM_NEWLINK, flags, body, f"creating {kind.decode()} {name}")


def change_link(
    index: int,
    *,
    mtu: int | None = None,
    mac: bytes | None = None,
    name: str | None = None,
    description: str | None = None,
    master: int | None = None,
) -> Request:
    """Change what is not None; `master` 0 takes a port out of its bridge."""
    values: Mapping[int, bytes | None] = {
        rt.IFLA_MTU: None if mtu is None else struct.pack("=I", mtu),
        rt.IFLA_ADDRESS: mac,
        rt.IFLA_IFNAME: None if name is None else name.encode() + b"\0",
        rt.IFLA_IFALIAS: None if description is None else description.encode() or b"\0",
        rt.IFLA_MASTER: None if master is None else struct.pack("=I", master),
    }
    body = rt.IFINFO.pack(0, 0, index, 0, 0)
    for kind, value in values.items():
        if value is not None:
            body += attribute(kind, value)
    return Request(rt.RTM_SETLINK, 0, body, "changing the interface")


def set_link_flags(index: int, flags: int, mask: int) -> Request:
    """Set the IFF_* flags of `mask` as in `flags`."""
    body = rt.IFINFO.pack(0, 0, index, flags & mask, mask)
    return Request(rt.RTM_SETLINK, 0, body, "changing the interface")


def move_link(index: int, namespace: int) -> Request:
    """Move an interface to the network namespace of a descriptor."""
    body = rt.IFINFO.pack(0, 0, index, 0, 0)
    body += attribute(rt.IFLA_NET_NS_FD, struct.pack("=I", namespace))
    return Request(rt.RTM_SETLINK, 0, body, "moving the interface")


def add_plain_address(address: Address) -> Request:
    """Add an address as told by `Address`, its flags included; one that is there is refused."""
    body = _address(address)
    if address.broadcast is not None:
        body += attribute(rt.IFA_BROADCAST, address.broadcast.packed)
    if address.label:
        body += attribute(rt.IFA_LABEL, address.label.encode() + b"\0")
    if address.flags:
        body += attribute(rt.IFA_FLAGS, struct.pack("=I", address.flags))
    if address.metric:
        body += attribute(rt.IFA_RT_PRIORITY, struct.pack("=I", address.metric))
    if (address.preferred_s, address.valid_s) != (rt.FOREVER, rt.FOREVER):
        lifetimes = rt.CACHEINFO.pack(address.preferred_s, address.valid_s, 0, 0)
        body += attribute(rt.IFA_CACHEINFO, lifetimes)
    flags = rt.NLM_F_CREATE | rt.NLM_F_EXCL
    return Request(rt.RTM_NEWADDR, flags, body, f"adding {address.address}")


def delete_plain_address(address: Address) -> Request:
    """Remove an address."""
    return Request(rt.RTM_DELADDR, 0, _address(address), f"removing {address.address}")


def _address(address: Address) -> bytes:
    family = rt.FAMILIES[address.address.version]
    body = rt.IFADDR.pack(family, address.prefix_length, 0, address.scope, address.index)
    body += attribute(rt.IFA_LOCAL, address.address.packed)
    return body + attribute(rt.IFA_ADDRESS, (address.peer or address.address).packed)
