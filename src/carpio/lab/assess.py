"""From what was observed of a run to its result. Pure, but for reading the captures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from carpio.lab.belief import Learnt, Moved, router_table
from carpio.lab.court import Bench, Docket, Group, group_of
from carpio.lab.gaps import ANSWER_LIMIT_NS, ProbeRecord
from carpio.lab.hearing import BIN_NS, Heard, Port, apart_by_events, hear
from carpio.lab.outcomes import Findings, conclude
from carpio.lab.result import (
    CapturedPort,
    ClaimDensity,
    Configuration,
    Event,
    ForwardingChange,
    Message,
    NeighbourChange,
    Observers,
    Outcome,
    Proof,
    Result,
    Role,
    ScenarioFacts,
    SeenAdvert,
    Silence,
    Topology,
    Transfer,
)
from carpio.lab.scenario import Scenario
from carpio.lab.stage import Played

__all__ = ["Evidence", "Port", "assess"]

SILENCE_NS: Final = 5_000_000
CENTISECOND_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was observed of a run."""

    scenario: Scenario
    facts: ScenarioFacts
    topology: Topology
    is_vrrp: bool
    played: tuple[Played, ...]
    started_ns: Mapping[str, list[int]]
    ports: Mapping[str, Port]
    files: Mapping[str, Path]
    records: Mapping[str, ProbeRecord]
    prober_mac: bytes
    moves: tuple[Moved, ...]
    learnt: tuple[Learnt, ...]
    bridges: Mapping[str, str]
    """Switch by bridge."""
    versions: Mapping[str, str]
    configurations: tuple[Configuration, ...]
    captures: tuple[CapturedPort, ...]
    capture_file: str
    canaries_sent: int
    transfers: tuple[Transfer, ...]
    observers: Observers


def assess(evidence: Evidence) -> Result:
    """Judge a run."""
    return _Assessment(evidence).result()


