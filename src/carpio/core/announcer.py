"""When a master that serves announces its addresses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from carpio.core.model import Nanoseconds

__all__ = ["Announcer"]

_AGAIN_AFTER: Final = (1, 5)
"""Advertisements after which everything is said once more."""
_RIVAL_SPEAKS: Final = 30_000_000
"""Longest time after its advertisement in which a rival announces (20 ms), and some more."""
_SECOND: Final = 1_000_000_000
_CONTRADICTIONS: Final = 5
"""Most announcements against rivals in any second."""


class Announcer:
    """The announcements of one mastership, from the moment the addresses serve."""

    __slots__ = ("_advertisements", "_against", "_at", "_contradicted")

    def __init__(self, delays: Iterable[Nanoseconds], now: Nanoseconds) -> None:
        self._at = [Nanoseconds(now + delay) for delay in delays]
        self._against: list[Nanoseconds] = []
        self._contradicted: deque[Nanoseconds] = deque(maxlen=_CONTRADICTIONS)
        self._advertisements = 0

    @property
    def due(self) -> Nanoseconds | None:
        """When to announce next, as far as it is known."""
        at = self._at[0] if self._at else None
        if not self._against:
            return at
        against = self._permitted(self._against[0])
        return against if at is None or against < at else at

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
        """Contradict somebody else at once, and again when he has said what he had to say.

        His advertisement has turned the switches to him; announcements may follow it.
        """
        self._against = [now, Nanoseconds(now + _RIVAL_SPEAKS)]

    def take(self, now: Nanoseconds) -> bool:
        """Tell whether to announce now; one announcement does for all that are due."""
        due = self.due
        if due is None or due > now:
            return False
        self._at = [at for at in self._at if at > now]
        if self._against and self._against[0] <= now:
            self._against = [at for at in self._against if at > now]
            self._contradicted.append(now)
        return True

    def _permitted(self, at: Nanoseconds) -> Nanoseconds:
        made = self._contradicted
        if len(made) < _CONTRADICTIONS:
            return at
        return max(at, Nanoseconds(made[0] + _SECOND))
