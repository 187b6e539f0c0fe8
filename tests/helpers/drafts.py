"""What a namespace has, in short: links, ordinary addresses and groups as values."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from tests.helpers.builders import group

from carpio.config.model import VhidConfig
from carpio.runtime import rtobjects as rt
from carpio.runtime.rtobjects import Address, Link

__all__ = ["held", "helper", "link", "plain"]


def link(
    name: str,
    index: int,
    *,
    kind: str = "veth",
    flags: int = rt.IFF_UP,
    mac: bytes = bytes.fromhex("020000000001"),
    hardware: int = rt.ARPHRD_ETHER,
    lower: int = 0,
    master: int = 0,
    alias: str = "",
) -> Link:
    """Return an interface; unless told otherwise an Ethernet cable that is up."""
    return Link(
        index=index,
        name=name,
        kind=kind,
        mac=mac,
        hardware=hardware,
        flags=flags,
        operstate=rt.IF_OPER_UP,
        lower=lower,
        lower_elsewhere=False,
        master=master,
        mtu=1500,
        alias=alias,
    )


def helper(vhid: int, parent: Link, index: int) -> Link:
    """Return the macvlan that holds the addresses of a group."""
    return link(
        f"carp{vhid}-{parent.index}",
        index,
        kind="macvlan",
        lower=parent.index,
        alias=f"carpio {vhid}@{parent.name}",
    )


def plain(index: int, text: str, *, flags: int = 0) -> Address:
    """Return the ordinary address `A/P` of the interface with that index."""
    parsed = ip_interface(text)
    broadcast = parsed.network.broadcast_address if parsed.version == 4 else None
    return Address(
        index=index,
        address=parsed.ip,
        prefix_length=parsed.network.prefixlen,
        flags=flags,
        broadcast=broadcast,
    )


def held(name: str, *addresses: str, netns: str | None = None) -> VhidConfig:
    """Return the group `VHID@IF` of a namespace with these addresses."""
    instance = group(name, *addresses)
    if not addresses:
        instance = replace(instance, addresses=())
    full_name = name if netns is None else f"{name}@{netns}"
    return VhidConfig(instance=instance, netns=netns, name=full_name)
