"""What an exploration with arrays of NumPy knows: states, with the lowest costs to come to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carpio.sim.tables import Ints

__all__ = ["Columns", "Flags", "Known", "joined"]

Flags: TypeAlias = NDArray[np.bool_]
Columns: TypeAlias = tuple[Ints, Ints, Ints]
"""Names, costs, and since when a complaint counts, of as many states."""

_RATIO: Final = 4
"""What is known is kept in sorted runs, each at least so many times longer than the next one."""


class Known:
    """States with the lowest costs that came up, and some that proved not to be the lowest."""

    def __init__(self, guard: int) -> None:
        self._guard = guard
        self._runs: list[Columns] = []
        self.names = 0
        """How many different ones there are."""

    def best(self, names: Ints, costs: Ints, since: Ints) -> Columns:
        """Return those to which no better way came since they were added."""
        is_worse = np.zeros(len(names), np.bool_)
        for run in self._runs:
            mine, its = _meetings(names, run[0])
            is_less = (run[1][its] != costs[mine]) | (run[2][its] != since[mine])
            is_less &= self._is_as_low(run, its, (names, costs, since), mine)
            is_worse[mine[is_less]] = True
        return names[~is_worse], costs[~is_worse], since[~is_worse]

    def add(self, names: Ints, costs: Ints, since: Ints) -> Columns:
        """Add those that are not known with costs as low; return them."""
        order = np.lexsort((since, costs, names))
        states = self._without_worse((names[order], costs[order], since[order]))
        is_known = np.zeros(len(states[0]), np.bool_)
        is_worse = np.zeros(len(states[0]), np.bool_)
        for run in self._runs:
            mine, its = _meetings(states[0], run[0])
            is_known[mine] = True
            is_worse[mine[self._is_as_low(run, its, states, mine)]] = True
        self.names += len(np.unique(states[0][~is_known]))
        kept = ~is_worse
        states = (states[0][kept], states[1][kept], states[2][kept])
        if len(states[0]):
            self._keep(states)
        return states

    def each_name(self, at_once: int) -> Iterator[Ints]:
        """Yield all names, each once, so many at once."""
        names = np.unique(np.concatenate([run[0] for run in self._runs]))
        for start in range(0, len(names), at_once):
            yield names[start : start + at_once]

    def _is_as_low(self, ones: Columns, one: Ints, others: Columns, other: Ints) -> Flags:
        """Return which of these have costs as low as their counterparts."""
        left = (others[1][other] | self._guard) - ones[1][one]
        is_as_low: Flags = left & self._guard == self._guard
        is_as_low &= ones[2][one] <= others[2][other]
        return is_as_low

    def _without_worse(self, states: Columns) -> Columns:
        """Leave out states of which another one of the same name costs no more; they are sorted."""
        apart = 1
        while apart < len(states[0]):
            first = np.flatnonzero(states[0][apart:] == states[0][:-apart])
            if not len(first):
                break
            second = first + apart
            is_worse = np.zeros(len(states[0]), np.bool_)
            is_worse[second[self._is_as_low(states, first, states, second)]] = True
            lower = first[self._is_as_low(states, second, states, first) & ~is_worse[second]]
            is_worse[lower] = True
            if is_worse.any():
                kept = ~is_worse
                states = (states[0][kept], states[1][kept], states[2][kept])
                apart = 0
            apart += 1
        return states

    def _keep(self, states: Columns) -> None:
        self._runs.append(states)
        while len(self._runs) > 1 and len(self._runs[-2][0]) < _RATIO * len(self._runs[-1][0]):
            names, costs, since = joined(self._runs[-2:])
            order = np.argsort(names, kind="stable")
            self._runs[-2:] = [(names[order], costs[order], since[order])]


def _meetings(names: Ints, known: Ints) -> tuple[Ints, Ints]:
    """Return where both are equal, each with each; `known` is sorted."""
    start = np.searchsorted(known, names, side="left")
    counts = np.searchsorted(known, names, side="right") - start
    mine = np.repeat(np.arange(len(names)), counts)
    before = np.cumsum(counts) - counts
    its = np.arange(len(mine)) + np.repeat(start - before, counts)
    return mine, its


def joined(states: Sequence[Columns]) -> Columns:
    """Return all of these."""
    names, costs, since = (np.concatenate(column) for column in zip(*states, strict=True))
    return names, costs, since
