"""When a master that serves announces its addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from carpio.core.model import Nanoseconds

__all__ = ["Announcer"]

_AGAIN_AFTER: Final = (1, 5)
"""Advertisements after which everything is said once more."""
_RIVAL_SPEAKS: Final = 30_000_000
"""Longest time after an advertisement in which a rival announces (20 ms), and some more."""
_CONTRADICTIONS: Final = 4
"""Most announcements against rivals from one of our advertisements to the next."""


class Announcer:
    """The announcements of one mastership, from the moment the addresses serve.

    Who hears a rival contradicts it at once, since its advertisement has turned the switches to
    it, and again when it has said what may follow. What it says until it hears our next
    advertisement is contradicted after that one.
    """

    __slots__ = ("_advertisements", "_against", "_at", "_has_rival", "_left")

    def __init__(self, delays: Iterable[Nanoseconds], now: Nanoseconds) -> None:
        self._at = [Nanoseconds(now + delay) for delay in delays]
        self._against: list[Nanoseconds] = []
        self._has_rival = False
        self._left = _CONTRADICTIONS
        self._advertisements = 0

    @property
    def due(self) -> Nanoseconds | None:
        """When to announce next, as far as it is known."""
        at = self._at[0] if self._at else None
        if not self._against:
            return at
        against = self._against[0]
        return against if at is None or against < at else at

    def start_again(self, now: Nanoseconds) -> None:
        """Announce with the advertisement of this moment, and repeat as after a takeover."""
        self._advertisements = -1
        self._at = [now]

    def note_advertisement(self, now: Nanoseconds) -> None:
        """Count an advertisement; some of them are followed by announcements."""
        self._advertisements += 1
        if self._advertisements in _AGAIN_AFTER:
            self._at.insert(0, now)
        self._left = _CONTRADICTIONS
        if self._has_rival:
            self._has_rival = False
            self._against = [Nanoseconds(now + _RIVAL_SPEAKS)]

    def note_rival(self, now: Nanoseconds) -> None:
        """Contradict somebody else."""
        self._has_rival = True
        if self._left:
            self._against = [now, Nanoseconds(now + _RIVAL_SPEAKS)]

    def take(self, now: Nanoseconds) -> bool:
        """Tell whether to announce now; one announcement does for all that are due."""
        due = self.due
        if due is None or due > now:
            return False
        self._at = [at for at in self._at if at > now]
        if self._against and self._against[0] <= now:
            self._left -= 1
            self._against = [at for at in self._against if at > now] if self._left else []
        return True
