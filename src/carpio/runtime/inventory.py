"""What this host has: one consistent look at links, addresses, routes and rules.

Knows how to judge whether an interface can be a carpdev and whether an address is already
somewhere else; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv6Address, ip_network

from carpio.core.model import InstanceConfig, VirtualAddress
from carpio.errors import PlatformError
from carpio.runtime.rtnetlink import RouteSocket
from carpio.runtime.rtobjects import (
    ARPHRD_ETHER,
    IFA_F_DADFAILED,
    IFA_F_TENTATIVE,
    IFF_LOOPBACK,
    Address,
    IpAddress,
    Link,
    Route,
    Rule,
)

__all__ = [
    "ALIAS_PREFIX",
    "BACKUP_TABLE",
    "Inventory",
    "bystanders",
    "check_parent",
    "child_name",
    "is_of_a_group",
    "network_of",
    "ports_below",
    "prefix_length",
    "take",
]

BACKUP_TABLE = 1001
"""Routing table with the way to every address that this host does not master."""
ALIAS_PREFIX = "carpio "
"""The alias of each macvlan of ours begins so, with the name of the group behind it."""
_PAST_THE_GUARD = {"macvlan", "macvtap", "ipvlan", "ipvtap"}
_TUNNELS = {"gretap", "ip6gretap", "erspan", "ip6erspan", "geneve", "bareudp", "ifb", "ipoib"}
_SWITCHES = {"bridge", "bond", "team", "openvswitch"}


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """A look at one namespace, indexed on first use for hosts with hundreds of groups."""

    links: tuple[Link, ...]
    addresses: tuple[Address, ...]
    rules: tuple[Rule, ...]
    backup_routes: tuple[Route, ...]
    delivered: frozenset[IpAddress] = frozenset()
    """Addresses whose packets come up to the host (local table)."""

    @cached_property
    def _by_name(self) -> dict[str, Link]:
        return {link.name: link for link in self.links}

    @cached_property
    def _by_index(self) -> dict[int, Link]:
        return {link.index: link for link in self.links}

    @cached_property
    def _by_holder(self) -> dict[int, list[Address]]:
        found: dict[int, list[Address]] = {}
        for address in self.addresses:
            found.setdefault(address.index, []).append(address)
        return found

    @cached_property
    def _holders(self) -> dict[IpAddress, set[int]]:
        found: dict[IpAddress, set[int]] = {}
        for address in self.addresses:
            found.setdefault(address.address, set()).add(address.index)
        return found

    @cached_property
    def _networks(self) -> set[str]:
        """The networks of addresses on other interfaces than our macvlans; no host addresses."""
        ours = {link.index for link in self.links if is_of_a_group(link)}
        return {
            network_of(a.address, a.prefix_length)
            for a in self.addresses
            if a.prefix_length < a.address.max_prefixlen and a.index not in ours
        }

    @cached_property
    def _backup_routes(self) -> set[tuple[str, int, IpAddress | None]]:
        return {(route.destination, route.oif, route.source) for route in self.backup_routes}

    def has_backup_route(self, destination: str, oif: int, source: IpAddress | None) -> bool:
        """True when the backup table has exactly this route."""
        return (destination, oif, source) in self._backup_routes

    def link(self, name: str) -> Link | None:
        """The interface of this name."""
        return self._by_name.get(name)

    def link_at(self, index: int) -> Link | None:
        """The interface of this index."""
        return self._by_index.get(index)

    def is_port(self, link: Link) -> bool:
        """True for a port of a bridge, bond or team: its frames are not this host's words."""
        master = self.link_at(link.master)
        return master is not None and master.kind in _SWITCHES

    def holders(self, address: IpAddress) -> list[Link]:
        """Interfaces that have `address`."""
        indexes = sorted(self._holders.get(address, ()))
        return [link for index in indexes if (link := self.link_at(index)) is not None]

    def addresses_of(self, index: int) -> list[Address]:
        """Addresses of one interface, in the kernel's order."""
        return self._by_holder.get(index, [])

    def provides_network(self, address: VirtualAddress) -> bool:
        """True when an interface other than our macvlans has an address of this network."""
        return network_of(address.address, address.prefix_length) in self._networks

    def awaits_detection(self, index: int) -> bool:
        """True while duplicate address detection runs on an interface's link-local address.

        Until it ends the interface cannot solicit neighbours, hence not answer over IPv6.
        """
        return any(
            a.address.is_link_local and a.flags & IFA_F_TENTATIVE and not a.flags & IFA_F_DADFAILED
            for a in self.addresses_of(index)
        )

    def source_towards(self, parent: int, target: IPv6Address) -> IPv6Address | None:
        """The address of `parent` best used as source towards `target` (fact F9)."""
        usable = [
            a
            for a in self.addresses_of(parent)
            if isinstance(a.address, IPv6Address) and a.is_usable
        ]
        on_link = [
            a for a in usable if target in ip_network((a.address, a.prefix_length), strict=False)
        ]
        for candidates in (on_link, [a for a in usable if not a.address.is_link_local], usable):
            for candidate in candidates:
                assert isinstance(candidate.address, IPv6Address)  # noqa: S101 - for the types
                return candidate.address
        return None


