"""When exactly one master can be asked for: the premises, and how long after they hold again.

Every pair of hosts delivers adverts of both families both ways, in less than an interval; all
have the same key, addresses and advbase. A fault can take a premise away; then two masters, or
none, are a finding with that cause, not a broken invariant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from carpio.core.election import interval, master_down_time
from carpio.core.model import InstanceConfig

__all__ = ["Bounds", "Premises", "differences"]

SLACK: Final = 1_000_000_000
_MOST_SKEW: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What must have come about this long after the last disturbance, in nanoseconds."""

    two: int
    """Two masters have heard each other."""
    none: int
    """Somebody has taken over."""
    best: int
    """A better host that preempts has taken over."""
    echo: int
    """A lost advert can still make somebody take over."""
    propagation: int
    """The switch knows where the master is."""

    @classmethod
    def of(cls, configs: Iterable[InstanceConfig]) -> Bounds:
        """Return the bounds of a group with these settings."""
        known = list(configs)
        slowest = max(interval(one.advbase, _MOST_SKEW) for one in known)
        down = max(master_down_time(one.advbase, one.advskew) for one in known)
        return cls(
            two=slowest + SLACK,
            none=down + slowest + SLACK,
            best=2 * slowest + SLACK,
            echo=down,
            propagation=50_000_000,
        )


class Premises:
    """The causes that stand against the premises of one group."""

    def __init__(self) -> None:
        self._causes: dict[str, int] = {}
        self.bad_until = 0
        """When the last disturbance ended, its echo included."""
        self.last_cause = "hosts start"
        self.changed_at = 0
        """When the eligible hosts or their ranks changed last."""

    def begin(self, cause: str) -> None:
        """Something stands against a premise."""
        self._causes[cause] = self._causes.get(cause, 0) + 1

    def end(self, cause: str, until: int) -> None:
        """It is gone, and its consequences are at `until`."""
        left = self._causes.pop(cause) - 1
        if left:
            self._causes[cause] = left
        self.disturb(cause, until)

    def disturb(self, cause: str, until: int) -> None:
        """Something happened whose consequences end at `until`."""
        if until >= self.bad_until:
            self.bad_until, self.last_cause = until, cause

    @property
    def hold(self) -> bool:
        """Whether nothing stands against them; `bad_until` may still be to come."""
        return not self._causes

    def cause(self) -> str:
        """Say what stands, or stood last, against them."""
        return ", ".join(self._causes) or self.last_cause


def differences(configs: Iterable[InstanceConfig]) -> list[str]:
    """Say in what the settings of the members of a group differ that must be equal."""
    known = list(configs)
    found = []
    if len({frozenset(a.address for a in one.addresses) for one in known}) > 1:
        found.append("address lists differ")
    if len({one.key for one in known}) > 1:
        found.append("passphrases differ")
    if len({one.advbase for one in known}) > 1:
        found.append("advbase differs")
    return found
