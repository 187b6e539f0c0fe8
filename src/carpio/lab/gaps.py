"""Gaps of service, from what a client sent and what was answered. Pure.

Definition: the gap of an event is the longest distance between the send times of two
probes that were answered with at least one unanswered probe between them. With no probe
unanswered it is one probe interval, the floor (1 ms at 1 kHz): nothing shorter can be
told. A pause of the prober itself is not a gap of service: it has no unanswered probe in it; a
pause within a gap is reported beside it, as the time by which the gap may be too long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["ANSWER_LIMIT_NS", "Gap", "ProbeRecord", "gap_between", "lateness_percentiles"]

ANSWER_LIMIT_NS: Final = 100_000_000
"""An answer later than this does not count as one."""


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """Send and answer times of the probes to one address, in ns since 1970; 0: unanswered."""

    sent: Sequence[int]
    answered: Sequence[int]
    interval_ns: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a client saw around an event."""

    gap_ns: int
    stall_ns: int
    """The longest pause of the prober within the gap, beyond its interval."""
    probes: int
    lost: int
    is_over: bool
    """Whether a probe was answered after the last unanswered one."""


def gap_between(record: ProbeRecord, start_ns: int, end_ns: int) -> Gap:
    """Return the longest gap among the probes sent in [start_ns, end_ns)."""
    first = bisect_left(record.sent, start_ns)
    last = bisect_left(record.sent, end_ns)
    gap_ns = record.interval_ns
    stall_ns = lost = 0
    run: list[int] = []
    previous = start_ns
    for index in range(first, last):
        if not _is_answered(record, index):
            run.append(record.sent[index])
            lost += 1
            continue
        if run and record.sent[index] - previous > gap_ns:
            gap_ns = record.sent[index] - previous
            stall_ns = _longest_pause((previous, *run, record.sent[index])) - record.interval_ns
        previous = record.sent[index]
        run = []
    if run and end_ns - previous > gap_ns:
        gap_ns, stall_ns = end_ns - previous, 0
    return Gap(
        gap_ns=gap_ns,
        stall_ns=max(0, stall_ns),
        probes=max(0, last - first),
        lost=lost,
        is_over=not run,
    )


def lateness_percentiles(record: ProbeRecord) -> tuple[int, int, int]:
    """Return median, 99th percentile and maximum of the prober's pauses beyond its interval."""
    pauses = sorted(
        max(0, later - earlier - record.interval_ns) for earlier, later in pairwise(record.sent)
    )
    if not pauses:
        return (0, 0, 0)
    return pauses[len(pauses) // 2], pauses[len(pauses) * 99 // 100], pauses[-1]


def _is_answered(record: ProbeRecord, index: int) -> bool:
    answered = record.answered[index]
    return answered != 0 and answered - record.sent[index] <= ANSWER_LIMIT_NS


def _longest_pause(times: Sequence[int]) -> int:
    return max(later - earlier for earlier, later in pairwise(times))
