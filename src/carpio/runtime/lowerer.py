"""Takes links down in a thread of its own: it costs 7 to 16 ms under a lock of the whole kernel.

Silence never waits for it; it comes from the gate. One link at a time, none during a switch.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from carpio.core.model import InstanceKey
from carpio.runtime.rtnetlink import RouteSocket, set_link_down

__all__ = ["LinkLowerer"]

_PAUSE = 0.05
"""Seconds before each link: what is urgent at a switch is over by then."""


class LinkLowerer:
    """The thread and its queue."""

    def __init__(self, find: Callable[[InstanceKey], tuple[RouteSocket, int] | None]) -> None:
        """`find` returns the link to take down and a socket for it, None if it must stay up now."""
        self._find = find
        self._queue: queue.SimpleQueue[InstanceKey | None] = queue.SimpleQueue()
        self.switching = threading.Lock()
        """Held while links come up, so that none goes down behind its back."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link-down", daemon=True)
        self._thread.start()

    def lower(self, key: InstanceKey) -> None:
        """Take the link of a group down soon."""
        self._queue.put(key)

    def close(self) -> None:
        """Forget what is queued, and end."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (key := self._queue.get()) is not None:
            if self._closing.wait(_PAUSE):
                break
            with self.switching:
                if found := self._find(key):
                    routes, index = found
                    routes.execute([set_link_down(index)])
