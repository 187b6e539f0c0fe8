"""Judges every claim of the group's addresses. Pure: frames in, verdicts out.

A claim is any frame by which a neighbour could come to believe that a MAC has an address: ARP
whose sender is the address (request, reply, gratuitous), a neighbour solicitation sent from it,
duplicate address detection for it, a neighbour advertisement of it. Packets merely sent from the
address are judged in the same way and counted apart (`Kind.TRAFFIC`): the switch learns from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from carpio.lab.roles import HeardAdvert, Roles, masterships
from carpio.lab.sighting import Advert, Claim, Kind, sight, virtual_mac

__all__ = [
    "CapturedFrame",
    "Finding",
    "GroupAddresses",
    "Judge",
    "Tally",
    "Verdict",
    "heard_adverts",
]

JUST_BEFORE_NS: Final = 1_000_000_000
"""A claim this long before its host becomes master came too early; else the host is no master."""
KEPT_FINDINGS: Final = 20


@unique
class Verdict(Enum):
    """What the judge says of a claim."""

    RIGHT = "right"
    WRONG_MAC = "wrong MAC"
    NOT_MASTER = "right MAC, not master"
    BEFORE_FIRST_ADVERT = "before first advert"
    REVERSE_LIE = "reverse lie"
    """A virtual MAC that speaks for an address which is not of its group."""


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A frame as it came into the switch from `host`."""

    time_ns: int
    host: str
    data: bytes


@dataclass(frozen=True, slots=True)
class GroupAddresses:
    """A vhid and its addresses, packed."""

    vhid: int
    addresses: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged claim."""

    time_ns: int
    host: str
    claim: Claim
    verdict: Verdict

    def __str__(self) -> str:
        inside = f", inside {self.claim.payload_mac.hex(':')}" if self.claim.payload_mac else ""
        return (
            f"{self.verdict.value}: {self.claim.kind.value} by host {self.host}"
            f" from {self.claim.ethernet_source.hex(':')}{inside}"
        )


@dataclass(slots=True)
class Tally:
    """Counts of judged claims, and the first findings that are not right."""

    counts: Counter[tuple[str, Kind, bytes, Verdict]] = field(default_factory=Counter)
    wrong_claims: list[Finding] = field(default_factory=list)
    wrong_traffic: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count one more."""
        claim = finding.claim
        self.counts[finding.host, claim.kind, claim.ethernet_source, finding.verdict] += 1
        kept = self.wrong_traffic if claim.kind is Kind.TRAFFIC else self.wrong_claims
        if finding.verdict is not Verdict.RIGHT and len(kept) < KEPT_FINDINGS:
            kept.append(finding)

    def count(self, *verdicts: Verdict, traffic: bool = False) -> int:
        """Return how many claims (or, if asked, other packets) got one of the verdicts."""
        return sum(
            number
            for (_, kind, _, verdict), number in self.counts.items()
            if verdict in verdicts and (kind is Kind.TRAFFIC) == traffic
        )

    def count_wrong(self, *, traffic: bool = False) -> int:
        """Return how many claims (or packets) are not right."""
        return self.count(*(set(Verdict) - {Verdict.RIGHT}), traffic=traffic)

    def speakers(self) -> Mapping[tuple[str, bytes], int]:
        """Return the number of claims by (host, Ethernet source)."""
        found: Counter[tuple[str, bytes]] = Counter()
        for (host, kind, mac, verdict), number in self.counts.items():
            if kind is not Kind.TRAFFIC and verdict is not Verdict.REVERSE_LIE:
                found[host, mac] += number
        return found


def heard_adverts(frames: Iterable[CapturedFrame], vhid: int) -> Iterator[HeardAdvert]:
    """Yield the advertisements of a vhid among `frames`."""
    for frame in frames:
        seen = sight(frame.data)
        if isinstance(seen, Advert) and seen.vhid == vhid and not seen.is_vrrp:
            yield HeardAdvert(frame.time_ns, frame.host, seen)


class Judge:
    """Judges claims of one group against the role time line of its adverts (ordered by time)."""

    def __init__(self, group: GroupAddresses, adverts: Iterable[HeardAdvert]) -> None:
        self.group = group
        self.mac = virtual_mac(group.vhid)
        self.roles = Roles(masterships(adverts))

    def judge(self, time_ns: int, host: str, claim: Claim) -> Finding | None:
        """Judge a claim that came into the switch from `host`; None if it concerns others."""
        if not self.concerns(claim):
            return None
        return Finding(time_ns, host, claim, self.verdict(time_ns, host, claim))

    def concerns(self, claim: Claim) -> bool:
        """Whether the claim is for our addresses, or by our virtual MAC for another."""
        if claim.address in self.group.addresses:
            return True
        uses_mac = self.mac in (claim.ethernet_source, claim.payload_mac)
        return uses_mac and claim.kind is not Kind.TRAFFIC

    def verdict(self, time_ns: int, host: str, claim: Claim) -> Verdict:
        """Judge one claim that concerns the group."""
        if claim.address not in self.group.addresses:
            return Verdict.REVERSE_LIE
        if claim.ethernet_source != self.mac or claim.payload_mac not in (None, self.mac):
            return Verdict.WRONG_MAC
        if self.roles.is_master(host, time_ns):
            return Verdict.RIGHT
        start_ns = self.roles.next_start_ns(host, time_ns)
        if start_ns is not None and start_ns - time_ns <= JUST_BEFORE_NS:
            return Verdict.BEFORE_FIRST_ADVERT
        return Verdict.NOT_MASTER
