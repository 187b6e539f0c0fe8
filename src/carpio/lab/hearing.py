"""Reads the captures of a run: adverts, claims with their verdicts, deliveries, kernel messages."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeAlias

from carpio.lab.court import Bench, Docket, Group, Verdict
from carpio.lab.forger import CANARY_ADDRESS
from carpio.lab.messages import Kernel, Said
from carpio.lab.pcap import read_pcap
from carpio.lab.result import SeenClaim
from carpio.lab.sighting import Advert, Claim, EchoRequest, Kind, sight
from carpio.lab.stage import Played
from carpio.lab.views import Apart

__all__ = ["BIN_NS", "ClaimKey", "Heard", "Port", "apart_by_events", "hear"]

_FOR_EVER: Final = 1 << 63
BIN_NS: Final = 10_000_000
"""Resolution of `density`."""

KEPT_CLAIMS: Final = 20
"""Per event, group and verdict; all are counted."""
KEPT_IN_ALL: Final = 1000
KEPT_MESSAGES: Final = 500
REMEMBERED_FRAMES: Final = 8192
ARP_KINDS: Final = (Kind.ARP_REQUEST, Kind.ARP_REPLY, Kind.GRATUITOUS)

Frame: TypeAlias = tuple[int, str, bytes]
ClaimKey: TypeAlias = tuple[str, str, Kind, bytes, Verdict]
"""Group, host, kind, Ethernet source, verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a switch, and the interface at the other end."""

    machine: str
    network: str
    switch: str
    port: str
    interface: str
    mac: bytes
    own: frozenset[bytes]
    is_host: bool


@dataclass(slots=True)
class Heard:
    """What the captures say."""

    bench: Bench
    claims: list[Counter[ClaimKey]]
    """By event, from 0."""
    deliveries: list[Counter[tuple[str, str]]]
    """Probes by (address, machine), by event."""
    density: dict[tuple[str, str, Verdict], Counter[int]] = field(default_factory=dict)
    """Claims by group, host and verdict, and by the bin of time since the first event."""
    wrong_claims: list[SeenClaim] = field(default_factory=list)
    first_wrong: dict[tuple[int, bool], str] = field(default_factory=dict)
    """By event and whether it is mere traffic: the first one, as text."""
    messages: list[tuple[Said, int]] = field(default_factory=list)
    canaries: int = 0


def apart_by_events(played: Sequence[Played]) -> Apart:
    """Return who does not hear whom when, as the events say: until the next has been done.

    After the last one nothing is done: what is captured then is judged in the same way.
    """
    ends = [*(one.acted_ns for one in played[1:]), _FOR_EVER]
    spans = [
        (one.start_ns, end_ns, frozenset(one.event.apart))
        for one, end_ns in zip(played, ends, strict=True)
        if one.event.apart
    ]

    def is_apart(one: str, other: str, time_ns: int) -> bool:
        return any(
            start <= time_ns < end and one in hosts and other in hosts
            for start, end, hosts in spans
        )

    return is_apart


def hear(
    files: Mapping[str, Path],
    ports: Mapping[str, Port],
    groups: Sequence[Group],
    docket: Docket,
    played: Sequence[Played],
    prober_mac: bytes,
) -> Heard:
    """Read the captures twice: for the roles, then to judge every claim."""
    hosts = {key: path for key, path in files.items() if ports[key].is_host}
    for time_ns, key, frame in _frames(hosts):
        if frame[23:24] == b"\x70" or frame[20:21] == b"\x70":  # IP protocol 112
            seen = sight(frame)
            if isinstance(seen, Advert):
                docket.note(time_ns, ports[key].machine, ports[key].network, seen)
    bench = Bench(groups, docket, apart_by_events(played))
    hearing = _Hearing(bench, ports, played, prober_mac)
    remembered = lru_cache(REMEMBERED_FRAMES)(sight)
    for time_ns, key, frame in _frames(hosts):
        seen = remembered(frame)
        if isinstance(seen, Claim):
            hearing.claim(time_ns, ports[key], frame, seen)
        elif isinstance(seen, EchoRequest):
            hearing.probe(time_ns, ports[key], seen)
    return hearing.heard


def _frames(files: Mapping[str, Path]) -> Iterator[Frame]:
    return heapq.merge(*(_of_file(key, path) for key, path in files.items()))


def _of_file(key: str, path: Path) -> Iterator[Frame]:
    for time_ns, _, frame in read_pcap(path):
        yield time_ns, key, frame


class _Hearing:
    """The second reading."""

    def __init__(
        self,
        bench: Bench,
        ports: Mapping[str, Port],
        played: Sequence[Played],
        prober_mac: bytes,
    ) -> None:
        self._bench = bench
        self._prober_mac = prober_mac
        self._starts = [one.start_ns for one in played]
        self.heard = Heard(
            bench=bench,
            claims=[Counter() for _ in played],
            deliveries=[Counter() for _ in played],
        )
        self._kept: Counter[tuple[int, str, Verdict]] = Counter()
        self._zero_ns = played[0].start_ns
        self._canary = replace(bench.groups[0], addresses=frozenset((CANARY_ADDRESS.packed,)))
        self._groups = {address: g.name for g in bench.groups for address in g.addresses}
        self._kernels = [
            (
                port,
                Kernel(
                    machine=port.machine,
                    interface=port.interface,
                    mac=port.mac,
                    own=port.own,
                    is_master=partial(self._is_master, port.machine),
                    learns_all=not port.is_host,
                ),
            )
            for port in ports.values()
        ]

    def _is_master(self, machine: str, address: bytes, time_ns: int) -> bool:
        group = self._groups.get(address)
        return group is not None and self._bench.is_master(group, machine, time_ns)

    def _event_at(self, time_ns: int) -> int:
        return max(0, bisect_right(self._starts, time_ns) - 1)

    def probe(self, time_ns: int, port: Port, seen: EchoRequest) -> None:
        """Count a probe that was handed to a machine."""
        if seen.ethernet_source == self._prober_mac:
            place = (str(ip_address(seen.address)), port.machine)
            self.heard.deliveries[self._event_at(time_ns)][place] += 1

    def claim(self, time_ns: int, port: Port, frame: bytes, claim: Claim) -> None:
        """Judge and count a claim, and let the kernels hear it."""
        if claim.address == CANARY_ADDRESS.packed:
            verdict = self._bench.verdict(self._canary, port.machine, time_ns, claim)
            self.heard.canaries += verdict is Verdict.WRONG_MAC
            return
        if claim.kind in ARP_KINDS:
            self._let_hear(time_ns, port, frame, claim)
        group = self._bench.group_concerned(port.network, claim)
        if group is None:
            return
        event = self._event_at(time_ns)
        verdict = self._bench.verdict(group, port.machine, time_ns, claim)
        key = (group.name, port.machine, claim.kind, claim.ethernet_source, verdict)
        self.heard.claims[event][key] += 1
        if claim.kind is not Kind.TRAFFIC:
            bins = self.heard.density.setdefault((group.name, port.machine, verdict), Counter())
            bins[(time_ns - self._zero_ns) // BIN_NS] += 1
        if verdict is not Verdict.RIGHT:
            self._keep(time_ns, event, port, group, claim, verdict)

    def _keep(
        self,
        time_ns: int,
        event: int,
        port: Port,
        group: Group,
        claim: Claim,
        verdict: Verdict,
    ) -> None:
        """Keep one that is not right, unless there are many already."""
        inner = claim.payload_mac.hex(":") if claim.payload_mac else ""
        self.heard.first_wrong.setdefault(
            (event, claim.kind is Kind.TRAFFIC),
            f"{verdict.value}: {claim.kind.value} by host {port.machine}"
            f" from {claim.ethernet_source.hex(':')}" + (f", inside {inner}" if inner else ""),
        )
        place = (event, group.name, verdict)
        self._kept[place] += 1
        if self._kept[place] > KEPT_CLAIMS or len(self.heard.wrong_claims) >= KEPT_IN_ALL:
            return
        self.heard.wrong_claims.append(
            SeenClaim(
                at_s=round((time_ns - self._zero_ns) / 1e9, 6),
                event=event + 1,
                group=group.name,
                host=port.machine,
                port=port.port,
                kind=claim.kind.value,
                address=str(ip_address(claim.address)),
                mac=claim.ethernet_source.hex(":"),
                inner_mac=inner,
                verdict=verdict.value,
            )
        )

    def _let_hear(self, time_ns: int, port: Port, frame: bytes, claim: Claim) -> None:
        for other, kernel in self._kernels:
            if other is port:
                kernel.sent(time_ns, claim)
            elif other.network == port.network:
                said = kernel.heard(time_ns, frame, claim)
                if said is not None:
                    self._note(said)

    def _note(self, said: Said) -> None:
        messages = self.heard.messages
        if messages and (messages[-1][0].machine, messages[-1][0].text) == (
            said.machine,
            said.text,
        ):
            messages[-1] = (messages[-1][0], messages[-1][1] + 1)
        elif len(messages) < KEPT_MESSAGES:
            messages.append((said, 1))
