"""Which instance is due next, without asking all of them."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carpio.core.instance import Instance
    from carpio.core.model import Nanoseconds

__all__ = ["Schedule"]


class Schedule:
    """A heap of instances by deadline, corrected lazily.

    Each instance has one entry that counts, at or before its real deadline: a deadline that
    moves away (as each advertisement heard does) costs nothing until the entry surfaces.
    """

    __slots__ = ("_heap", "_queued")

    def __init__(self) -> None:
        self._heap: list[tuple[Nanoseconds, int, Instance]] = []
        self._queued: dict[int, Nanoseconds] = {}
        """The time of the entry that counts, by creation."""

    def update(self, instance: Instance) -> None:
        """Take notice that the deadline of `instance` may have changed."""
        due = instance.due
        if due is None:
            return
        order = instance.order
        queued = self._queued.get(order)
        if queued is None or due < queued:
            self._queued[order] = due
            heappush(self._heap, (due, order, instance))

    def awaits(self, instance: Instance) -> bool:
        """Return whether `instance` has a deadline, and an entry that is not later."""
        due, queued = instance.due, self._queued.get(instance.order)
        return due is not None and queued is not None and queued <= due

    def next_deadline(self) -> Nanoseconds | None:
        """Return the earliest deadline, or None."""
        heap = self._heap
        while heap:
            at, order, instance = heap[0]
            if instance.due == at:
                return at
            heappop(heap)
            if self._queued.get(order) == at:  # else the entry that counts is another one
                del self._queued[order]
                self.update(instance)
        return None

    def next_instance(self) -> Instance | None:
        """Return who is due at `next_deadline`."""
        return None if self.next_deadline() is None else self._heap[0][2]

    def pop_due(self, now: Nanoseconds) -> list[Instance]:
        """Return and forget the instances due at `now`, by deadline, then by creation."""
        due: list[Instance] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, order, instance = heappop(heap)
            if self._queued.get(order) != at:  # the entry that counts is another one
                continue
            del self._queued[order]
            if instance.due == at:
                due.append(instance)
            else:
                self.update(instance)
        return due
