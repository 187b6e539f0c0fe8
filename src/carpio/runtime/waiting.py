"""Where the process waits, and how it wakes in time."""

from __future__ import annotations

import contextlib
import gc
import os
import select
from collections.abc import Sequence
from pathlib import Path

__all__ = ["be_punctual", "wait"]

_FD_SETSIZE = 1024
"""select(2) knows descriptors below this."""
_PRIORITY = 10
"""Of real-time scheduling (sched(7), 1 to 99): over all ordinary work, under the kernel's own."""


def wait(readers: Sequence[int], writers: Sequence[int], timeout: int | None) -> set[int]:
    """Wait up to `timeout` nanoseconds (None: for ever); return the descriptors that are ready.

    No descriptor is in both lists.

    select(2) counts microseconds, poll(2) whole milliseconds: it serves only where select cannot,
    and then wakes up to 1 ms late, never early.
    """
    if max([*readers, *writers]) < _FD_SETSIZE:
        seconds = None if timeout is None else timeout / 1e9
        readable, writable, _ = select.select(readers, writers, [], seconds)
        return {*readable, *writable}
    poll = select.poll()
    for descriptor in readers:
        poll.register(descriptor, select.POLLIN)
    for descriptor in writers:
        poll.register(descriptor, select.POLLOUT)
    milliseconds = None if timeout is None else -(-timeout // 1_000_000)
    return {descriptor for descriptor, _events in poll.poll(milliseconds)}


def be_punctual() -> None:
    """Ask for exact wake-ups before anything else that runs; leave alone what was built.

    Wishes, all of them: without CAP_SYS_NICE, or where real-time scheduling is not to be had,
    the daemon works, and is late when the machine is busy. Only this thread, no child process.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text("1")
    with contextlib.suppress(OSError):
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(_PRIORITY))
