"""What the worlds (daemon, simulator, tests) must offer to an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from carpio.core.effects import Effect, SendAdvertisement
from carpio.core.events import Event
from carpio.core.memory import EngineMemory
from carpio.core.model import EngineConfig, InstanceConfig, InstanceKey, Nanoseconds
from carpio.core.signer import Entropy

__all__ = ["AddressPlane", "Clock", "Entropy", "Link", "TraceSink"]


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

    def dismiss(self, instances: Sequence[InstanceKey]) -> None:
        """Let groups speak on that fell silent because somebody else advertised."""
        ...

    def release(self, instances: Sequence[InstanceKey]) -> None:
        """Close the gates at once; undo `serve` afterwards."""
        ...


class TraceSink(Protocol):
    """Writes down what happens to an engine, so that it can be replayed."""

    wants_beginning: bool
    """What the engine is must be told before what happens to it."""

    def begin(self, now: Nanoseconds, config: EngineConfig, memory: EngineMemory) -> None:
        """Take down what the engine is between two events."""
        ...

    def note(
        self, happened: Sequence[tuple[Nanoseconds, Event, Sequence[Effect], Sequence[int]]]
    ) -> None:
        """Take down when something happened, what it was, what came of it, and what was drawn."""
        ...
