"""One stay of an instance in one state: all that must be forgotten when the state changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from carpio.core.announcer import Announcer
from carpio.core.model import Nanoseconds, State
from carpio.core.table import AT_ONCE, Trigger
from carpio.wire.constants import Family

__all__ = ["Takeover", "Tenure"]


class Takeover(NamedTuple):
    """A takeover that waits for its turn."""

    at: Nanoseconds
    trigger: Trigger
    family: Family


@dataclass(slots=True)
class Tenure:
    """The state, how it came about, and its deadlines."""

    state: State
    since: Nanoseconds
    reason: str = ""
    announcements: tuple[Nanoseconds, ...] = AT_ONCE
    advertise_at: Nanoseconds | None = None
    """In MASTER only."""
    announcer: Announcer | None = None
    """In MASTER only, from the moment the addresses serve."""
    master_down: dict[Family, Nanoseconds] = field(default_factory=dict)
    """In BACKUP only, one entry for each family of the addresses."""
    takeover: Takeover | None = None
    """In BACKUP only."""

    def due(self) -> Nanoseconds | None:
        """Return the earliest deadline."""
        due = self.advertise_at
        if due is None:
            for at in self.master_down.values():  # `min` takes three times as long
                if due is None or at < due:
                    due = at
            other = None if self.takeover is None else self.takeover.at
        else:
            other = None if self.announcer is None else self.announcer.due
        return due if other is None or (due is not None and due < other) else other
