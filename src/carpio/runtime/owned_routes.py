"""The routes that a group needs: to the wire while BACKUP, to its prefix while MASTER.

Pure: says which routes there should be, with their messages built before they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from carpio.core.model import InstanceConfig, IpAddress
from carpio.runtime.inventory import BACKUP_TABLE, Inventory, network_of
from carpio.runtime.rtnetlink import Request, add_route, delete_route
from carpio.runtime.rtobjects import Link

__all__ = ["OwnedRoute", "backup_corrections", "backup_routes", "prefix_routes"]

_MAIN_TABLE = 254
_PREFIX_PRIORITY = 20_000
"""Worse than any route of the host for the same prefix; plus the vhid, so groups may share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRoute:
    """A route of ours and the messages about it."""

    destination: str
    oif: int
    source: IpAddress | None
    adding: Request
    keeping: Request
    """Like `adding`, but an equal route is left alone."""
    deleting: Request


@lru_cache(maxsize=8192)
def _make(
    destination: str, *, oif: int, table: int, source: IpAddress | None, priority: int = 0
) -> OwnedRoute:
    adding, keeping = (
        add_route(
            destination, oif=oif, table=table, source=source, priority=priority, replace=replace
        )
        for replace in (True, False)
    )
    return OwnedRoute(
        destination=destination,
        oif=oif,
        source=source,
        adding=adding,
        keeping=keeping,
        deleting=delete_route(destination, oif=oif, table=table, priority=priority),
    )


def backup_routes(
    addresses: Sequence[IpAddress], parent: Link, look: Inventory
) -> tuple[OwnedRoute, ...]:
    """Return the way to each address over the wire; none while the parent is down."""
    if not parent.is_up:
        return ()
    return tuple(
        _make(
            f"{address}/{address.max_prefixlen}",
            oif=parent.index,
            table=BACKUP_TABLE,
            source=look.source_towards(parent.index, address) if address.version == 6 else None,
        )
        for address in addresses
    )


def backup_corrections(
    routes: Sequence[OwnedRoute], look: Inventory, *, serving: bool
) -> list[Request]:
    """Return what makes the table say so: all there while BACKUP, none while serving."""
    exists = [
        (route, look.has_backup_route(route.destination, route.oif, route.source))
        for route in routes
    ]
    if serving:
        return [route.deleting for route, there in exists if there]
    return [route.adding for route, there in exists if not there]


def prefix_routes(config: InstanceConfig, child: int, look: Inventory) -> tuple[OwnedRoute, ...]:
    """Return connected routes of the prefixes that no interface but our macvlans provides."""
    found: dict[str, OwnedRoute] = {}
    for address in config.addresses:
        network = network_of(address.address, address.prefix_length)
        if address.prefix_length == address.address.max_prefixlen or network in found:
            continue
        if not look.provides_network(address):
            found[network] = _make(
                network,
                oif=child,
                table=_MAIN_TABLE,
                source=address.address,
                priority=_PREFIX_PRIORITY + config.vhid,
            )
    return tuple(found.values())
