"""The demotion number of a host: a sum of named shares (spec 10)."""

from __future__ import annotations

from carpio.core.model import DemotionCause

__all__ = ["DemotionLedger"]


class DemotionLedger:
    """Remembers who added how much, so that taking back is exact.

    A share that comes to 0 is forgotten. The total may be negative.
    """

    __slots__ = ("_shares", "_total")

    def __init__(self) -> None:
        self._shares: dict[str, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """The demotion number."""
        return self._total

    def add(self, cause: str, delta: int) -> None:
        """Add `delta`, which may be negative, to the share of `cause`."""
        share = self._shares.pop(cause, 0) + delta
        if share:
            self._shares[cause] = share
        self._total += delta

    def clear(self, cause: str) -> int:
        """Take back the share of `cause`; return the change of the total."""
        share = self._shares.pop(cause, 0)
        self._total -= share
        return -share

    def holds(self, cause: str) -> bool:
        """Tell whether `cause` has a share."""
        return cause in self._shares

    def causes(self) -> tuple[DemotionCause, ...]:
        """Return the shares, the one changed last at the end."""
        return tuple(DemotionCause(cause, value) for cause, value in self._shares.items())
