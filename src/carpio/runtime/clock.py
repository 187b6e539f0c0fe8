"""The daemon's clock."""

from __future__ import annotations

import time

from carpio.core.model import Nanoseconds

__all__ = ["MonotonicClock"]


class MonotonicClock:
    """CLOCK_MONOTONIC: a step of the wall clock changes nothing; implements `ports.Clock`."""

    def now(self) -> Nanoseconds:
        """Return nanoseconds; does not advance while the machine is suspended."""
        return Nanoseconds(time.monotonic_ns())
