"""The exploration of `Economy`, of many states at a time: their numbers in arrays of NumPy.

What hosts can do comes from the same tables; here it is looked up for thousands of states in one
step, and what comes of all of them is sorted to see what is known. What is known, and what is
better, is decided as there. Only that something is broken is found here: how it came to it is told
by `Economy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from carpio.sim.complaints import Complaints
from carpio.sim.costs import Costs
from carpio.sim.economy import Economy
from carpio.sim.horizon import Horizon, Progress, Result
from carpio.sim.known import Columns, Flags, Known, joined
from carpio.sim.places import NEVER, PLACE_BITS, places_of
from carpio.sim.premises import Bounds
from carpio.sim.reaction import Host
from carpio.sim.tables import COUNT, FIELD, PLACE, HostTables, Ints, Row, Table, ints

__all__ = ["Bulk", "is_for"]

_MOST_HOSTS: Final = 3
"""Whose places have room in the name of a state."""
_ROLE_BITS: Final = 20
_STATES_AT_ONCE: Final = 1 << 16


class _Broken(Exception):
    """Something is."""


def is_for(hosts: int, horizon: Horizon) -> bool:
    """Return whether so many hosts, so far, fit into the numbers of an array."""
    return hosts <= _MOST_HOSTS and max(horizon.deadlines, horizon.faults) <= COUNT


class Bulk:
    """One exploration."""

    def __init__(self, hosts: Sequence[Host], horizon: Horizon) -> None:
        """`hosts` and `horizon`: see `is_for`."""
        self._hosts = hosts
        self._horizon = horizon
        self._lateness = horizon.lateness
        bounds = Bounds.of([host.group for host in hosts])
        self._wrong = Complaints(bounds).of
        costs = Costs(len(hosts), horizon)
        self._faults_at = FIELD * len(hosts)
        self._tables = [
            HostTables(number, places, costs, faults_at=self._faults_at)
            for number, places in enumerate(places_of(hosts, horizon, costs, echo=bounds.echo))
        ]
        self._complaints = Table(2, self._complaint)
        self._shifts = range(0, PLACE_BITS * len(hosts), PLACE_BITS)
        self._deadlines_at = range(0, FIELD * len(hosts), FIELD)
        self._rests = 1 << (self._faults_at + FIELD)
        self._guard = sum(1 << (at + FIELD - 1) for at in range(0, FIELD * (len(hosts) + 2), FIELD))
        self._room = (
            sum(horizon.deadlines << at for at in self._deadlines_at)
            + (horizon.faults << self._faults_at)
            + self._rests
            + self._guard
        )
        self._known = Known(self._guard)
        self._found: list[Columns] = []
        self._waiting: list[list[Columns]] = [
            [] for _ in range((horizon.deadlines * len(hosts) + 1) * (horizon.faults + 1))
        ]
        self._transitions = 0

    def run(self, progress: Progress) -> Result:
        """Search until nothing is left or something is broken."""
        booted = sum(tables.places.booted().at for tables in self._tables)
        self._found.append((ints([booted]), ints([0]), ints([0])))
        self._sort_out()
        depth = 0
        try:
            for number, states in enumerate(self._waiting):
                deadlines, faults = divmod(number, self._horizon.faults + 1)
                while states:
                    some = joined(states)
                    states.clear()
                    for few in _parts(some):
                        best = self._known.best(*few)
                        depth = deadlines if len(best[0]) else depth
                        self._explore(*best, self._horizon.faults - faults)
                        self._sort_out()
                        left = sum(len(names) for names, _, _ in states)
                        progress(self._known.names, self._transitions, left)
        except _Broken:
            result = Economy(self._hosts, self._horizon, remembers=True).run(progress)
            if not result.broken:
                raise AssertionError(
                    "in bulk something is broken, and one by one it is not"
                ) from None
            return result
        return Result(
            hosts=len(self._hosts),
            states=self._known.names,
            transitions=self._transitions,
            depth=depth,
            together=self._count_together(),
            questions=sum(host.asked for host in self._hosts),
        )

    def _count_together(self) -> int:
        together = np.empty(0, np.int64)
        for names in self._known.each_name(_STATES_AT_ONCE):
            places = self._of_names(names)
            waits = np.zeros(len(names), np.bool_)
            for is_next, _due in self._next(places):
                waits |= is_next
            of_all = np.zeros(int(waits.sum()), np.int64)
            for shift, tables, numbers in zip(self._shifts, self._tables, places, strict=True):
                of_all |= tables.stances(numbers[waits]) << shift
            together = np.unique(np.concatenate((together, of_all)))
        return len(together)

    def _of_names(self, names: Ints) -> list[Ints]:
        """Return for each host the numbers of its places."""
        return [names >> shift & PLACE for shift in self._shifts]

    def _is_within(self, costs: Ints) -> Flags:
        is_within: Flags = (self._room - costs) & self._guard == self._guard
        return is_within

    # -- what can happen -----------------------------------------------------------------------

    def _explore(self, names: Ints, costs: Ints, since: Ints, faults: int) -> None:
        """Go to what comes of these states, in which as many faults may begin."""
        is_resting = (costs & self._rests) != 0
        costs = costs & ~self._rests
        self._pass(self._of_names(names[is_resting]), costs[is_resting], since[is_resting])
        awake = ~is_resting
        names, costs, since = names[awake], costs[awake], since[awake]
        places = self._of_names(names)
        for number, tables in enumerate(self._tables):
            rows, calls = tables.calls.of(places[number] | faults << PLACE_BITS)
            self._call(number, calls, [one[rows] for one in places], costs[rows], since[rows])

        each: Columns = (np.zeros(len(names), np.int64), costs + self._rests, since)
        rows = np.arange(len(names))
        for tables, numbers in zip(self._tables, places, strict=True):
            more, choices = tables.rests.of(numbers[rows] | faults << PLACE_BITS)
            kept, each = self._chosen(each, more, choices)
            rows = rows[more][kept]
        self._found.append(each)

        can_wait = np.ones(len(names), np.bool_)
        for tables, numbers in zip(self._tables, places, strict=True):
            can_wait &= (tables.dues(numbers) > 0) & (tables.patience(numbers) > 0)
        self._pass([one[can_wait] for one in places], costs[can_wait], since[can_wait])

    def _chosen(self, begun: Columns, rows: Ints, choices: Ints) -> tuple[Flags, Columns]:
        """Let one more host take each of its choices; return which may be, and what comes of it."""
        names, costs, since = begun
        costs = costs[rows] + choices[1]
        kept = self._is_within(costs)
        names = (names[rows] | choices[0])[kept]
        return kept, (names, costs[kept], np.maximum(since[rows], choices[2])[kept])

    def _call(self, number: int, calls: Ints, places: list[Ints], costs: Ints, since: Ints) -> None:
        """Go to what comes of it when one host does what others notice."""
        at, more, later, sayings, broken = calls
        costs = costs + more
        kept = self._is_within(costs)
        places = [one[kept] for one in places]
        sayings, broken, costs = sayings[kept], broken[kept], costs[kept]
        each: Columns = (at[kept], costs, np.maximum(since, later)[kept])
        faults = self._horizon.faults - (costs >> self._faults_at & COUNT)
        heard = faults << PLACE_BITS | sayings << (PLACE_BITS + FIELD)
        rows = np.arange(len(costs))
        for to, tables in enumerate(self._tables):
            if to != number:
                more, choices = tables.heard.of((places[to] | heard)[rows])
                kept, each = self._chosen(each, more, choices)
                rows = rows[more][kept]
        if broken[rows].any():
            raise _Broken
        self._found.append(each)

    # -- time ----------------------------------------------------------------------------------

    def _pass(self, places: list[Ints], costs: Ints, since: Ints) -> None:
        """Let time pass to each deadline that can be the next one."""
        _, (is_wrong, bound) = self._complaints.of(self._roles(places))
        for number, (is_next, dues) in enumerate(self._next(places)):
            met = costs + (1 << self._deadlines_at[number])
            is_next &= self._is_within(met)
            due, start = dues[is_next], since[is_next]
            if (is_wrong[is_next].astype(np.bool_) & (due - start > bound[is_next])).any():
                raise _Broken
            later = [
                tables.later.of(one[is_next] | due << PLACE_BITS)[1][0]
                for tables, one in zip(self._tables, places, strict=True)
            ]
            rows, calls = self._tables[number].met.of(later[number])
            self._call(
                number,
                calls,
                [one[rows] for one in later],
                met[is_next][rows],
                (start - due)[rows],
            )

    def _next(self, places: list[Ints]) -> list[tuple[Flags, Ints]]:
        """Return for each host whether it can be the next one to meet its deadline, and when."""
        dues = [tables.dues(one) for tables, one in zip(self._tables, places, strict=True)]
        patience = np.minimum.reduce(
            [tables.patience(one) for tables, one in zip(self._tables, places, strict=True)]
        )
        first = np.minimum.reduce(dues)
        passes = (first > 0) & (first <= patience) & (first != NEVER)
        latest = np.minimum(first + self._lateness, patience)
        return [(passes & (due > self._lateness) & (due <= latest), due) for due in dues]

    # -- complaints ------------------------------------------------------------------------------

    def _roles(self, places: list[Ints]) -> Ints:
        roles = np.zeros(len(places[0]), np.int64)
        for number, (tables, one) in enumerate(zip(self._tables, places, strict=True)):
            roles |= tables.roles(one) << number * _ROLE_BITS
        return roles

    def _complaint(self, roles: int) -> list[Row]:
        mask = (1 << _ROLE_BITS) - 1
        what, bound = self._wrong(
            [
                tables.with_role(roles >> number * _ROLE_BITS & mask)
                for number, tables in enumerate(self._tables)
            ]
        )
        return [(bool(what), bound)]

    # -- what is known ---------------------------------------------------------------------------

    def _sort_out(self) -> None:
        """Keep of what was found what is not known with costs as low: it is to be explored then."""
        names, costs, since = joined(self._found)
        self._found.clear()
        self._transitions += len(names)
        is_past = since < 0
        if is_past.any():
            places = self._of_names(names[is_past])
            _, (is_wrong, _bound) = self._complaints.of(self._roles(places))
            since[is_past] = np.where(is_wrong, since[is_past], 0)
        names, costs, since = self._known.add(names, costs, since)
        deadlines = np.zeros(len(names), np.int64)
        for at in self._deadlines_at:
            deadlines += costs >> at & COUNT
        layers = deadlines * (self._horizon.faults + 1) + (costs >> self._faults_at & COUNT)
        for layer in np.unique(layers).tolist():
            here = layers == layer
            self._waiting[layer].append((names[here], costs[here], since[here]))


def _parts(states: Columns) -> Iterator[Columns]:
    names, costs, since = states
    for start in range(0, len(names), _STATES_AT_ONCE):
        some = slice(start, start + _STATES_AT_ONCE)
        yield names[some], costs[some], since[some]
