"""Who is told what hosts do: the one way from the hosts to what judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from carpio.core.effects import ReportDemotion, ReportTransition, SendAdvertisement
from carpio.core.model import InstanceKey
from carpio.sim.frames import Frame

if TYPE_CHECKING:
    from carpio.sim.nic import Nic
    from carpio.sim.node import Node

__all__ = ["Witness"]


class Witness(Protocol):
    """Who is told what hosts do. Times are those of the world."""

    def transition(self, node: Node, report: ReportTransition, now: int) -> None:
        """An instance changed its state."""
        ...

    def demotion(self, node: Node, report: ReportDemotion, now: int) -> None:
        """The demotion number changed."""
        ...

    def advertised(self, node: Node, advert: SendAdvertisement, error: int, now: int) -> None:
        """An advert was sent, or was not (`error`)."""
        ...

    def stuck(self, node: Node, key: InstanceKey, now: int) -> None:
        """An instance awaits nothing though it is not INIT."""
        ...

    def spoke(self, nic: Nic, frame: Frame, now: int) -> None:
        """A frame that is no advert left the host."""
        ...

    def took(self, nic: Nic, frame: Frame, now: int) -> None:
        """A host took in traffic for an address."""
        ...

    def changed(self, node: Node, key: InstanceKey | None, now: int) -> None:
        """Who can answer for a group, or for all groups of the host, may have changed."""
        ...
