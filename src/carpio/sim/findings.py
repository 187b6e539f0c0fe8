"""What a run can find: broken invariants, and what went wrong because a premise did not hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

__all__ = ["Finding", "Findings", "Kind"]

_KEPT: Final = 200
"""Findings that are told apart; more of them are only counted."""


@unique
class Kind(Enum):
    """What is wrong; the value is its name for people and programs."""

    WRONG_MAC = "wrong MAC"
    REVERSE_LIE = "virtual MAC for another address"
    NOT_MASTER = "right MAC, not master"
    BEFORE_FIRST_ADVERT = "claim before the first advert"
    CACHE = "client believes a wrong MAC"
    AT_BACKUP = "traffic at a host that is not master"
    MISLED = "switch leads to a host that is not master"
    TWO_MASTERS = "two masters"
    NO_MASTER = "no master"
    NOT_THE_BEST = "master is not the best host"
    DEMOTION = "demotion did not return"
    ENGINE = "engine"


@dataclass(slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, as often as it happened."""

    kind: Kind
    group: str
    host: str
    first: int
    """Nanoseconds from the beginning of the run."""
    last: int
    count: int = 1
    cause: str = ""
    """The premise that did not hold; empty: an invariant is broken."""
    evidence: str = ""

    @property
    def is_violation(self) -> bool:
        """Whether it must never happen."""
        return not self.cause


class Findings:
    """All findings of a run, equal ones told once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, str, str, str], Finding] = {}
        self.uncounted = 0

    def add(
        self, kind: Kind, now: int, *, group: str, host: str, cause: str = "", evidence: str = ""
    ) -> None:
        """Note one occurrence."""
        place = (kind, group, host, cause)
        known = self._known.get(place)
        if known is not None:
            known.last, known.count = now, known.count + 1
        elif len(self._known) < _KEPT:
            self._known[place] = Finding(
                kind=kind,
                group=group,
                host=host,
                first=now,
                last=now,
                cause=cause,
                evidence=evidence,
            )
        else:
            self.uncounted += 1

    def all(self) -> list[Finding]:
        """Return them, the first to happen first."""
        return sorted(self._known.values(), key=lambda one: one.first)

    def violations(self) -> list[Finding]:
        """Return those that must never happen."""
        return [one for one in self.all() if one.is_violation]
