"""An exploration of all that is different: of orders that come to the same, one.

A state is, for each host, its place: what it is, and which adverts are on their way to it.

While no time passes, what one host does touches another one only by what it says. So of turns that
say nothing, one after the other, each order is as good: only that one is taken in which the hosts
come in theirs. From where a turn of one host led, the ones before it have theirs only
after somebody spoke or time passed.

An advert is lost, copied or comes back when it is sent: later is no different.

A complaint depends on who is master, who could be, the ranks, and whose sends fail. Whatever
changes one of these also says since when a complaint counts, and the latest of that holds, in
whatever order. So complaints are looked at when time passes. A state that is known with no
more deadlines met, no more faults, a complaint since as early and a turn of as early a host, is
known: all that comes of it comes of the other one, and is judged as strictly.

States are explored by the deadlines that all hosts together have met, then by faults, so that
few are explored before it is known that they need not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from carpio.sim.complaints import Complaints, too_long
from carpio.sim.horizon import Horizon, Progress, Result
from carpio.sim.places import NEVER, Place, Places, Turn
from carpio.sim.post import Post
from carpio.sim.premises import Bounds
from carpio.sim.reaction import Host
from carpio.sim.stance import Stance, Stances
from carpio.sim.telling import OnItsWay, told

__all__ = ["Economy"]

_BITS: Final = 21
_MASK: Final = (1 << _BITS) - 1
"""Of the number of a place in the name of a state."""
_FIELD: Final = 12
"""Bits of a count in a cost, one of them free."""
_SINCE_BITS: Final = 48
_SINCE_ZERO: Final = 1 << (_SINCE_BITS - 2)

_SINCE_MASK: Final = (1 << _SINCE_BITS) - 1
_COUNT: Final = (1 << (_FIELD - 1)) - 1
_STATES_TO_TELL: Final = 1_000

Cost: TypeAlias = int
"""Faults, deadlines in all and of each host, and since when a complaint counts, in one number.

