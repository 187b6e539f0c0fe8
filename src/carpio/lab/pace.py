"""Keeping a schedule in a process of its own: what prober and flooder share."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["keep_pace"]

GIVE_UP_NS: Final = 20_000_000
"""Ticks missed by more than this are left out, not made up for."""


def keep_pace(interval_ns: int, tick: Callable[[], None], greeting: str) -> int:
    """Call `tick` every interval until SIGTERM; return the ticks that were left out.

    Prints `greeting` when a SIGTERM would be heard.

    Runs with real-time priority where the system allows it, without garbage collection.
    """
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print(greeting, flush=True)
    skipped = 0
    due = time.monotonic_ns()
    while not stopping:
        tick()
        due += interval_ns
        wait_ns = due - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        elif wait_ns < -GIVE_UP_NS:
            missed = -wait_ns // interval_ns
            skipped += missed
            due += missed * interval_ns
    return skipped
