"""What came of each event: masters, takeovers, gaps, claims, problems, remarks. Pure.

A *problem* is something that must not be: a wrong claim, a claim by a host that is not master, the
wrong master, a takeover before the protocol's limit, no answer at the end, a neighbour that came
to believe a wrong MAC, an implementation that ended by itself. A *remark* is a target of time that
was missed; a busy machine can cause it, so it does not make a run wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from carpio.lab.court import Bench, Group, Verdict
from carpio.lab.gaps import Gap, ProbeRecord, gap_between
from carpio.lab.hearing import Heard
from carpio.lab.result import (
    ClaimCount,
    Delivery,
    Event,
    GapSeen,
    GroupOutcome,
    NeighbourChange,
)
from carpio.lab.roles import Ending, HeardAdvert, Mastership
from carpio.lab.sighting import Kind
from carpio.lab.stage import Played
from carpio.lab.views import Apart, takeover_limit_before

__all__ = ["Findings", "conclude"]

LATE_TARGET_MS: Final = 10.0
"""The next master's first advertisement is due within this after the protocol's limit."""
RELEARN_MS: Final = 20.0
"""What a gap may be longer than the protocol's limit: announcing and learning."""
LEAD_NS: Final = 20_000_000
"""Probes sent so shortly before an event belong to it: they may be on their way when it begins."""
NS_PER_MS: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is known of the whole run."""

    groups: Sequence[Group]
    bench: Bench
    adverts: Mapping[str, Sequence[HeardAdvert]]
    heard: Heard
    records: Mapping[str, ProbeRecord]
    neighbours: Sequence[NeighbourChange]
    started_ns: Mapping[str, Sequence[int]]
    is_apart: Apart
    zero_ns: int


def conclude(findings: Findings, played: Played, number: int) -> Event:
    """Return what came of the `number`th event, from 1."""
    takeovers = {group.name: _takeover(findings, group, played) for group in findings.groups}
    event = Event(
        number=number,
        title=played.event.title,
        actions=tuple(action.text for action in played.event.actions),
        start_s=_seconds(findings, played.start_ns),
        end_s=_seconds(findings, played.end_ns),
        outcomes=tuple(
            _outcome(findings, group, played, takeovers[group.name]) for group in findings.groups
        ),
        gaps=tuple(_gaps(findings, played, takeovers)),
        claims=tuple(
            ClaimCount(
                group=group,
                host=host,
                kind=kind.value,
                mac=mac.hex(":"),
                verdict=verdict.value,
                count=count,
            )
            for (group, host, kind, mac, verdict), count in sorted(
                findings.heard.claims[number - 1].items(),
                key=lambda item: (item[0][0], item[0][1], item[0][2].value, item[0][3]),
            )
        ),
        deliveries=tuple(
            Delivery(address=address, machine=machine, count=count)
            for (address, machine), count in sorted(findings.heard.deliveries[number - 1].items())
        ),
    )
    return replace(
        event,
        problems=tuple(_problems(findings, event, played)),
        remarks=tuple(_remarks(findings, event, played)),
    )


@dataclass(frozen=True, slots=True)
class _Takeover:
    """A host that became master during an event, and when it might at the earliest."""

    new: Mastership
    limit_ns: int | None
    is_after_silence: bool


def _takeover(findings: Findings, group: Group, played: Played) -> _Takeover | None:
    before = findings.bench.masters_at(group.name, played.start_ns)
    new = [
        one
        for one in findings.bench.masterships[group.name]
        if played.start_ns <= one.start_ns < played.end_ns and one.host not in before
    ]
    if not new:
        return None
    last = new[-1]
    ended = [
        one.ending
        for one in findings.bench.masterships[group.name]
        if one.host != last.host and one.start_ns < last.start_ns
    ]
    silence = bool(ended) and ended[-1] is Ending.EXPIRED
    return _Takeover(last, _limit_ns(findings, group, last), silence)


def _limit_ns(findings: Findings, group: Group, new: Mastership) -> int | None:
    starts = [at for at in findings.started_ns.get(new.host, ()) if at <= new.start_ns]
    adverts = findings.adverts[group.name]
    return takeover_limit_before(new, adverts, findings.is_apart, starts[-1] if starts else 0)


def _outcome(
    findings: Findings, group: Group, played: Played, takeover: _Takeover | None
) -> GroupOutcome:
    after_ms = None
    if takeover is not None and takeover.limit_ns is not None:
        after_ms = (takeover.new.start_ns - takeover.limit_ns) / NS_PER_MS
    return GroupOutcome(
        group=group.name,
        expected=played.event.masters,
        masters=findings.bench.masters_at(group.name, played.end_ns - 1),
        took_over=takeover.new.host if takeover else "",
        after_limit_ms=after_ms,
    )


def _gaps(
    findings: Findings, played: Played, takeovers: Mapping[str, _Takeover | None]
) -> Iterable[GapSeen]:
    if not played.event.has_service_before:
        return
    names = {address: group.name for group in findings.groups for address in group.addresses}
    for address, record in findings.records.items():
        gap = gap_between(record, played.start_ns - LEAD_NS, played.end_ns - LEAD_NS)
        takeover = takeovers.get(names.get(ip_address(address).packed, ""))
        yield _gap_seen(address, gap, played, takeover)


def _gap_seen(address: str, gap: Gap, played: Played, takeover: _Takeover | None) -> GapSeen:
    limit_ms, is_protocols = played.event.gap_ms, False
    if limit_ms is None and takeover and takeover.limit_ns and takeover.is_after_silence:
        limit_ms = (takeover.limit_ns - played.start_ns) / NS_PER_MS + RELEARN_MS
        is_protocols = True
    return GapSeen(
        address=address,
        gap_ms=gap.gap_ns / NS_PER_MS,
        limit_ms=limit_ms,
        is_protocols_limit=is_protocols,
        prober_paused_ms=gap.stall_ns / NS_PER_MS,
        probes=gap.probes,
        lost=gap.lost,
        is_over=gap.is_over,
    )


def _problems(findings: Findings, event: Event, played: Played) -> Iterable[str]:
    yield from played.problems
    yield from _lies(findings, event, is_traffic=False)
    if not played.event.known:
        yield from _lies(findings, event, is_traffic=True)
    yield from _wrong_masters(event)
    for group in findings.groups:
        yield from _early(findings, group, played)
    for gap in event.gaps:
        if not gap.is_over and played.event.masters:
            lost = f"{gap.lost:,} of {gap.probes:,} probes lost"
            yield f"{gap.address} ({lost}) does not answer at the end"
    believed = {
        (change.machine, change.address, change.mac)
        for change in findings.neighbours
        if not change.is_right and event.start_s <= change.at_s < event.end_s
    }
    for machine, address, mac in sorted(believed):
        yield f"{machine} came to believe that {address} is at {mac}"


def _lies(findings: Findings, event: Event, *, is_traffic: bool) -> Iterable[str]:
    counts: dict[str, int] = {}
    for claim in event.claims:
        is_wrong = claim.verdict != Verdict.RIGHT.value
        if is_wrong and (claim.kind == Kind.TRAFFIC.value) == is_traffic:
            counts[claim.verdict] = counts.get(claim.verdict, 0) + claim.count
    if counts:
        what = "packets sent wrongly" if is_traffic else "wrong claims"
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        first = findings.heard.first_wrong[event.number - 1, is_traffic]
        yield f"{sum(counts.values())} {what} ({told}), the first: {first}"


def _wrong_masters(event: Event) -> Iterable[str]:
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for outcome in event.outcomes:
        if sorted(set(outcome.masters)) != sorted(outcome.expected):
            found.setdefault((outcome.masters, outcome.expected), []).append(outcome.group)
    for (masters, expected), groups in found.items():
        yield (f"master of {_some(groups)} at the end is {_and(masters)}, not {_and(expected)}")


def _early(findings: Findings, group: Group, played: Played) -> Iterable[str]:
    """Tell each mastership that began too early, also of a host that had been master before."""
    for one in findings.bench.masterships[group.name]:
        if not played.start_ns <= one.start_ns < played.end_ns:
            continue
        limit_ns = _limit_ns(findings, group, one)
        if limit_ns is not None and one.start_ns < limit_ns:
            early_ms = (limit_ns - one.start_ns) / NS_PER_MS
            yield (
                f"{one.host} took over {group.name} {early_ms:.1f} ms before the protocol's limit"
            )


def _some(groups: Sequence[str]) -> str:
    return groups[0] if len(groups) == 1 else f"{groups[0]} and {len(groups) - 1} more groups"


def _and(hosts: Sequence[str]) -> str:
    return " and ".join(hosts) or "nobody"


def _remarks(findings: Findings, event: Event, played: Played) -> Iterable[str]:
    if played.event.known:
        for lie in _lies(findings, event, is_traffic=True):
            yield f"{lie}; a known window: {played.event.known}"
    for gap in event.gaps:
        if gap.limit_ms is not None and gap.gap_ms > gap.limit_ms:
            kind = "the protocol allows" if gap.is_protocols_limit else "target"
            pause = f", the prober itself paused {gap.prober_paused_ms:.0f} ms of it"
            yield (
                f"gap of {gap.address} is {gap.gap_ms:.0f} ms, {kind} {gap.limit_ms:.0f} ms"
                + (pause if gap.prober_paused_ms > 1 else "")
            )
    late = [
        outcome
        for outcome in event.outcomes
        if outcome.after_limit_ms is not None and outcome.after_limit_ms > LATE_TARGET_MS
    ]
    if late:
        worst = max(late, key=lambda outcome: outcome.after_limit_ms or 0.0)
        yield (
            f"first advertisement of {worst.took_over} for {worst.group} {worst.after_limit_ms:.1f}"
            f" ms after the limit, target {LATE_TARGET_MS:.0f} ms"
        )


def _seconds(findings: Findings, time_ns: int) -> float:
    return round((time_ns - findings.zero_ns) / 1e9, 6)
