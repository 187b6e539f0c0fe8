"""What one host can do, by the numbers of its places, in arrays of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carpio.sim.costs import Cost, Costs
from carpio.sim.places import PLACE_BITS, Call, Choice, Place, Places
from carpio.sim.stance import Stance

__all__ = ["COUNT", "FIELD", "PLACE", "HostTables", "Ints", "Row", "Table", "ints"]

Ints: TypeAlias = NDArray[np.int64]
Row: TypeAlias = tuple[int, ...]

PLACE: Final = (1 << PLACE_BITS) - 1
"""The bits of a place."""
FIELD: Final = 6
"""Bits of a count in a cost, one of them free."""
COUNT: Final = (1 << (FIELD - 1)) - 1
"""The bits of a count, which is also the highest one."""


def ints(values: Sequence[int]) -> Ints:
    """Return an array of these."""
    return np.array(values, np.int64)


class Table:
    """Rows of numbers for each of many keys; they are reckoned when they are first asked for."""

    def __init__(self, columns: int, reckon: Callable[[int], Sequence[Row]]) -> None:
        self._reckon = reckon
        self._numbers: dict[int, int] = {}
        self._starts = _Column()
        self._counts = _Column()
        self._columns = [_Column() for _ in range(columns)]

    def of(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return all rows of each key, by columns, and to which one of the keys each belongs."""
        different, which = np.unique(keys, return_inverse=True)
        numbers = ints([self._number(key) for key in different.tolist()])[which]
        counts = self._counts.all[numbers]
        rows = np.repeat(np.arange(len(keys)), counts)
        before = np.cumsum(counts) - counts
        at = np.arange(len(rows)) + np.repeat(self._starts.all[numbers] - before, counts)
        return rows, np.array([column.all[at] for column in self._columns], np.int64)

    def _number(self, key: int) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            rows = self._reckon(key)
            self._starts.extend([len(self._columns[0])])
            self._counts.extend([len(rows)])
            if rows:
                for column, values in zip(self._columns, zip(*rows, strict=True), strict=True):
                    column.extend(values)
        return number


class _Column:
    """Numbers, of which there can be more and more."""

    def __init__(self) -> None:
        self.all: Ints = np.zeros(64, np.int64)
        """And room for more behind them."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, values: Sequence[int]) -> None:
        """Append these."""
        size = self._size + len(values)
        if size > len(self.all):
            room: Ints = np.zeros(2 * size, np.int64)
            room[: self._size] = self.all[: self._size]
            self.all = room
        self.all[self._size : size] = values
        self._size = size


class HostTables:
    """What one host can do and is, by the numbers of its places."""

    def __init__(self, number: int, places: Places, costs: Costs, *, faults_at: int) -> None:
        self.places = places
        self._costs = costs
        self._deadlines_at = number * FIELD
        self._faults_at = faults_at
        self._shift = number * PLACE_BITS
        self.calls = Table(5, self._calls)
        self.rests = Table(3, self._rests)
        self.heard = Table(3, self._heard)
        self.met = Table(5, self._met)
        self.later = Table(1, self._later)
        self._properties = [_Column() for _ in range(4)]
        self._roles: dict[int, Stance] = {}
        self._stances: dict[Stance, int] = {}

    def dues(self, numbers: Ints) -> Ints:
        """Return how long until the deadlines of these places."""
        return self._property(0, numbers)

    def patience(self, numbers: Ints) -> Ints:
        """Return how long adverts on their way to these places take at most."""
        return self._property(1, numbers)

    def roles(self, numbers: Ints) -> Ints:
        """Return a number for all on which complaints depend."""
        return self._property(2, numbers)

    def stances(self, numbers: Ints) -> Ints:
        """Return a number of the stance of each place."""
        return self._property(3, numbers)

    def with_role(self, role: int) -> Stance:
        """Return some stance of this role."""
        return self._roles[role]

    def _property(self, which: int, numbers: Ints) -> Ints:
        new = self.places.all[len(self._properties[0]) :]
        if new:
            for place in new:
                self._roles.setdefault(place.stance.role, place.stance)
            stances = [self._stances.setdefault(one.stance, len(self._stances)) for one in new]
            rows = (
                [one.due for one in new],
                [one.patience for one in new],
                [one.stance.role for one in new],
                stances,
            )
            for column, values in zip(self._properties, rows, strict=True):
                column.extend(values)
        return self._properties[which].all[numbers]

    def _of_key(self, key: int) -> tuple[Place, int]:
        """Return the place, and how many faults may begin."""
        return self.places.all[key & PLACE], key >> PLACE_BITS & COUNT

    def _calls(self, key: int) -> list[Row]:
        return [self._call(call) for call in self.places.courses(*self._of_key(key)).calls]

    def _rests(self, key: int) -> list[Row]:
        return [self._choice(choice) for choice in self.places.courses(*self._of_key(key)).rests]

    def _heard(self, key: int) -> list[Row]:
        place, faults = self._of_key(key)
        heard = self.places.hears(place, key >> (PLACE_BITS + FIELD), faults)
        return [self._choice(choice) for choice in heard]

    def _met(self, number: int) -> list[Row]:
        return [self._call(call) for call in self.places.met(self.places.all[number])]

    def _later(self, key: int) -> list[Row]:
        later = self.places.later(self.places.all[key & PLACE], key >> PLACE_BITS)
        return [(later.at >> self._shift,)]

    def _choice(self, choice: Choice) -> Row:
        return choice.at, self._cost(choice.cost), choice.since

    def _call(self, call: Call) -> Row:
        return call.at, self._cost(call.cost), call.since, call.saying, bool(call.broken)

    def _cost(self, cost: Cost) -> int:
        met, begun = self._costs.deadlines(cost), self._costs.faults(cost)
        return met << self._deadlines_at | begun << self._faults_at