@lru_cache(maxsize=8192)
def network_of(address: IpAddress, prefix_length: int) -> str:
    """The network of an address in CIDR form."""
    return str(ip_network((address, prefix_length), strict=False))


def take(routes: RouteSocket) -> Inventory:
    """Look at the namespace of `routes`. Raises PlatformError."""
    return Inventory(
        links=tuple(routes.links()),
        addresses=tuple(routes.addresses()),
        rules=tuple(routes.rules()),
        backup_routes=tuple(routes.routes(BACKUP_TABLE)),
        delivered=frozenset(routes.local_addresses()),
    )


def is_of_a_group(link: Link) -> bool:
    """True for the macvlan of a group; an alias alone is what anybody may write."""
    return link.kind == "macvlan" and link.alias.startswith(ALIAS_PREFIX)


def check_parent(inventory: Inventory, link: Link) -> None:
    """Raise PlatformError when groups cannot live on `link`, with the remedy."""

    def refuse(why: str, remedy: str) -> PlatformError:
        return PlatformError(why, interface=link.name, remedy=remedy)

    if link.flags & IFF_LOOPBACK:
        raise refuse("is a loopback interface", "use an Ethernet interface")
    if link.kind in _PAST_THE_GUARD:
        lower = inventory.link_at(link.lower)
        where = lower.name if lower and not link.lower_elsewhere else "the interface below it"
        raise refuse(
            f"is a {link.kind}: a virtual MAC on it would bypass the guard",
            f"use {where}",
        )
    if link.hardware != ARPHRD_ETHER or link.kind in _TUNNELS:
        what = f"a {link.kind} interface" if link.kind else f"of hardware type {link.hardware}"
        raise refuse(
            f"is {what}, not Ethernet",
            "use an Ethernet, veth, bridge, bond, team, vlan or tap interface",
        )
    master = inventory.link_at(link.master)
    if master is not None and inventory.is_port(link):
        raise refuse(f"is a port of {master.name}", f"use {master.name}")


def child_name(config: InstanceConfig, parent: Link) -> str:
    """The name of the macvlan of a group: at most 15 characters."""
    return f"carp{config.vhid}-{parent.index}"


def ports_below(look: Inventory, parents: set[str]) -> dict[str, str]:
    """The devices below a parent, each with that parent: ports of a bridge, slaves of a bond."""
    return {
        link.name: master.name
        for link in look.links
        if (master := look.link_at(link.master)) is not None and master.name in parents
    }


def bystanders(look: Inventory, parents: set[str]) -> list[Link]:
    """Ethernet interfaces that could claim an address of ours by mistake."""
    return [
        link
        for link in look.links
        if link.hardware == ARPHRD_ETHER
        and not link.flags & IFF_LOOPBACK
        and not look.is_port(link)
        and link.name not in parents
        and not is_of_a_group(link)
    ]


def prefix_length(look: Inventory, link: Link, address: IpAddress) -> int:
    """The prefix length with which an interface has an address."""
    found = [a.prefix_length for a in look.addresses_of(link.index) if a.address == address]
    return found[0] if found else address.max_prefixlen
