"""A carpdev of a host: what is plugged into the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carpio.sim.frames import Frame
from carpio.sim.network import Port, Segment
from carpio.wire.constants import Family

if TYPE_CHECKING:
    from carpio.sim.node import Node

__all__ = ["Nic"]


class Nic:
    """Tells adverts to the daemon and all else to the kernel of its host."""

    __slots__ = ("carpdev", "mac", "node", "port", "refuses_to_send", "segment", "sources")

    def __init__(self, node: Node, carpdev: str, mac: bytes, sources: dict[Family, bytes]) -> None:
        self.node = node
        self.carpdev = carpdev
        self.mac = mac
        self.sources = sources
        self.segment: Segment
        self.port: Port
        self.refuses_to_send = 0
        """How many reasons there are for a send to fail."""

    def plug_into(self, segment: Segment) -> None:
        """Connect to a segment."""
        self.segment = segment
        self.port = Port(name=self.node.name, owner=self)
        segment.plug(self.port)

    def receive(self, frame: Frame, now: int) -> None:
        """Take a frame from the wire."""
        heard = frame.advert
        if heard is None:
            self.node.take(self, frame, now)
            return
        if heard.carpdev != self.carpdev:
            heard = frame.advert = heard._replace(carpdev=self.carpdev)
        self.node.hear(heard, now)