class _Assessment:
    """One run."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._zero_ns = evidence.played[0].start_ns
        self._end_ns = evidence.played[-1].end_ns
        self._groups = _groups(evidence)
        docket = Docket(self._groups, is_vrrp=evidence.is_vrrp)
        self._heard: Heard = hear(
            evidence.files, evidence.ports, self._groups, docket, evidence.played,
            evidence.prober_mac,
        )  # fmt: skip
        self._adverts = docket.adverts
        self._bench: Bench = self._heard.bench

    def result(self) -> Result:
        evidence = self._evidence
        neighbours = tuple(self._neighbours())
        findings = Findings(
            groups=self._groups,
            bench=self._bench,
            adverts=self._adverts,
            heard=self._heard,
            records=evidence.records,
            neighbours=neighbours,
            started_ns=evidence.started_ns,
            is_apart=apart_by_events(evidence.played),
            zero_ns=self._zero_ns,
        )
        events = tuple(
            conclude(findings, played, number) for number, played in enumerate(evidence.played, 1)
        )
        proof = Proof(sent=evidence.canaries_sent, seen=self._heard.canaries)
        doubts = tuple(self._doubts(proof))
        problems = (*_told(events, "problems"), *self._other_problems())
        return Result(
            outcome=Outcome.WRONG if problems else Outcome.UNPROVED if doubts else Outcome.RIGHT,
            scenario=evidence.facts,
            started=datetime.fromtimestamp(self._zero_ns / 1e9, UTC).isoformat(),
            started_ns=self._zero_ns,
            duration_s=self._seconds(self._end_ns),
            versions=dict(evidence.versions),
            topology=evidence.topology,
            events=events,
            problems=(*problems, *doubts),
            remarks=(*_told(events, "remarks"), *self._other_remarks()),
            roles=tuple(self._roles()),
            adverts=tuple(self._seen_adverts()),
            wrong_claims=tuple(self._heard.wrong_claims),
            claim_density=tuple(self._claim_density()),
            silences=tuple(self._silences()),
            forwarding=tuple(self._forwarding()),
            neighbours=neighbours,
            router_table=self._router_table(),
            messages=tuple(self._messages()),
            transfers=evidence.transfers,
            captures=evidence.captures,
            capture_file=evidence.capture_file,
            configurations=evidence.configurations,
            commands=tuple(self._commands()),
            proof=proof,
            observers=evidence.observers,
        )

    def _seconds(self, time_ns: int) -> float:
        return round((time_ns - self._zero_ns) / 1e9, 6)

    def _doubts(self, proof: Proof) -> Iterable[str]:
        """Yield why the absence of wrong claims would prove nothing."""
        if lost := sum(port.dropped for port in self._evidence.captures):
            yield f"the captures lost {lost} frames: nothing is proved"
        if proof.seen != proof.sent or not proof.sent:
            yield (
                f"of {proof.sent} forged claims the judge saw {proof.seen}, must be all:"
                " nothing is proved"
            )

    def _other_problems(self) -> Iterable[str]:
        for transfer in self._evidence.transfers:
            if not transfer.is_complete:
                yield f"the TCP transfer {transfer.server} to {transfer.client} broke off"

    def _other_remarks(self) -> Iterable[str]:
        if refused := self._evidence.observers.neighbours_refused:
            yield (
                f"this kernel had no room for a neighbour {refused:,} times, and hosts did not"
                " answer those who were refused; run fewer labs at once, or raise"
                " net.ipv4.neigh.default.gc_thresh3 and the same of ipv6"
            )

    def _roles(self) -> Iterable[Role]:
        for group, found in self._bench.masterships.items():
            for one in found:
                is_open = one.ended_at_ns > self._end_ns
                yield Role(
                    group=group,
                    host=one.host,
                    start_s=self._seconds(one.start_ns),
                    end_s=self._seconds(min(one.ended_at_ns, self._end_ns)),
                    ending="end of run" if is_open else one.ending.value,
                )

    def _seen_adverts(self) -> Iterable[SeenAdvert]:
        for group, heard in self._adverts.items():
            for one in heard:
                yield SeenAdvert(
                    at_s=self._seconds(one.time_ns),
                    group=group,
                    host=one.host,
                    family=one.advert.family.value,
                    protocol="VRRP" if one.advert.is_vrrp else "CARP",
                    interval_s=float(one.advert.advbase),
                    skew=one.advert.advskew,
                    mac=one.advert.ethernet_source.hex(":"),
                    is_bow_out=one.advert.is_bow_out,
                )

    def _claim_density(self) -> Iterable[ClaimDensity]:
        for (group, host, verdict), counter in self._heard.density.items():
            bins = sorted(counter)
            yield ClaimDensity(
                group=group,
                host=host,
                verdict=verdict.value,
                bin_s=BIN_NS / 1e9,
                bins=tuple(bins),
                counts=tuple(counter[number] for number in bins),
            )

    def _silences(self) -> Iterable[Silence]:
        for address, record in self._evidence.records.items():
            start, lost = 0, 0
            previous = record.sent[0] if record.sent else 0
            for sent, answered in zip(record.sent, record.answered, strict=True):
                if answered and answered - sent <= ANSWER_LIMIT_NS:
                    if lost and sent - start > SILENCE_NS:
                        yield self._silence(address, start, sent, lost)
                    previous, lost = sent, 0
                else:
                    start = start if lost else previous
                    lost += 1
            if lost:
                yield self._silence(address, start, self._end_ns, lost)

    def _silence(self, address: str, start_ns: int, end_ns: int, lost: int) -> Silence:
        return Silence(
            address=address,
            start_s=self._seconds(start_ns),
            end_s=self._seconds(end_ns),
            lost=lost,
        )

    def _forwarding(self) -> Iterable[ForwardingChange]:
        for move in self._evidence.moves:
            yield ForwardingChange(
                at_s=self._seconds(move.time_ns),
                switch=self._evidence.bridges.get(move.bridge, move.bridge),
                mac=move.mac,
                port=move.port,
            )

    def _neighbours(self) -> Iterable[NeighbourChange]:
        by_address = {address: group for group in self._groups for address in group.addresses}
        for one in self._evidence.learnt:
            packed = ip_address(one.address).packed
            group = by_address.get(packed)
            is_right = not one.mac or group is None or one.mac == group.mac_for(packed).hex(":")
            yield NeighbourChange(
                at_s=self._seconds(one.time_ns),
                machine=one.machine,
                interface=one.interface,
                address=one.address,
                mac=one.mac,
                is_right=is_right,
            )

    def _router_table(self) -> str:
        entries: dict[tuple[str, str], tuple[str, int]] = {}
        first = next((one.machine for one in self._evidence.learnt), "")
        for one in self._evidence.learnt:
            if one.machine == first:
                entries.pop((one.interface, one.address), None)
                if one.mac:
                    entries[one.interface, one.address] = (one.mac, one.time_ns)
        return router_table(entries, self._end_ns)

    def _messages(self) -> Iterable[Message]:
        for said, count in self._heard.messages:
            yield Message(
                at_s=self._seconds(said.time_ns),
                machine=said.machine,
                text=said.text,
                count=count,
            )

    def _commands(self) -> Iterable[str]:
        yield self._evidence.facts.command
        if self._evidence.capture_file:
            file = self._evidence.capture_file
            yield f"tcpdump -n -e -tttt -r {file} arp or icmp6 or proto 112"
            yield f"carpio decode {file}"


def _groups(evidence: Evidence) -> tuple[Group, ...]:
    """Return the groups with every address that any host has for them."""
    extra = {name: one.addresses for name, one in evidence.scenario.overrides.items()}
    return tuple(
        group_of(
            group.vhid,
            group.network,
            (
                *group.addresses,
                *(address for host in group.advskews for address in extra.get(host, ())),
            ),
            is_vrrp=evidence.is_vrrp,
        )
        for group in evidence.scenario.plan.groups
    )


def _told(events: Iterable[Event], what: str) -> tuple[str, ...]:
    return tuple(f"{event.title}: {text}" for event in events for text in getattr(event, what))
