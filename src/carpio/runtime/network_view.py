"""The answer to `network`: interfaces with their addresses, and groups in their place.

What a group holds is told of its carpdev, from the configuration; the macvlan that holds it in
Linux is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_interface

from carpio.control.network import AddressView, GroupView, InterfaceView, Network
from carpio.core.model import InstanceConfig, InstanceView, VirtualAddress
from carpio.runtime import rtobjects as rt
from carpio.runtime.inventory import is_of_a_group
from carpio.runtime.rtobjects import Address, Link
from carpio.wire.ethernet import format_mac

__all__ = ["network_view"]

_FLAGS = {
    rt.IFA_F_TENTATIVE: "tentative",
    rt.IFA_F_DADFAILED: "duplicated",
    rt.IFA_F_DEPRECATED: "deprecated",
    rt.IFA_F_TEMPORARY: "temporary",
}
"""Of IPv6; IFA_F_TEMPORARY has another meaning for IPv4."""


def network_view(
    links: Sequence[Link],
    addresses: Sequence[Address],
    groups: Sequence[tuple[InstanceConfig, InstanceView | None]],
    *,
    keys: bool,
) -> Network:
    """Tell of all interfaces but the groups' macvlans; the engine may not know a group yet."""
    names = {link.index: link.name for link in links}
    held: dict[int, list[Address]] = {}
    for address in addresses:
        held.setdefault(address.index, []).append(address)
    on: dict[str, list[tuple[InstanceConfig, InstanceView | None]]] = {}
    for group in groups:
        on.setdefault(group[0].carpdev, []).append(group)
    visible = [link for link in links if not is_of_a_group(link)]
    return Network(
        interfaces=[
            _interface(link, names, held.get(link.index, ()), on.get(link.name, ()), keys)
            for link in sorted(visible, key=lambda link: link.index)
        ]
    )


def _interface(
    link: Link,
    names: dict[int, str],
    held: Iterable[Address],
    groups: Iterable[tuple[InstanceConfig, InstanceView | None]],
    keys: bool,
) -> InterfaceView:
    is_loopback = bool(link.flags & rt.IFF_LOOPBACK)
    is_ethernet = link.hardware == rt.ARPHRD_ETHER and not is_loopback
    views = [_plain_view(address, is_ethernet) for address in held]
    views += [_virtual_view(one, config.vhid) for config, _ in groups for one in config.addresses]
    return InterfaceView(
        index=link.index,
        name=link.name,
        kind=link.kind,
        mac=format_mac(link.mac) if link.mac and not is_loopback else None,
        permanent_mac=format_mac(link.permanent_mac) if link.permanent_mac else None,
        flags=link.flags,
        is_ethernet=is_ethernet,
        has_carrier=link.has_carrier,
        mtu=link.mtu,
        description=link.alias,
        master=names.get(link.master),
        parent=None if link.lower_elsewhere else names.get(link.lower),
        vlan=link.vlan or None,
        addresses=sorted(views, key=lambda view: ":" in view.address),
        groups=[_group(config, view, keys) for config, view in groups],
    )


def _plain_view(address: Address, is_ethernet: bool) -> AddressView:
    is_v6 = address.address.version == 6
    flags = [name for bit, name in _FLAGS.items() if is_v6 and address.flags & bit]
    if address.is_autoconfigured:
        flags.append("autoconf")
    broadcast = address.broadcast
    if broadcast is None and is_ethernet and not is_v6 and address.peer is None:
        whole = ip_interface(f"{address.address}/{address.prefix_length}")
        broadcast = whole.network.broadcast_address
    return AddressView(
        address=str(address.address),
        prefix_length=address.prefix_length,
        peer=str(address.peer) if address.peer else None,
        broadcast=str(broadcast) if broadcast else None,
        flags=flags,
        preferred_s=None if address.preferred_s == rt.FOREVER else address.preferred_s,
        valid_s=None if address.valid_s == rt.FOREVER else address.valid_s,
    )


def _virtual_view(address: VirtualAddress, vhid: int) -> AddressView:
    is_v4 = address.address.version == 4
    broadcast = ip_interface(str(address)).network.broadcast_address if is_v4 else None
    return AddressView(
        address=str(address.address),
        prefix_length=address.prefix_length,
        broadcast=str(broadcast) if broadcast else None,
        vhid=vhid,
    )


def _group(config: InstanceConfig, view: InstanceView | None, keys: bool) -> GroupView:
    return GroupView(
        vhid=config.vhid,
        state=view.state.value if view else "INIT",
        advbase=config.advbase,
        advskew=config.advskew,
        key=config.key.raw.hex() if keys else None,
    )
