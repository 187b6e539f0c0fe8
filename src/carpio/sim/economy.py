"""An exploration of all that is different: of orders that come to the same, one.

A state is, for each host, its place: what it is, and which adverts are on their way to it.

While no time passes, what one host does touches another one only by what it says, and by whether
it listens. So all of which nobody notices anything it does just before others notice what it does
then, or before time passes: in every other order the same comes of it. Only these are states.

An advert is lost, copied or comes back when it is sent: later is no different.

A complaint depends on who is master, who could be, the ranks, and whose sends fail. Whatever
changes one of these also says since when a complaint counts, and the latest of that holds, in
whatever order. So complaints are looked at when time passes. A state that is known with no more
deadlines met, no more faults, a complaint since as early and no less that can still be done before
time passes, is known: all that comes of it comes of the other one, and is judged as strictly.

States are explored by the deadlines that all hosts together have met, then by faults, so that
few are explored before it is known that they need not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from carpio.sim.complaints import Complaints, too_long
from carpio.sim.costs import SINCE_MASK, SINCE_ZERO, Cost, Costs
from carpio.sim.horizon import Horizon, Progress, Result
from carpio.sim.places import NEVER, Call, Choice, Courses, Move, Place, Places
from carpio.sim.premises import Bounds
from carpio.sim.reaction import Advert, Host
from carpio.sim.stance import Stance, Stances
from carpio.sim.telling import told

__all__ = ["Economy"]

_BITS: Final = 21
_MASK: Final = (1 << _BITS) - 1
"""Of the number of a place in the name of a state."""
_STATES_TO_TELL: Final = 1_000

Known: TypeAlias = dict[int, Cost | tuple[Cost, ...]]
"""The lowest costs of what has a name; no tuple when it is only one."""
Moves: TypeAlias = tuple[Any, ...]
"""Nothing, or a pair: moves before, and some more; they are put together only for people."""
_Begun: TypeAlias = tuple[int, Cost, int, Moves]
"""On the way to a state: name, cost, since when a complaint counts, and moves."""


class _Broken(Exception):
    """Something is; `moves` lead to it from the state that is explored."""

    def __init__(self, what: str, moves: Moves) -> None:
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
        self._costs = costs = Costs(len(hosts), horizon)
        self._places = [
            Places(number, Stances(host), horizon, costs=costs, echo=self._bounds.echo)
            for number, host in enumerate(hosts)
        ]
        self._met = [costs.of(number, 1, 0) for number, _ in enumerate(hosts)]
        self._shifts = range(0, _BITS * len(hosts), _BITS)
        self._known: Known = {}
        self._waiting: list[list[deque[tuple[int, Cost]]]] = [
            [deque() for _ in range(horizon.faults + 1)]
            for _ in range(horizon.deadlines * len(hosts) + 1)
        ]
        self._came: dict[tuple[int, Cost], tuple[int, Cost, Moves]] | None = None
        if remembers:
            self._came = {}
        self._now: tuple[int, Cost] = (0, 0)
        self._transitions = 0

    def run(self, progress: Progress) -> Result:
        """Search until nothing is left or something is broken."""
        booted = [places.booted() for places in self._places]
        self._note(self._name(booted), SINCE_ZERO, ())
        try:
            for layer in self._waiting:
                for states in layer:
                    self._explore_each(states, progress)
        except _Broken as broken:
            if self._came is None:
                return Economy(self._hosts, self._horizon, remembers=True).run(progress)
            way = [told(*move) for move in (*self._way(), *_in_a_row(broken.moves))]
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
            depth=self._costs.deadlines(self._now[1]),
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
            places = self._of_name(name)
            if self._next(places):
                of_all = 0
                for known, place, shift in zip(stances, places, self._shifts, strict=True):
                    of_all |= known[place.number] << shift
                together.add(of_all)
        return len(together)

    # -- names ---------------------------------------------------------------------------------

    def _name(self, places: Iterable[Place]) -> int:
        name = 0
        for place, shift in zip(places, self._shifts, strict=True):
            name |= place.number << shift
        return name

    def _of_name(self, name: int) -> list[Place]:
        return [
            places.all[name >> shift & _MASK]
            for places, shift in zip(self._places, self._shifts, strict=True)
        ]

    # -- what can happen -----------------------------------------------------------------------

    def _explore(self, name: int, cost: Cost) -> None:
        since = (cost & SINCE_MASK) - SINCE_ZERO
        is_resting = cost & self._costs.rests
        cost &= self._costs.kept
        places = self._of_name(name)
        if is_resting:
            self._pass(places, cost, since)
            return
        faults = self._horizon.faults - self._costs.faults(cost)
        courses = [
            place.courses[faults] or of.courses(place, faults)
            for of, place in zip(self._places, places, strict=True)
        ]
        begun: _Begun = (name, cost, since, ())
        speak_again = not self._horizon.delay and any(course.reads for course in courses)
        for number, course in enumerate(courses):
            for call in course.calls:
                ready = [begun]
                if speak_again and call.said:
                    ready = self._combined(begun, _unheard(number, courses))
                self._call(number, call, ready)
        rests = [(number, course.rests) for number, course in enumerate(courses)]
        for then, spent, start, moves in self._combined(begun, rests):
            self._transitions += 1
            if then == name and spent == cost:
                self._pass(places, cost, start)  # as a state it would be known: it is this one
            else:
                if start < 0:
                    start = self._since(self._of_name(then), start)
                self._note(then, spent + self._costs.rests + start + SINCE_ZERO, moves)

    def _call(self, number: int, call: Call, ready: Iterable[_Begun]) -> None:
        """Go to what comes of it when one host does what others notice."""
        at = call.number << self._shifts[number]
        others = ~(_MASK << self._shifts[number])
        for name, cost, since, moves in ready:
            cost += call.cost
            if self._costs.is_within(cost):
                if call.broken:
                    raise _Broken(call.broken, (moves, call.moves))
                begun = (name & others | at, cost, max(since, call.since), (moves, call.moves))
                self._say(number, call.said, begun)

    def _combined(
        self, begun: _Begun, choices: Iterable[tuple[int, Sequence[Choice]]]
    ) -> list[_Begun]:
        """Let each of these hosts take one of its choices, in each combination."""
        guard = self._costs.guard
        room = self._costs.most | guard
        found = [begun]
        for number, options in choices:
            shift = self._shifts[number]
            others = ~(_MASK << shift)
            found = [
                (
                    name & others | place << shift,
                    cost + more,
                    since if since > later else later,
                    (before, moves) if moves else before,
                )
                for name, cost, since, before in found
                for place, more, later, moves in options
                if room - cost - more & guard == guard
            ]
        return found

    def _say(self, number: int, said: tuple[Advert, ...], begun: _Begun) -> None:
        """Send what one host says."""
        name, cost, since, moves = begun
        places = self._of_name(name)
        if since < 0:
            since = self._since(places, since)
        faults = self._horizon.faults - self._costs.faults(cost)
        arrivals = [
            (to, self._places[to].arrivals(place, number, said, faults))
            for to, place in enumerate(places)
            if said and to != number and place.stance.is_up
        ]
        found = self._combined((name, cost, since, moves), arrivals)
        self._transitions += len(found)
        for then, spent, start, all_moves in found:
            self._note(then, spent + start + SINCE_ZERO, all_moves)

    def _since(self, places: Iterable[Place], since: int) -> int:
        """Forget since when, if nothing is wrong."""
        return since if self._wrong([place.stance for place in places])[0] else 0

    # -- time ----------------------------------------------------------------------------------

    def _pass(self, places: list[Place], cost: Cost, since: int) -> None:
        """Let time pass to each deadline that can be the next one."""
        wrong = None
        for number, due in self._next(places):
            met = cost + self._met[number]
            if self._costs.is_within(met):
                wrong = wrong or self._wrong([place.stance for place in places])
                broken = too_long(wrong, due - since)
                if broken:
                    raise _Broken(broken, ((), ((number, "deadline", due),)))
                self._meet(number, due, places, met, since - due)

    def _next(self, places: Sequence[Place]) -> list[tuple[int, int]]:
        """Return hosts that can be the next one to meet its deadline when time passes, and when."""
        dues = [place.due for place in places]
        first = min(dues)
        patience = min([place.patience for place in places])
        if not 0 < first <= patience or first == NEVER:
            return []
        lateness = self._horizon.lateness
        latest = min(first + lateness, patience)
        return [(number, due) for number, due in enumerate(dues) if lateness < due <= latest]

    def _meet(self, number: int, passed: int, places: list[Place], cost: Cost, since: int) -> None:
        """Let time pass, and one host meet its deadline."""
        later = [of.later(place, passed) for of, place in zip(self._places, places, strict=True)]
        moves: Moves = ((), ((number, "deadline", passed),))
        for call in self._places[number].met(later[number]):
            if call.broken:
                raise _Broken(call.broken, moves)
            if self._costs.is_within(cost + call.cost):
                later[number] = self._places[number].all[call.number]
                begun = (self._name(later), cost + call.cost, max(since, call.since), moves)
                self._say(number, call.said, begun)

    # -- what is known ---------------------------------------------------------------------------

    def _note(self, name: int, cost: Cost, moves: Moves) -> None:
        """Note a state, if it is not known with a cost as low; it is to be explored then."""
        found = self._known.get(name)
        if found is None:
            self._known[name] = cost
        else:
            guard = self._costs.guard
            others = found if isinstance(found, tuple) else (found,)
            for other in others:
                if ((cost | guard) - other) & guard == guard:
                    return
            left = [one for one in others if ((one | guard) - cost) & guard != guard]
            self._known[name] = (*left, cost) if left else cost
        self._waiting[self._costs.deadlines(cost)][self._costs.faults(cost)].append((name, cost))
        if self._came is not None:
            self._came.setdefault((name, cost), (*self._now, moves))

    # -- for people ------------------------------------------------------------------------------

    def _way(self) -> list[Move]:
        """Return the steps to the state that is explored."""
        moves: list[Move] = []
        at = self._now
        came = self._came or {}
        while at in came:
            name, cost, steps = came[at]
            moves[:0] = _in_a_row(steps)
            at = (name, cost)
        return moves


def _unheard(number: int, courses: Sequence[Courses]) -> list[tuple[int, Sequence[Choice]]]:
    """Return how others can hear what they have yet to hear of a host, before it speaks again."""
    return [
        (to, course.reads[number]) for to, course in enumerate(courses) if number in course.reads
    ]


def _in_a_row(moves: Moves) -> list[Move]:
    """Put moves together."""
    parts: list[tuple[Move, ...]] = []
    while moves:
        moves, part = moves
        parts.append(part)
    return [move for part in reversed(parts) for move in part]
