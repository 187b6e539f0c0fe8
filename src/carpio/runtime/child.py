"""The macvlan of a group: made down and with its virtual MAC, checked, quiet by its settings."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence

from carpio.core.model import InstanceKey, IpAddress
from carpio.errors import PlatformError
from carpio.runtime.inventory import Inventory
from carpio.runtime.place import Place
from carpio.runtime.rtnetlink import (
    RouteSocket,
    add_address,
    add_macvlan,
    delete_address,
    delete_link,
    set_link_alias,
    set_link_mtu,
)
from carpio.runtime.rtobjects import Link
from carpio.wire.ethernet import format_mac

__all__ = ["child_fault", "child_settings", "ensure_addresses", "ensure_child"]

log = logging.getLogger("carpio")

_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL)
_CHILD_SETTINGS = {
    "ipv4/conf/{}/arp_ignore": 1,
    "ipv4/conf/{}/arp_announce": 2,
    "ipv4/conf/{}/arp_notify": 0,
    "ipv4/conf/{}/rp_filter": 2,
}
_CHILD_SETTINGS_V6 = {
    "ipv6/conf/{}/disable_ipv6": 0,
    "ipv6/conf/{}/keep_addr_on_down": 1,
    "ipv6/conf/{}/addr_gen_mode": 1,
    "ipv6/conf/{}/accept_ra": 0,
    "ipv6/conf/{}/router_solicitations": 0,
    "ipv6/conf/{}/accept_dad": 0,
    "ipv6/conf/{}/ndisc_notify": 0,
}


def ensure_child(
    home: RouteSocket,
    place: Place,
    look: Inventory,
    *,
    name: str,
    owner: InstanceKey,
    mac: bytes,
    parent: Link,
) -> Link:
    """Return the macvlan, made anew when it is missing or somebody changed it.

    `home`: a socket where the parent is. `look`: at the place of the macvlan. Raises PlatformError
    when the name is somebody else's, or what was made is not what was asked.
    """
    alias, routes = place.alias(owner), place.routes
    child = look.link(name)
    is_ours = child is not None and child.alias == alias
    if child is not None and is_ours and (fault := child_fault(child, mac, parent, place)):
        log.warning("carpio: %s: %s; made anew", name, fault)
        routes.require([delete_link(child.index)], tolerate=_GONE)
        child = None
    if child is None:
        target = place.creation_target
        home.require(
            [add_macvlan(name=name, parent=parent.index, mac=mac, alias=alias, target=target)]
        )
        child = _made(routes, name, alias)
    elif child.alias != alias:
        raise PlatformError(
            f"{name} exists and is not carpio's", remedy=f"remove it: ip link del {name}"
        )
    if fault := child_fault(child, mac, parent, place):
        routes.execute([delete_link(child.index)])
        raise PlatformError(f"{name}: {fault}", remedy="see who changes new interfaces")
    if child.mtu != parent.mtu:  # it follows a parent whose MTU shrinks, not one whose MTU grows
        routes.require([set_link_mtu(child.index, parent.mtu)])
    return child


def _made(routes: RouteSocket, name: str, alias: str) -> Link:
    child = routes.link(name)
    if child is None:
        raise PlatformError(f"creating macvlan {name}: it vanished at once")
    if child.alias != alias:  # kernels that take no alias at creation
        routes.require([set_link_alias(child.index, alias)])
    return child


def ensure_addresses(
    routes: RouteSocket, look: Inventory, child: int, wanted: Sequence[IpAddress]
) -> None:
    """Make the macvlan hold exactly `wanted`. Raises PlatformError."""
    present = {a.address for a in look.addresses_of(child)}
    requests = [delete_address(child, a) for a in sorted(present - set(wanted), key=str)]
    requests += [add_address(child, a) for a in wanted if a not in present]
    routes.require(requests, tolerate=(errno.EADDRNOTAVAIL, errno.EEXIST))


def child_settings(name: str, addresses: Sequence[IpAddress]) -> dict[str, int]:
    """Return the settings that keep a macvlan quiet but for what we send."""
    chosen = dict(_CHILD_SETTINGS)
    if any(address.version == 6 for address in addresses):
        chosen |= _CHILD_SETTINGS_V6
    return {key.format(name): value for key, value in chosen.items()}


def child_fault(child: Link, mac: bytes, parent: Link, place: Place) -> str | None:
    """Why an interface cannot be the macvlan of this group, or None."""
    if child.kind != "macvlan":
        return f"is a {child.kind or 'plain interface'}, not a macvlan"
    if child.mac != mac:
        return f"has the MAC {format_mac(child.mac)}, not {format_mac(mac)}"
    if child.lower != parent.index or child.lower_elsewhere != place.is_elsewhere:
        return f"does not end on {parent.name}: frames would bypass the guard"
    return None
