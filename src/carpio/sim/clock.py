"""The monotonic clock of a machine: it drifts, and stands still while the machine is frozen.

World time is integer nanoseconds from the beginning of the run; no node ever sees it.
"""

from __future__ import annotations

from typing import Final

from carpio.core.model import Nanoseconds

__all__ = ["MachineClock"]

_MILLION: Final = 1_000_000


class MachineClock:
    """Turns world time into the time of one machine and back."""

    __slots__ = ("_at", "_is_frozen", "_local", "_ppm")

    def __init__(self, start: int) -> None:
        """`start`: what it shows when the world begins."""
        self._at = 0
        self._local = start
        self._ppm = 0
        self._is_frozen = False

    def local(self, now: int) -> Nanoseconds:
        """Return what the clock shows at `now`, which must not go back."""
        if self._is_frozen:
            return Nanoseconds(self._local)
        passed = now - self._at
        if self._ppm:
            passed += passed * self._ppm // _MILLION
        return Nanoseconds(self._local + passed)

    def when(self, local: Nanoseconds) -> int:
        """Return the first moment of the world at which it shows `local`, if it goes on as now."""
        missing = local - self._local
        if missing <= 0:
            return self._at
        if not self._ppm:
            return self._at + missing
        passed = missing * _MILLION // (_MILLION + self._ppm)
        while passed + passed * self._ppm // _MILLION < missing:
            passed += 1
        return self._at + passed

    def drift(self, ppm: int, now: int) -> None:
        """Gain `ppm` millionths from now on."""
        self._local, self._at = self.local(now), now
        self._ppm = ppm

    def freeze(self, now: int) -> None:
        """Stand still until `thaw`."""
        self._local, self._at = self.local(now), now
        self._is_frozen = True

    def thaw(self, now: int) -> None:
        """Go on from where it stood."""
        self._at = now
        self._is_frozen = False
