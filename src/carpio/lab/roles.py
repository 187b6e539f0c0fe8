"""Masterships: how they begin and end with advertisements, and who was master at a time. Pure.

A mastership begins with a host's first advertisement that is no bow-out. It ends with
- its own bow-out, or
- an advertisement that deposes it (the grace of 5 ms covers its way and the step down; an
  advertisement of the deposed host within that grace has merely crossed and changes nothing), or
- 3 x advbase after its own last advertisement, the earliest moment at which a peer may
  take over: the dead-man must have silenced it by then.
Which advertisement deposes a host is told in `views`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from carpio.lab.sighting import Advert
from carpio.wire.constants import Family

__all__ = [
    "GRACE_NS",
    "Ending",
    "HeardAdvert",
    "Mastership",
    "Roles",
    "begun",
    "continued",
    "ended",
]

SECOND: Final = 1_000_000_000
GRACE_NS: Final = 5_000_000
DOWN_FACTOR: Final = 3
SKEW_NS: Final = SECOND // 256
BOW_OUT_WAIT_NS: Final = 15_000_000
"""After a bow-out a BACKUP waits advskew/256 of this (docs/explanation; our own rule)."""


@unique
class Ending(Enum):
    """Why a mastership ended."""

    DEPOSED = "another host advertised"
    BOW_OUT = "bow-out"
    EXPIRED = "silent"


@dataclass(frozen=True, slots=True)
class HeardAdvert:
    """An advertisement as it came into the switch from `host`."""

    time_ns: int
    host: str
    advert: Advert


@dataclass(frozen=True, slots=True, kw_only=True)
class Mastership:
    """A host's time as master; it may claim the addresses in [start_ns, end_ns]."""

    host: str
    start_ns: int
    end_ns: int
    ending: Ending
    ended_at_ns: int
    """When the ending was seen; `end_ns` includes the grace."""
    advbase: int
    last_heard: Mapping[Family, int] = field(default_factory=lambda: MappingProxyType({}))
    """Time of its last advertisement by family."""

    @property
    def expiry_ns(self) -> int:
        """When a peer may take over at the earliest."""
        return max(self.last_heard.values()) + DOWN_FACTOR * self.advbase * SECOND


def begun(heard: HeardAdvert) -> Mastership:
    """Return a mastership that begins with an advert, and lasts until it is ended."""
    return Mastership(
        host=heard.host,
        start_ns=heard.time_ns,
        end_ns=0,
        ending=Ending.EXPIRED,
        ended_at_ns=0,
        advbase=heard.advert.advbase,
        last_heard=MappingProxyType({heard.advert.family: heard.time_ns}),
    )


def continued(current: Mastership, heard: HeardAdvert) -> Mastership:
    """Return it with one more advert."""
    last_heard = {**current.last_heard, heard.advert.family: heard.time_ns}
    return replace(current, advbase=heard.advert.advbase, last_heard=MappingProxyType(last_heard))


def ended(current: Mastership, ending: Ending, at_ns: int) -> Mastership:
    """Return it with its end; whoever is deposed has a moment to hear of it."""
    grace_ns = GRACE_NS if ending is Ending.DEPOSED else 0
    end_ns = min(at_ns + grace_ns, current.expiry_ns)
    return replace(current, end_ns=end_ns, ending=ending, ended_at_ns=at_ns)


class Roles:
    """Answers whether a host was master at a time."""

    def __init__(self, all_masterships: Sequence[Mastership]) -> None:
        self.masterships = tuple(all_masterships)
        by_host: dict[str, list[Mastership]] = {}
        for mastership in self.masterships:
            by_host.setdefault(mastership.host, []).append(mastership)
        self._by_host = by_host
        self._starts = {
            host: [mastership.start_ns for mastership in own] for host, own in by_host.items()
        }

    def is_master(self, host: str, time_ns: int) -> bool:
        """Whether `host` may claim the addresses at that time."""
        place = bisect_right(self._starts.get(host, ()), time_ns) - 1
        return place >= 0 and time_ns <= self._by_host[host][place].end_ns

    def next_start_ns(self, host: str, time_ns: int) -> int | None:
        """Return when `host` next becomes master after that time."""
        starts = self._starts.get(host, [])
        place = bisect_right(starts, time_ns)
        return starts[place] if place < len(starts) else None
