"""What it took to come to a state, in one number, so that all of it is compared at once.

Each count has a field of its own with a free bit above it: subtract one cost from another one in
which these bits are set, and those are left above which nothing was too much.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from carpio.sim.horizon import Horizon

__all__ = ["SINCE_MASK", "SINCE_ZERO", "Cost", "Costs"]

Cost: TypeAlias = int
"""Faults, deadlines in all and of each host, whether all rest, and since when a complaint counts.

Without the last one while it may still change.
"""
_FIELD: Final = 12
"""Bits of a count, one of them free."""
_COUNT: Final = (1 << (_FIELD - 1)) - 1
_SINCE_BITS: Final = 48
SINCE_MASK: Final = (1 << _SINCE_BITS) - 1
SINCE_ZERO: Final = 1 << (_SINCE_BITS - 2)
"""Now."""


class Costs:
    """Where each count is, and how much there may be of it."""

    def __init__(self, hosts: int, horizon: Horizon) -> None:
        """`hosts`: how many. Raises ValueError if the horizon is too far for a count."""
        if max(horizon.deadlines * hosts, horizon.faults) > _COUNT:
            raise ValueError(f"more than {_COUNT} deadlines of all hosts, or faults")
        shifts = range(_SINCE_BITS, _SINCE_BITS + _FIELD * (3 + hosts), _FIELD)
        *self._deadline_at, rests_at, self._sum_at, self._faults_at = shifts
        self.guard: Final[Cost] = sum(
            1 << bit for bit in (_SINCE_BITS - 1, *(at + _FIELD - 1 for at in shifts))
        )
        self.rests: Final[Cost] = 1 << rests_at
        """Nothing is done any more before time passes."""
        self.most: Final[Cost] = (
            sum(horizon.deadlines << at for at in self._deadline_at)
            + self.rests
            + (horizon.deadlines * hosts << self._sum_at)
            + (horizon.faults << self._faults_at)
        )
        """All that there may be."""
        self.kept: Final[Cost] = ~(SINCE_MASK | self.rests)
        """Of the cost of a state, what those that come of it have too."""

    def of(self, host: int, deadlines: int, faults: int) -> Cost:
        """Return what it costs that a host meets deadlines, and that faults begin."""
        met = (1 << self._deadline_at[host]) + (1 << self._sum_at)
        return deadlines * met + (faults << self._faults_at)

    def is_as_low(self, one: Cost, other: Cost) -> bool:
        """Return whether nothing of it is more."""
        return (other | self.guard) - one & self.guard == self.guard

    def is_within(self, cost: Cost) -> bool:
        """Return whether it is not too much."""
        return (self.most | self.guard) - cost & self.guard == self.guard

    def deadlines(self, cost: Cost) -> int:
        """Return how many were met, by all hosts."""
        return cost >> self._sum_at & _COUNT

    def faults(self, cost: Cost) -> int:
        """Return how many have begun."""
        return cost >> self._faults_at
