"""A client of the segment: asks who has the addresses, remembers, and talks to them.

Its cache is that of a router of the BSDs: an entry lives until it is overridden or too old, and any
ARP message or advertisement about a known address overrides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from carpio.sim.frames import Echo, Frame, arp_request, claims_of, echo_frame, solicitation

__all__ = ["CacheEntry", "Client", "Probes"]

CACHE_TIME: Final = 300_000_000_000
"""How long an entry is believed without being heard again."""


@dataclass(slots=True)
class CacheEntry:
    """What the client believes about one address; an empty MAC while it is asking."""

    mac: bytes
    until: int


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
        send: Callable[[Frame, int], None],
        learned: Callable[[bytes, bytes, Frame, int], None],
    ) -> None:
        """`own`: its addresses by length. `groups`: what it talks to, by number of the group.

        `learned` is told of every new or changed entry: address, MAC, frame, time.
        """
        self.mac = mac
        self.cache: dict[bytes, CacheEntry] = {}
        self.probes = {number: Probes() for number in groups}
        self._own = own
        self._groups = {number: list(addresses) for number, addresses in groups.items()}
        self._group_of = {a: number for number, known in groups.items() for a in known}
        self._send = send
        self._learned = learned
        self._frames: dict[tuple[bytes, bytes], Frame] = {}
        self._turn = 0

    def probe(self, now: int) -> None:
        """Send one packet to an address of each group, another address each time."""
        self._turn += 1
        for number, addresses in self._groups.items():
            if addresses:
                self._probe(number, addresses[self._turn % len(addresses)], now)

    def _probe(self, number: int, address: bytes, now: int) -> None:
        entry = self.cache.get(address)
        if entry is None or not entry.mac or entry.until <= now:
            self.probes[number].unresolved += 1
            self.cache[address] = CacheEntry(b"", now)
            self._send(self._question(address), now)
            return
        self.probes[number].sent += 1
        self.probes[number].is_waiting = True
        frame = self._frames.get((address, entry.mac))
        if frame is None:
            data = echo_frame(
                source_mac=self.mac,
                source=self._own[len(address)],
                mac=entry.mac,
                destination=address,
            )
            frame = self._frames[address, entry.mac] = Frame(data)
        self._send(frame, now)

    def receive(self, frame: Frame, now: int) -> None:
        """Believe claims about addresses that it knows or asks for; count answers."""
        packet = frame.packet
        if packet is None:
            return
        if isinstance(packet, Echo):
            number = self._group_of.get(packet.source)
            if packet.is_reply and number is not None and self.probes[number].is_waiting:
                self.probes[number].is_waiting = False
                self.probes[number].answered += 1
            return
        for address, mac in claims_of(frame):
            entry = self.cache.get(address)
            if entry is None:
                continue
            if entry.mac != mac:
                self._learned(address, mac, frame, now)
            entry.mac, entry.until = mac, now + CACHE_TIME

    def _question(self, address: bytes) -> Frame:
        frame = self._frames.get((address, b""))
        if frame is None:
            ask = arp_request if len(address) == 4 else solicitation
            frame = self._frames[address, b""] = Frame(
                ask(self.mac, self._own[len(address)], address)
            )
        return frame
