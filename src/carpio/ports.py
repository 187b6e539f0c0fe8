"""What the worlds (daemon, simulator, tests) must offer to an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from carpio.core.effects import SendAdvertisement
from carpio.core.model import InstanceConfig, InstanceKey, Nanoseconds
from carpio.core.signer import Entropy

__all__ = ["AddressPlane", "Clock", "Entropy", "Link"]


class Clock(Protocol):
    """Monotonic time."""

    def now(self) -> Nanoseconds:
        """Return the time; never goes back, does not advance while suspended."""
        ...


class Link(Protocol):
    """A way to put frames on the wire of a carpdev."""

    def send(self, advertisement: SendAdvertisement) -> int:
        """Send; return 0 or the errno of the failure."""
        ...

    def announce(self, instance: InstanceKey) -> None:
        """Send gratuitous ARP and unsolicited NA for all addresses of the group."""
        ...


class AddressPlane(Protocol):
    """Holds the addresses; every method returns what it refused, with the reason.

    The steps of `linux_datapath` order: `install` before anything can answer,
    `acquire` opens the gate, `refresh` winds the dead-man, `serve` makes the
    addresses work, `release` closes the gate before all else.
    """

    def install(self, instances: Sequence[InstanceConfig]) -> Mapping[InstanceKey, str]:
        """Make the host hold exactly these groups, silent unless already MASTER."""
        ...

    def acquire(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Open the gates for one dead-man time."""
        ...

    def refresh(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Wind the dead-man of open gates; an expired gate is refused, not opened."""
        ...

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Make the addresses reachable and usable."""
        ...

    def release(self, instances: Sequence[InstanceKey]) -> None:
        """Close the gates at once; undo `serve` afterwards."""
        ...