Each in a field of its own with a free bit above it, so that all are compared at once.
"""
Known: TypeAlias = dict[int, Cost | tuple[Cost, ...]]
"""The lowest costs of what has a name; no tuple when it is only one."""
Move: TypeAlias = tuple[int, str, OnItsWay | int | None]
"""For people: what a host did, and the advert, or how much time passed before."""


class _Broken(Exception):
    """Something is; `moves` lead to it from the state that is explored."""

    def __init__(self, what: str, moves: list[Move]) -> None:
        super().__init__(what)
        self.what = what
        self.moves = moves


class Economy:
    """One exploration."""

    def __init__(self, hosts: Sequence[Host], horizon: Horizon, *, remembers: bool = False) -> None:
        """`remembers`: how it came to each state, which takes twice the memory."""
        self._hosts = hosts
        self._horizon = horizon
        self._bounds = Bounds.of([host.group for host in hosts])
        self._wrong = Complaints(self._bounds).of
        self._post = Post(horizon)
        self._places = [
            Places(number, Stances(host), horizon, self._bounds.echo)
            for number, host in enumerate(hosts)
        ]
        self._shifts = range(0, _BITS * len(hosts), _BITS)
        self._known: Known = {}
        self._waiting: list[list[deque[tuple[int, Cost]]]] = [
            [deque() for _ in range(horizon.faults + 1)]
            for _ in range(horizon.deadlines * len(hosts) + 1)
        ]
        self._came: dict[tuple[int, Cost], tuple[int, Cost, list[Move]]] | None = None
        if remembers:
            self._came = {}
        self._now: tuple[int, Cost] = (0, 0)
        self._transitions = 0
        shifts = range(_SINCE_BITS, _SINCE_BITS + _FIELD * (3 + len(hosts)), _FIELD)
        *self._deadline_at, self._turn_at, self._sum_at, self._faults_at = shifts
        guards = [_SINCE_BITS - 1, *(shift + _FIELD - 1 for shift in shifts)]
        self._guard = sum(1 << guard for guard in guards)
        self._met = [(1 << at) + (1 << self._sum_at) for at in self._deadline_at]
        self._kept = ~(_SINCE_MASK | _COUNT << self._turn_at)
        """Of a cost, what stays."""

    def run(self, progress: Progress) -> Result:
        """Search until nothing is left or something is broken."""
        booted = [places.booted() for places in self._places]
        self._is_news(*self._named(booted, 0, 0))
        try:
            for layer in self._waiting:
                for states in layer:
                    self._explore_each(states, progress)
        except _Broken as broken:
            if self._came is None:
                return Economy(self._hosts, self._horizon, remembers=True).run(progress)
            way = [told(*move) for move in (*self._way(), *broken.moves)]
            return self._result(broken.what, tuple(way))
        return self._result("", ())

    def _explore_each(self, states: deque[tuple[int, Cost]], progress: Progress) -> None:
        """Explore states of as many deadlines and faults, also those that are added meanwhile."""
        number = 0
        while states:
            name, cost = self._now = states.popleft()
            number += 1
            if not number % _STATES_TO_TELL:
                progress(len(self._known), self._transitions, len(states))
            known = self._known[name]
            if known == cost or (isinstance(known, tuple) and cost in known):
                self._explore(name, cost)  # no cheaper way to it came meanwhile

    def _result(self, broken: str, way: tuple[str, ...]) -> Result:
        return Result(
            hosts=len(self._hosts),
            states=len(self._known),
            transitions=self._transitions,
            depth=self._now[1] >> self._sum_at & _COUNT,
            together=self._count_together(),
            questions=sum(host.asked for host in self._hosts),
            broken=broken,
            way=way,
        )

    def _count_together(self) -> int:
        numbers: list[dict[Stance, int]] = [{} for _ in self._places]
        stances = [
            [known.setdefault(place.stance, len(known)) for place in places.all]
            for known, places in zip(numbers, self._places, strict=True)
        ]
        together = set()
        for name in self._known:
            of_all = 0
            for known, shift in zip(stances, self._shifts, strict=True):
                of_all |= known[name >> shift & _MASK] << shift
            together.add(of_all)
        return len(together)

    # -- what can happen -----------------------------------------------------------------------

    def _explore(self, name: int, cost: Cost) -> None:
        since = (cost & _SINCE_MASK) - _SINCE_ZERO
        last = cost >> self._turn_at & _COUNT
        cost &= self._kept
        faults = self._horizon.faults - (cost >> self._faults_at)
        places = [
            places.all[name >> shift & _MASK]
            for places, shift in zip(self._places, self._shifts, strict=True)
        ]
        for number, place in enumerate(places):
            for turn in self._places[number].turns(place, has_faults=faults > 0):
                if turn.faults > faults:
                    break
                if number < last and not turn.said:
                    continue
                if turn.broken:
                    raise _Broken(turn.broken, [(number, *told) for told in turn.told])
                self._take(number, turn, name, places, cost, max(since, turn.since))
        self._pass(places, cost, since)

    def _take(
        self, number: int, turn: Turn, name: int, places: list[Place], cost: Cost, since: int
    ) -> None:
        """Go to what comes of a turn of one host."""
        if turn.deadlines:
            if cost >> self._deadline_at[number] & _COUNT >= self._horizon.deadlines:
                return
            cost += self._met[number]
        cost += turn.faults << self._faults_at
        if turn.said:
            then = places.copy()
            then[number] = turn.place
            self._say(number, turn, then, cost, since, ())
            return
        self._transitions += 1
        name += turn.place.number - places[number].number << self._shifts[number]
        cost += (number << self._turn_at) + since + _SINCE_ZERO
        if self._is_news(name, cost) and self._came is not None:
            self._remember(name, cost, [(number, *told) for told in turn.told])

    def _say(
        self,
        number: int,
        turn: Turn,
        places: Sequence[Place],
        cost: Cost,
        since: int,
        before: Sequence[Move],
    ) -> None:
        """Send what one host says; `before`: how it came to that, if not by the turn."""
        faults = self._horizon.faults - (cost >> self._faults_at)
        up = tuple([place.stance.is_up for place in places])
        for dispatch in self._post.of(number, turn.said, up, faults):
            self._transitions += 1
            then = [
                of.sent(place, letters) if letters else place
                for of, place, letters in zip(self._places, places, dispatch.letters, strict=True)
            ]
            start = self._bounds.echo if dispatch.is_lost else since
            total = cost + (dispatch.faults << self._faults_at)
            name, total = self._named(then, total, start)
            if self._is_news(name, total) and self._came is not None:
                moves = before or [(number, *told) for told in turn.told]
                self._remember(name, total, [*moves, *dispatch.steps])

    def _pass(self, places: list[Place], cost: Cost, since: int) -> None:
        """Let time pass to each deadline that can be the next one."""
        dues = [place.due for place in places]
        first = min(dues)
        patience = min([place.patience for place in places])
        if not 0 < first <= patience or first == NEVER:
            return
        horizon = self._horizon
        latest = min(first + horizon.lateness, patience)
        wrong = self._wrong([place.stance for place in places])
        for number, due in enumerate(dues):
            if horizon.lateness < due <= latest and (
                cost >> self._deadline_at[number] & _COUNT < horizon.deadlines
            ):
                broken = too_long(wrong, due - since)
                if broken:
                    raise _Broken(broken, [(number, "deadline", due)])
                self._meet(number, due, places, cost + self._met[number], since - due)

    def _meet(self, number: int, passed: int, places: list[Place], cost: Cost, since: int) -> None:
        """Let time pass, and one host meet its deadline."""
        later = [of.later(place, passed) for of, place in zip(self._places, places, strict=True)]
        move: Move = (number, "deadline", passed)
        for turn in self._places[number].met(later[number]):
            if turn.broken:
                raise _Broken(turn.broken, [move])
            total = cost + (turn.faults << self._faults_at)
            if total >> self._faults_at <= self._horizon.faults:
                later[number] = turn.place
                self._say(number, turn, later, total, max(since, turn.since), [move])

    # -- what is known ---------------------------------------------------------------------------

    def _named(self, places: Sequence[Place], cost: Cost, since: int) -> tuple[int, Cost]:
        """Return the name of a state, and its cost; forget since when, if nothing is wrong."""
        if since < 0 and not self._wrong([place.stance for place in places])[0]:
            since = 0
        name = 0
        for place, shift in zip(places, self._shifts, strict=True):
            name |= place.number << shift
        return name, cost + since + _SINCE_ZERO

    def _is_news(self, name: int, cost: Cost) -> bool:
        """Note a state, if it is not known with a cost as low; it is to be explored then."""
        found = self._known.get(name)
        if found is None:
            self._known[name] = cost
        else:
            guard = self._guard
            others = found if isinstance(found, tuple) else (found,)
            for other in others:
                if ((cost | guard) - other) & guard == guard:
                    return False
            left = [one for one in others if ((one | guard) - cost) & guard != guard]
            self._known[name] = (*left, cost) if left else cost
        self._waiting[cost >> self._sum_at & _COUNT][cost >> self._faults_at].append((name, cost))
        return True

    def _remember(self, name: int, cost: Cost, moves: list[Move]) -> None:
        assert self._came is not None  # noqa: S101 - told by the caller
        self._came.setdefault((name, cost), (*self._now, moves))

    # -- for people ------------------------------------------------------------------------------

    def _way(self) -> list[Move]:
        """Return the steps to the state that is explored."""
        moves: list[Move] = []
        at = self._now
        came = self._came or {}
        while at in came:
            *before, steps = came[at]
            moves[:0] = steps
            at = (before[0], before[1])
        return moves
