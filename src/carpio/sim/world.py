"""The composition: hosts, segments and clients under one clock that jumps to the next event.

One heap of (time, sequence, action, argument). Equal times are taken in the order in which they
were scheduled, and nothing iterates a set, so that a seed means one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from types import FunctionType
from typing import Any, Final

from carpio.core.model import InstanceKey
from carpio.sim.client import Client
from carpio.sim.entropy import stream
from carpio.sim.findings import Finding
from carpio.sim.frames import Frame
from carpio.sim.invariants import Invariants
from carpio.sim.network import Port, Segment
from carpio.sim.node import HostSetup, Node
from carpio.sim.watch import GroupWatch, Member
from carpio.wire.constants import Family

__all__ = ["World", "WorldSettings", "segments_of"]

SECOND: Final = 1_000_000_000
_BOOT_SPREAD: Final = 2 * SECOND
"""Hosts boot within this time of each other."""
_V4_NET: Final = int(IPv4Address("198.18.0.0"))
"""RFC 2544: for hosts that exist in tests only."""
_V6_NET: Final = int(IPv6Address("fe80::"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """How a world is made."""

    seed: int = 0
    probe_every: int = SECOND
    """How often a client talks to each group, in nanoseconds; 0: there is no client."""
    naive: bool = False
    """Hosts put addresses on the NIC first."""


class World:
    """One run."""

    def __init__(self, setups: Sequence[HostSetup], settings: WorldSettings) -> None:
        self.now = 0
        self.settings = settings
        self.steps = 0
        self.standing_causes: set[tuple[str, str]] = set()
        """(host, cause) of demotion that is meant to be there."""
        self.trace: Callable[[int, str], None] | None = None
        """Told of every step, for whoever compares runs."""
        self._heap: list[tuple[int, int, Callable[[Any, int], None], Any]] = []
        self._next = count().__next__
        """Return the number of a new event."""
        wires = segments_of(setups)
        names = list(dict.fromkeys(wires.values()))
        self.segments = {
            name: Segment(name, self.schedule, stream(settings.seed, name, "links"))
            for name in names
        }
        self.invariants = Invariants()
        self.nodes = [self._make_node(n, setup, wires, names) for n, setup in enumerate(setups)]
        self.node_of = {node.name: node for node in self.nodes}
        self.invariants.follow(_watches(self.nodes, wires))
        self.clients = {name: self._make_client(name, n) for n, name in enumerate(names)}
        for segment in self.segments.values():
            segment.led = self.invariants.led
            segment.advert_lost = self.invariants.advert_lost
        self._switch_on()

    # -- making ------------------------------------------------------------------------------------

    def _make_node(
        self, number: int, setup: HostSetup, wires: Mapping[tuple[str, str], str], names: list[str]
    ) -> Node:
        nics = {}
        for (host, carpdev), segment in wires.items():
            if host == setup.name:
                nics[carpdev] = _identity(names.index(segment), number + 1)
        node = Node(
            setup,
            nics,
            schedule=self.schedule,
            witness=self.invariants,
            seed=self.settings.seed,
            naive=self.settings.naive,
        )
        for carpdev, nic in node.nics.items():
            nic.plug_into(self.segments[wires[setup.name, carpdev]])
        return node

    def _make_client(self, segment: str, number: int) -> Client:
        watches = [w for w in self.invariants.watches if w.segment == segment]
        mac, sources = _identity(number, 254)

        def learned(address: bytes, mac: bytes, frame: Frame, now: int) -> None:
            watch = next(w for w in watches if address in w.addresses)
            self.invariants.learned(watch, address, mac, frame, now)

        return Client(
            mac,
            {len(packed): packed for packed in sources.values()},
            {n: tuple(sorted(w.addresses)) for n, w in enumerate(watches)},
            self.segments[segment],
            learned,
        )

    def _switch_on(self) -> None:
        entropy = stream(self.settings.seed, "boot")
        for node in self.nodes:
            self.schedule(entropy.randrange(_BOOT_SPREAD), _boot, node)
        if self.settings.probe_every:
            for client in self.clients.values():
                begin = entropy.randrange(self.settings.probe_every)
                self.schedule(begin, self._probe, client)

    def _probe(self, client: Client, now: int) -> None:
        client.probe(now)
        self.schedule(now + self.settings.probe_every, self._probe, client)

    # -- running -----------------------------------------------------------------------------------

    def schedule(self, at: int, action: Callable[[Any, int], None], argument: Any) -> None:
        """Let `action(argument, at)` happen; the past is now."""
        if at < self.now:
            at = self.now
        heappush(self._heap, (at, self._next(), action, argument))

    def run(self, until: int) -> None:
        """Let time pass."""
        heap, invariants, trace = self._heap, self.invariants, self.trace
        steps = 0
        while heap:
            event = heappop(heap)
            now, _, action, argument = event
            if now > until:
                heappush(heap, event)
                break
            while invariants.check_at < now:
                self.now = invariants.check_at
                invariants.check(self.now)
            self.now = now
            steps += 1
            if trace is not None:
                trace(now, _named(action, argument))
            action(argument, now)
        self.steps += steps
        self.now = until
        if invariants.check_at < until:
            invariants.check(until)

    def finish(self) -> None:
        """Look for the last time."""
        self.invariants.finish(self.nodes, self.standing_causes, self.now)

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return self.invariants.findings.all()

    def probes_of(self, watch: GroupWatch) -> tuple[int, int]:
        """Return how many packets the client sent to a group, and how many were answered."""
        number = [w for w in self.invariants.watches if w.segment == watch.segment].index(watch)
        probes = self.clients[watch.segment].probes[number]
        return probes.sent, probes.answered

    @property
    def receptions(self) -> int:
        """Adverts that engines were told of."""
        return sum(node.received for node in self.nodes)


def _boot(node: Node, now: int) -> None:
    node.boot(now)


def _named(action: Callable[[Any, int], None], argument: Any) -> str:
    """Return a line about a step that is the same in every process."""
    name = action.__name__.strip("_")
    match argument:
        case (Port() as port, Frame() as frame):
            return f"{name} {port.name} {frame.data.hex()}"
        case Node():
            return f"{name} {argument.name}"
        case int() | str():
            return f"{name} {argument}"
        case (InstanceKey() as key, int() as at):
            return f"{name} {key} {at}"
        case FunctionType():
            return f"{name} {argument.__qualname__}"
        case _:
            return f"{name} {argument if not isinstance(argument, Client) else 'client'}"


def _identity(segment: int, number: int) -> tuple[bytes, dict[Family, bytes]]:
    """Return MAC and addresses of a machine on a segment."""
    mac = bytes((2, 0, 0, 0)) + bytes((segment % 256, number % 256))
    v4 = IPv4Address(_V4_NET + segment * 256 + number).packed
    v6 = IPv6Address(_V6_NET + (segment << 16) + number).packed
    return mac, {Family.IPV4: v4, Family.IPV6: v6}


def segments_of(setups: Sequence[HostSetup]) -> dict[tuple[str, str], str]:
    """Say which segment each carpdev of each host is on.

    Carpdevs of one name are on one segment, and those whose groups share a vhid and an address.
    """
    wires: dict[tuple[str, str], int] = {}
    meeting: dict[object, int] = {}
    parent: list[int] = []

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for setup in setups:
        for config in setup.config.instances:
            place = (setup.name, config.carpdev)
            if place not in wires:
                wires[place] = len(parent)
                parent.append(len(parent))
            points: list[object] = [("name", config.carpdev)]
            points += [(config.vhid, a.address) for a in config.addresses]
            for point in points:
                met = meeting.setdefault(point, wires[place])
                parent[root(wires[place])] = root(met)
    named: dict[int, str] = {}
    found = {}
    for place, number in wires.items():
        found[place] = named.setdefault(root(number), place[1])
    return found


def _watches(nodes: Sequence[Node], wires: Mapping[tuple[str, str], str]) -> list[GroupWatch]:
    groups: dict[tuple[str, int], list[Member]] = {}
    for node in nodes:
        for config in node.config.instances:
            place = (wires[node.name, config.carpdev], int(config.vhid))
            groups.setdefault(place, []).append(Member(node=node, key=config.instance))
    return [
        GroupWatch(f"{vhid}@{segment}", vhid, segment, members)
        for (segment, vhid), members in groups.items()
    ]
