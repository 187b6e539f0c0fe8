"""A second opinion on one wire where everybody hears everybody: stricter than the judge of the lab.

There is one master at a time: a host is master from its first advert that is no bow-out, until its
own bow-out, until any other host's advert that is no bow-out (be that host better or worse), or
until 3 x advbase after its own last one. The verdict on a claim is the court's own.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from carpio.lab.court import Verdict, verdict_of
from carpio.lab.implementation import Group
from carpio.lab.pcap import read_pcap
from carpio.lab.roles import (
    GRACE_NS,
    Ending,
    HeardAdvert,
    Mastership,
    Roles,
    begun,
    continued,
    ended,
)
from carpio.lab.sighting import Advert, Claim, Kind, sight, virtual_mac
from carpio.lab.topology import ROUTER

__all__ = [
    "CapturedFrame",
    "Finding",
    "GroupAddresses",
    "Judge",
    "Tally",
    "heard_adverts",
    "host_frames",
    "masterships",
    "tally_of",
]

KEPT_FINDINGS: Final = 20


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
        self.masterships = masterships(adverts)
        self.roles = Roles(self.masterships)

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
        return verdict_of(
            claim, host, time_ns, addresses=self.group.addresses, mac=self.mac, roles=self.roles
        )


def masterships(adverts: Iterable[HeardAdvert]) -> tuple[Mastership, ...]:
    """Return the masterships of one vhid in order; `adverts` are ordered by time."""
    done: list[Mastership] = []
    current: Mastership | None = None
    for heard in adverts:
        if current is not None and heard.time_ns > current.expiry_ns:
            done.append(ended(current, Ending.EXPIRED, current.expiry_ns))
            current = None
        if heard.advert.is_bow_out:
            if current is not None and heard.host == current.host:
                done.append(ended(current, Ending.BOW_OUT, heard.time_ns))
                current = None
        elif current is None:
            current = begun(heard)
        elif heard.host == current.host:
            current = continued(current, heard)
        elif not _has_crossed(heard, current, done):
            done.append(ended(current, Ending.DEPOSED, heard.time_ns))
            current = begun(heard)
    if current is not None:
        done.append(ended(current, Ending.EXPIRED, current.expiry_ns))
    return tuple(done)


def _has_crossed(heard: HeardAdvert, current: Mastership, done: Sequence[Mastership]) -> bool:
    return bool(
        done
        and done[-1].host == heard.host
        and done[-1].ending is Ending.DEPOSED
        and heard.time_ns - current.start_ns <= GRACE_NS
    )


def host_frames(files: Mapping[str, Path]) -> Iterator[CapturedFrame]:
    """Yield the frames of all hosts (not the router's) in order of time."""
    streams = [_frames_of(host, path) for host, path in files.items() if host != ROUTER]
    return heapq.merge(*streams, key=lambda frame: frame.time_ns)


def _frames_of(host: str, path: Path) -> Iterator[CapturedFrame]:
    return (CapturedFrame(time_ns, host, data) for time_ns, _, data in read_pcap(path))


def judge_of(files: Mapping[str, Path], group: Group) -> Judge:
    """Return the judge of a group who knows its role time line from the captures."""
    addresses = frozenset(address.ip.packed for address in group.addresses)
    heard = heard_adverts(host_frames(files), group.vhid)
    return Judge(GroupAddresses(group.vhid, addresses), heard)


def tally_of(files: Mapping[str, Path], group: Group, from_ns: int = 0) -> Tally:
    """Judge every claim that was captured at or after `from_ns`."""
    judge = judge_of(files, group)
    tally = Tally()
    for frame in host_frames(files):
        seen = sight(frame.data) if frame.time_ns >= from_ns else None
        if isinstance(seen, Claim) and (finding := judge.judge(frame.time_ns, frame.host, seen)):
            tally.add(finding)
    return tally
