"""How far an exploration looks, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from carpio.sim.reaction import FAULTS, Act

__all__ = ["Horizon", "Progress", "Result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far to look. Times are in nanoseconds."""

    deadlines: int = 6
    """Of each host."""
    faults: int = 2
    """Begun in all; that they end is not counted."""
    losses: int | None = None
    """Adverts that can be lost, each for one host; None: any number. They are no faults."""
    kinds: tuple[Act, ...] = FAULTS
    """Of faults."""
    lateness: int = 20_000_000
    """Deadlines within this time are met in any order: longer than the turns after a bow-out."""
    delay: int = 500_000_000
    """An advert takes at most so long.

    0: it arrives before time passes, its sender says more, or a fault of its hearer begins or ends;
    what is due at the same moment is done before it arrives, or after.
    """
    is_frugal: bool = False
    """Of orders that come to the same explore only one."""

    @property
    def has_losses(self) -> bool:
        """Whether an advert can be lost."""
        return self.losses != 0

    @classmethod
    def of(cls, hosts: int) -> Horizon:
        """Return what can be explored in minutes with so many hosts."""
        if hosts < 3:
            return cls()
        return cls(delay=0, is_frugal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found."""

    hosts: int
    states: int
    transitions: int
    depth: int
    """Steps of the longest of the shortest ways; if it was frugal, deadlines of all hosts."""
    together: int
    """Different ones of what the hosts are when time can pass, whatever is on its way."""
    questions: int
    """Different ones that were put to the engine."""
    broken: str = ""
    way: tuple[str, ...] = ()
    """How to come there, step by step."""


Progress: TypeAlias = Callable[[int, int, int], None]
"""Told of states, transitions, and states that wait."""
