"""A client of the segment: asks who has the addresses, remembers, and talks to them.

Its cache is that of a router of the BSDs: an entry lives until it is overridden or too old, and any
ARP message or advertisement about a known address overrides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from carpio.sim.frames import Echo, Frame, arp_request, claims_of, echo_frame, solicitation
from carpio.sim.network import Port, Segment

__all__ = ["CacheEntry", "Client", "Probes"]

CACHE_TIME: Final = 300_000_000_000
"""How long an entry is believed without being heard again."""


@dataclass(slots=True)
class CacheEntry:
    """What the client believes about one address; an empty MAC while it is asking."""

    mac: bytes
    until: int
    packet: Frame | None = None
    """What it sends to the address at this MAC; None: nothing yet."""


@dataclass(slots=True)
class Probes:
    """What became of the client's packets to one group."""

    sent: int = 0
    answered: int = 0
    is_waiting: bool = False
    """The last one was not answered yet; a duplicate answers nothing."""
    unresolved: int = 0
    """Not sent, because nobody had said where the address is."""


class Client:
    """One client on one segment."""

    def __init__(
        self,
        mac: bytes,
        own: dict[int, bytes],
        groups: dict[int, tuple[bytes, ...]],
        segment: Segment,
        learned: Callable[[bytes, bytes, Frame, int], None],
    ) -> None:
        """`own`: its addresses by length. `groups`: what it talks to, by number of the group.

        Plugs itself into `segment`. `learned` is told of every new or changed entry: address, MAC,
        frame, time.
        """
        self.mac = mac
        self.cache: dict[bytes, CacheEntry] = {}
        self.probes = {number: Probes() for number in groups}
        self._own = own
        self._groups = {number: list(addresses) for number, addresses in groups.items()}
        self._probes_of = {a: self.probes[number] for number, all_ in groups.items() for a in all_}
        self._segment = segment
        self._port = Port(name="client", owner=self, wants_adverts=False)
        segment.plug(self._port)
        self._learned = learned
        self._questions: dict[bytes, Frame] = {}
        self._turn = 0

    def probe(self, now: int) -> None:
        """Send one packet to an address of each group, another address each time."""
        self._turn += 1
        for number, addresses in self._groups.items():
            if addresses:
                address = addresses[self._turn % len(addresses)]
                frame = self._packet(self.probes[number], address, now)
                self._segment.transmit(self._port, frame, now)

    def _packet(self, probes: Probes, address: bytes, now: int) -> Frame:
        """Return the next packet, or the question that comes first."""
        entry = self.cache.get(address)
        if entry is None or not entry.mac or entry.until <= now:
            probes.unresolved += 1
            self.cache[address] = CacheEntry(b"", now)
            return self._question(address)
        probes.sent += 1
        probes.is_waiting = True
        if entry.packet is None:
            data = echo_frame(
                source_mac=self.mac,
                source=self._own[len(address)],
                mac=entry.mac,
                destination=address,
            )
            entry.packet = Frame(data)
        return entry.packet

    def receive(self, frame: Frame, now: int) -> None:
        """Believe claims about addresses that it knows or asks for; count answers."""
        packet = frame.packet
        if packet is None:
            return
        if type(packet) is Echo:
            probes = self._probes_of.get(packet.source)
            if packet.is_reply and probes is not None and probes.is_waiting:
                probes.is_waiting = False
                probes.answered += 1
            return
        for address, mac in claims_of(frame):
            entry = self.cache.get(address)
            if entry is None:
                continue
            if entry.mac != mac:
                entry.packet = None
                self._learned(address, mac, frame, now)
            entry.mac, entry.until = mac, now + CACHE_TIME

    def _question(self, address: bytes) -> Frame:
        frame = self._questions.get(address)
        if frame is None:
            ask = arp_request if len(address) == 4 else solicitation
            data = ask(self.mac, self._own[len(address)], address)
            frame = self._questions[address] = Frame(data)
        return frame
