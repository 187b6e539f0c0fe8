"""Segments: a switch that learns MACs, links that can be bad, a trunk that can be cut.

Knows frames and ports; must not know who is behind a port. Randomness comes from the stream that it
was given. A learned entry goes when its link does; entries do not age within a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final, Protocol

from carpio.sim.frames import Frame
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC, Family

__all__ = ["Impairment", "Port", "Schedule", "Segment"]

WIRE_DELAY: Final = 50_000
"""Nanoseconds from one port to another through the switch."""
_CARP_GROUPS: Final = {CARP_GROUP_V4_MAC: Family.IPV4, CARP_GROUP_V6_MAC: Family.IPV6}
_MILLION: Final = 1_000_000

Schedule = Callable[[int, Callable[[tuple["Port", Frame], int], None], tuple["Port", Frame]], None]
"""Call (time, action, argument) later."""


Receive = Callable[[Frame, int], None]


class Receiver(Protocol):
    """What is plugged into a port."""

    def receive(self, frame: Frame, now: int) -> None:
        """Take a frame from the wire."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What one fault does to frames of one direction of a link. Shares are in millionths."""

    delay: int = 0
    jitter: int = 0
    loss: int = 0
    duplicate: int = 0
    reorder: int = 0
    reorder_by: int = 0
    family: Family | None = None
    """Only frames of this family; None: all."""

    def concerns(self, frame: Frame) -> bool:
        """Whether the frame is one of those that it is for."""
        return self.family is None or family_of(frame) is self.family


def family_of(frame: Frame) -> Family:
    """Return the family that a frame serves; ARP is a part of IPv4."""
    return Family.IPV6 if frame.data[12:14] == b"\x86\xdd" else Family.IPV4


@dataclass(slots=True, kw_only=True, eq=False)
class Port:
    """One port of the switch and the link on it."""

    name: str
    owner: Receiver
    is_up: bool = True
    cuts: int = 0
    """How many reasons there are for the cable to be out, whether or not the host has power."""
    sides: list[int] = field(default_factory=list)
    """Which part of the segment it is on; parts do not hear each other."""
    outbound: list[Impairment] = field(default_factory=list)
    inbound: list[Impairment] = field(default_factory=list)
    filtered: list[Family] = field(default_factory=list)
    """Families of which the switch does not pass CARP's multicast to this port."""
    last_out: int = 0
    last_in: int = 0
    wants_adverts: bool = True
    """Whether it joined CARP's groups: else its NIC drops what is sent to them."""
    audience: dict[bool, tuple[Receive, ...]] = field(default_factory=dict)
    """Who takes adverts (True) and other frames for all from here, known since the last change."""


class Segment:
    """One broadcast domain."""

    def __init__(self, name: str, schedule: Schedule, entropy: Random) -> None:
        self.name = name
        self.ports: list[Port] = []
        self.delay = WIRE_DELAY
        self.table: dict[bytes, Port] = {}
        self.advert_lost: Callable[[Frame, Port, Port | None, int], None] | None = None
        """Told of each advert that a link swallowed: frame, sender, receiver (None: all), time."""
        self.led: Callable[[Frame, Port, int], None] | None = None
        """Told of each frame that went to one port alone, because the switch had learned it."""
        self._schedule = schedule
        self._entropy = entropy

    def plug(self, port: Port) -> None:
        """Add a port."""
        self.ports.append(port)
        self.rewire()

    def rewire(self) -> None:
        """Links, sides, filters or impairments of ports are not what they were."""
        for port in self.ports:
            port.audience.clear()

    def set_link(self, port: Port, is_up: bool) -> None:
        """Connect or cut; the switch forgets what it learned from a dead link."""
        port.is_up = is_up
        self.rewire()
        if not is_up:
            self.table = {mac: known for mac, known in self.table.items() if known is not port}

    def transmit(self, port: Port, frame: Frame, now: int) -> None:
        """Put a frame on the wire of `port`."""
        if not port.is_up:
            return
        if not port.outbound:
            self._schedule(now + self.delay, self._arrive, (port, frame))
            return
        times, port.last_out = self._impair(port.outbound, port.last_out, frame, now)
        for at in times:
            self._schedule(at + self.delay, self._arrive, (port, frame))
        if not times:
            self._note_loss(frame, port, None, now)

    def _arrive(self, what: tuple[Port, Frame], now: int) -> None:
        """A frame reaches the switch: learn, then pass it on."""
        port, frame = what
        if not port.is_up:
            return
        self.table[frame.source] = port
        destination = frame.destination
        if not destination[0] & 1:
            known = self.table.get(destination)
            if known is not None:
                if known is not port:
                    self._pass(port, known, frame, now)
                    if self.led is not None and known.sides == port.sides:
                        self.led(frame, known, now)
                return
        is_advert = frame.advert is not None
        audience = port.audience.get(is_advert)
        if audience is None:
            audience = port.audience[is_advert] = tuple(self._audience(port, is_advert))
        for receive in audience:
            receive(frame, now)

    def _audience(self, port: Port, is_advert: bool) -> Iterator[Receive]:
        """Yield who takes a frame for all, as things are: most links are up and good."""
        for other in self.ports:
            if other is port or (is_advert and not other.wants_adverts):
                continue
            if other.filtered or other.inbound:
                yield partial(self._filter, port, other)
            elif other.is_up and other.sides == port.sides:
                yield other.owner.receive

    def _filter(self, port: Port, other: Port, frame: Frame, now: int) -> None:
        if other.filtered and _CARP_GROUPS.get(frame.destination) in other.filtered:
            self._note_loss(frame, port, other, now)
        else:
            self._pass(port, other, frame, now)

    def _pass(self, port: Port, other: Port, frame: Frame, now: int) -> None:
        if not other.is_up or other.sides != port.sides:
            return
        if not other.inbound:
            other.owner.receive(frame, now)
            return
        times, other.last_in = self._impair(other.inbound, other.last_in, frame, now)
        for at in times:
            self._schedule(at, self._deliver, (other, frame))
        if not times:
            self._note_loss(frame, port, other, now)

    def _deliver(self, what: tuple[Port, Frame], now: int) -> None:
        port, frame = what
        if port.is_up:
            port.owner.receive(frame, now)

    def _note_loss(self, frame: Frame, port: Port, other: Port | None, now: int) -> None:
        if self.advert_lost is not None and frame.advert is not None:
            self.advert_lost(frame, port, other, now)

    def _impair(
        self, impairments: list[Impairment], last: int, frame: Frame, now: int
    ) -> tuple[list[int], int]:
        """Return when copies of the frame come out, and the new time of the last one in order."""
        at, copies, overtaken = now, 1, 0
        draw = self._entropy.randrange
        for one in impairments:
            if not one.concerns(frame):
                continue
            if one.loss and draw(_MILLION) < one.loss:
                return [], last
            at += one.delay + (draw(one.jitter + 1) if one.jitter else 0)
            if one.duplicate and draw(_MILLION) < one.duplicate:
                copies += 1
            if one.reorder and draw(_MILLION) < one.reorder:
                overtaken = max(overtaken, one.reorder_by)
        if overtaken:
            return [at + overtaken] * copies, last
        at = max(at, last)
        return [at] * copies, at
