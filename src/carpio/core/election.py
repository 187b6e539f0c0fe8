"""Who is the better master: intervals, ranks, and the judgement of an advertisement.

All arithmetic is in integer nanoseconds: 1/256 s is exactly 3 906 250 ns, so the order of
intervals is exact. The BSDs truncate to microseconds; different skews stay different and
equal ones equal, so both come to the same verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from carpio.core.model import Nanoseconds, effective_advskew
from carpio.core.table import Trigger

__all__ = ["Rank", "interval", "judge", "master_down_time", "turn_delay"]

_BETTER: Final = Trigger.ADVERTISEMENT_BETTER
_SECOND: Final = 1_000_000_000
_SKEW_UNIT: Final = _SECOND // 256
_TURN: Final = 15_000_000
"""Stretch over which the BACKUPs of a group spread themselves after a bow-out."""


@dataclass(frozen=True, slots=True)
class Rank:
    """What the election compares: our side of it."""

    interval: Nanoseconds
    """Our advertisement interval with the effective advskew."""
    patience: Nanoseconds
    """An advertised interval beyond this one lets us time out first."""
    preempt: bool
    advskew: int
    """The effective one, as advertised."""

    @classmethod
    def of(cls, advbase: int, advskew: int, demotion: int, *, preempt: bool) -> Rank:
        """Return the rank under `demotion` (spec 5.3, 10)."""
        skew = effective_advskew(advskew, demotion)
        return cls(interval(advbase, skew), interval(3 * advbase, skew), preempt, skew)


def interval(advbase: int, advskew: int) -> Nanoseconds:
    """Return advbase + advskew/256 s."""
    return Nanoseconds(advbase * _SECOND + advskew * _SKEW_UNIT)


def master_down_time(advbase: int, advskew: int) -> Nanoseconds:
    """Return how long a BACKUP listens in vain; `advskew` is the *configured* one (spec 6.1)."""
    return interval(3 * advbase, advskew)


def turn_delay(advskew: int) -> Nanoseconds:
    """Return how long a BACKUP of effective `advskew` lets better ones go first."""
    return Nanoseconds(advskew * _TURN // 256)


def judge(theirs: Nanoseconds, rank: Rank) -> Trigger:
    """Return what an advertisement of the interval `theirs` means to us (spec 5.3)."""
    if theirs <= rank.interval:
        return _BETTER
    leaving = theirs > rank.patience
    if rank.preempt:
        return Trigger.PREEMPT_LEAVING if leaving else Trigger.PREEMPT_LIVING
    return Trigger.WILL_TIME_OUT if leaving else Trigger.ADVERTISEMENT_WORSE
