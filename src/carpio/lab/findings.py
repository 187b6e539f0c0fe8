"""What the captures and the probes say of each step of a story. Pure.

A *problem* is something that must not be: a wrong claim, the wrong master, an advertisement before
its time, no service at the end, frames that the capture lost. A *remark* is a target of
time that was missed; a busy machine can cause it, so it does not fail a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from carpio.lab.gaps import Gap, ProbeRecord, gap_between
from carpio.lab.judge import CapturedFrame, Judge, Tally
from carpio.lab.roles import Mastership, takeover_limit_ns
from carpio.lab.sighting import Claim, EchoRequest, sight
from carpio.lab.story import ADVSKEW, Played

__all__ = ["LATE_TARGET_MS", "StepFindings", "examine"]

LATE_TARGET_MS: Final = 10.0
"""The next master's first advertisement is due within this after the protocol's limit."""
LEAD_NS: Final = 20_000_000
"""Probes sent so shortly before a step belong to it: they may be on their way when it begins."""
NS_PER_MS: Final = 1e6


@dataclass(slots=True, kw_only=True)
class StepFindings:
    """What one step looked like from the switch and from the client."""

    played: Played
    tally: Tally = field(default_factory=Tally)
    delivered: Counter[str] = field(default_factory=Counter)
    """Probes that the switch handed to each host."""
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    """Gap by probed address."""
    master: str | None = None
    """Who was master at the end."""
    after_limit_ms: float | None = None
    """First advertisement of the new master, counted from the protocol's limit."""
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def examine(
    played: Sequence[Played],
    judge: Judge,
    frames: Iterable[CapturedFrame],
    records: Mapping[str, ProbeRecord],
    router_mac: bytes,
) -> tuple[StepFindings, ...]:
    """Return the findings of each step; `frames` are in order of time."""
    findings = tuple(StepFindings(played=step) for step in played)
    _sort_in(findings, judge, frames, router_mac)
    for found in findings:
        start_ns, end_ns = found.played.start_ns, found.played.end_ns
        if found.played.step.has_service_before:
            found.gaps = {
                address: gap_between(record, start_ns - LEAD_NS, end_ns - LEAD_NS)
                for address, record in records.items()
            }
        mastership = judge.roles.at(end_ns - 1)
        found.master = mastership.host if mastership else None
        found.after_limit_ms = _after_limit_ms(judge.roles.masterships, found.played)
        found.problems = tuple(_problems(found))
        found.remarks = tuple(_remarks(found))
    return findings


def _sort_in(
    findings: Sequence[StepFindings],
    judge: Judge,
    frames: Iterable[CapturedFrame],
    router_mac: bytes,
) -> None:
    """Judge each frame and count it with the step in which it was seen."""
    remaining = iter(findings)
    current = next(remaining)
    for frame in frames:
        while frame.time_ns >= current.played.end_ns:
            following = next(remaining, None)
            if following is None:
                break
            current = following
        seen = sight(frame.data)
        if isinstance(seen, Claim):
            if finding := judge.judge(frame.time_ns, frame.host, seen):
                current.tally.add(finding)
        elif isinstance(seen, EchoRequest) and seen.ethernet_source == router_mac:
            current.delivered[frame.host] += 1


def _after_limit_ms(masterships: Sequence[Mastership], played: Played) -> float | None:
    for old, new in pairwise(masterships):
        if new.host != old.host and played.start_ns <= new.start_ns < played.end_ns:
            limit_ns = takeover_limit_ns(old, ADVSKEW[new.host])
            return None if limit_ns is None else (new.start_ns - limit_ns) / NS_PER_MS
    return None


def _problems(found: StepFindings) -> Iterable[str]:
    expected = found.played.step.master
    if wrong := found.tally.count_wrong():
        yield f"{wrong} wrong claims, the first: {found.tally.wrong_claims[0]}"
    if wrong := found.tally.count_wrong(traffic=True):
        first = found.tally.wrong_traffic[0]
        yield f"{wrong} packets sent from the address wrongly, the first: {first}"
    if found.master != expected:
        yield f"master at the end is {found.master or 'nobody'}, not {expected}"
    if found.after_limit_ms is not None and found.after_limit_ms < 0:
        yield f"{expected} took over {-found.after_limit_ms:.1f} ms before the protocol's limit"
    for address, gap in found.gaps.items():
        if not gap.is_over:
            yield f"{address} does not answer at the end"


def _remarks(found: StepFindings) -> Iterable[str]:
    target_ms = found.played.step.gap_target_ms
    for address, gap in found.gaps.items():
        if target_ms is not None and gap.gap_ns / NS_PER_MS > target_ms:
            pause = f", the prober itself paused {gap.stall_ns / NS_PER_MS:.0f} ms of it"
            yield (
                f"gap of {address} is {gap.gap_ns / NS_PER_MS:.0f} ms, target {target_ms:.0f} ms"
                + (pause if gap.stall_ns > NS_PER_MS else "")
            )
    if found.after_limit_ms is not None and found.after_limit_ms > LATE_TARGET_MS:
        yield (
            f"first advertisement {found.after_limit_ms:.1f} ms after the limit,"
            f" target {LATE_TARGET_MS:.0f} ms"
        )
