"""What the host holds for one group."""

from __future__ import annotations

from dataclasses import dataclass

from carpio.core.model import InstanceConfig, IpAddress, Nanoseconds
from carpio.runtime.owned_routes import OwnedRoute
from carpio.runtime.place import Place
from carpio.runtime.rtnetlink import Request
from carpio.runtime.rtobjects import Link

__all__ = ["CLOSED", "Holding"]

CLOSED = Nanoseconds(0)
"""Instead of the time at which a gate closes."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """What the host holds for one group."""

    config: InstanceConfig
    mac: bytes
    place: Place
    """Where its macvlan lives."""
    parent: Link | None = None
    child: int = 0
    """Interface index of the macvlan, 0 while there is none."""
    prepared: tuple[IpAddress, ...] = ()
    """The addresses for which the settings of the macvlan were made."""
    is_uprooted: bool = False
    """Whether it served where it lived before, and nobody has been told yet."""
    serving: bool = False
    served_at: Nanoseconds = CLOSED
    """Boot time since which it serves."""
    gate_until: Nanoseconds = CLOSED
    """Boot time at which the kernel closes the gate; 0 while it is closed."""
    backup_routes: tuple[OwnedRoute, ...] = ()
    """The way to the addresses while BACKUP, as of the last look at the host."""
    local_routes: tuple[Request, ...] = ()
    """What makes IPv6 addresses work the moment that the link is up, built before."""
    prefix_routes: tuple[OwnedRoute, ...] = ()
    """Connected prefixes that only this group provides, as of the last look."""

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        return tuple(a.address for a in self.config.addresses)
