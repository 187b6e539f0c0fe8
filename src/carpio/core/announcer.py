"""When a master that serves announces its addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from carpio.core.model import Nanoseconds

__all__ = ["Announcer"]

_AGAIN_AFTER: Final = (1, 5)
"""Advertisements after which everything is said once more."""
_PAUSE: Final = 200_000_000
"""Least time between an announcement and one against a rival: 5 per second."""


class Announcer:
    """The announcements of one mastership, from the moment the addresses serve."""

    __slots__ = ("_advertisements", "_at", "_last")

    def __init__(self, delays: Iterable[Nanoseconds], now: Nanoseconds) -> None:
        self._at = [Nanoseconds(now + delay) for delay in delays]
        self._last: Nanoseconds | None = None
        self._advertisements = 0

    @property
    def due(self) -> Nanoseconds | None:
        """When to announce next, as far as it is known."""
        return self._at[0] if self._at else None

    def start_again(self, now: Nanoseconds) -> None:
        """Announce with the advertisement of this moment, and repeat as after a takeover."""
        self._advertisements = -1
        self._at = [now]

    def note_advertisement(self, now: Nanoseconds) -> None:
        """Count an advertisement; some of them are followed by an announcement."""
        self._advertisements += 1
        if self._advertisements in _AGAIN_AFTER:
            self._at.insert(0, now)

    def note_rival(self, now: Nanoseconds) -> None:
        """Contradict somebody else who may have claimed the addresses."""
        at = now if self._last is None else Nanoseconds(max(now, self._last + _PAUSE))
        if not self._at or at < self._at[0]:
            self._at.insert(0, at)

    def take(self, now: Nanoseconds) -> bool:
        """Tell whether to announce now; one announcement does for all that are due."""
        if not self._at or self._at[0] > now:
            return False
        self._at = [at for at in self._at if at > now]
        self._last = now
        return True
