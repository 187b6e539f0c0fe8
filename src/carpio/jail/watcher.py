"""Waits until a jail has no processes, then becomes the one who ends it (vanish.py).

A program of its own, which imports next to nothing because it may wait for months. Started with the
cgroup of the processes, and what vanish.py wants to know.
"""

from __future__ import annotations

import os
import select
import sys

__all__ = ["main"]


def main(argv: list[str]) -> None:
    """Wait, and become vanish.py; never returns while there are processes."""
    cgroup, *about = argv
    events = os.open(f"{cgroup}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    poll = select.poll()
    poll.register(events, select.POLLPRI)
    while b"populated 1" in os.pread(events, 4096, 0):
        poll.poll()
    # os is all that this file may need: the rest of carpio is found by a complete Python.
    os.execv(sys.executable, [sys.executable, "-m", "carpio.jail.vanish", *about])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
