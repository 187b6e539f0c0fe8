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
from typing import Final, TypeAlias

from carpio.sim.complaints import Complaints, too_long
from carpio.sim.costs import SINCE_MASK, SINCE_ZERO, Cost, Costs
from carpio.sim.horizon import Horizon, Progress, Result
from carpio.sim.places import NEVER, Call, Choice, Move, Place, places_of
from carpio.sim.premises import Bounds
from carpio.sim.reaction import Host
from carpio.sim.stance import Stance
from carpio.sim.telling import told

__all__ = ["Economy"]

_STANCE_BITS: Final = 21
_STATES_TO_TELL: Final = 1_000

Known: TypeAlias = dict[int, Cost | tuple[Cost, ...]]
"""The lowest costs of what has a name; no tuple when it is only one."""
Moves: TypeAlias = tuple[Move, ...]
_Begun: TypeAlias = tuple[int, Cost, int, Moves, Moves]
"""On the way to a state: name, cost, since when a complaint counts, moves before and after."""


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
        self._places = places_of(hosts, horizon, costs, echo=self._bounds.echo)
        self._met = [costs.of(number, 1, 0) for number, _ in enumerate(hosts)]
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
        first = sum(place.at for place in booted)
        self._known[first] = SINCE_ZERO
        self._waiting[0][0].append((first, SINCE_ZERO))
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
            name, cost = states.popleft()
            number += 1
            if not number % _STATES_TO_TELL:
                progress(len(self._known), self._transitions, len(states))
            known = self._known[name]
            if known == cost or (isinstance(known, tuple) and cost in known):
                self._now = name, cost  # no cheaper way to it came meanwhile
                self._explore(name, cost)

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
        together = set()
        numbers: list[dict[Stance, int]] = [{} for _ in self._places]
        for name in self._known:
            places = self._of_name(name)
            if self._next(places):
                of_all = 0
                for known, place in zip(numbers, places, strict=True):
                    of_all = of_all << _STANCE_BITS | known.setdefault(place.stance, len(known))
                together.add(of_all)
        return len(together)

    def _of_name(self, name: int) -> list[Place]:
        return [places.at(name) for places in self._places]

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
        for number, course in enumerate(courses):
            for call in course.calls:
                self._call(number, call, places, cost, since, call.moves)
        rests = [course.rests for course in courses]
        self._note_all((0, cost + self._costs.rests, since, (), ()), rests, ())
        if all(of and of[0].at == place.at for of, place in zip(rests, places, strict=True)):
            self._pass(places, cost, since)  # it was not noted: it is known as this one

    def _call(
        self,
        number: int,
        call: Call,
        places: Sequence[Place],
        cost: Cost,
        since: int,
        moves: Moves,
    ) -> None:
        """Go to what comes of it when one host does what others notice."""
        cost += call.cost
        if not self._costs.is_within(cost):
            return
        if since < call.since:
            since = call.since
        faults = self._horizon.faults - self._costs.faults(cost)
        saying = call.saying
        choices = [
            place.heard[faults].get(saying) or self._places[to].hears(place, saying, faults)
            if saying
            else place.still
            for to, place in enumerate(places)
            if to != number
        ]
        begun = (call.at, cost, since, (), ())
        if call.broken:
            for _name, _cost, _since, before, _after in self._combined(begun, choices):
                raise _Broken(call.broken, (*before, *moves))
        else:
            self._note_all(begun, choices, moves)

    def _combined(self, begun: _Begun, choices: Iterable[Sequence[Choice]]) -> list[_Begun]:
        """Let each of some hosts take one of its choices, in each combination."""
        guard = self._costs.guard
        room = self._costs.most | guard
        found = [begun]
        for options in choices:
            found = [
                (
                    name | at,
                    cost + more,
                    since if since > later else later,
                    before + moves,
                    after + fates,
                )
                for name, cost, since, before, after in found
                for at, more, later, moves, fates in options
                if room - cost - more & guard == guard
            ]
        return found

    def _note_all(self, begun: _Begun, choices: Sequence[Sequence[Choice]], moves: Moves) -> None:
        """Note the states that come of it, if they are not known with costs as low.

        What is new is to be explored. `moves`: between those before and after. The innermost loop
        of all.
        """
        guard = self._costs.guard
        room = self._costs.most | guard
        known = self._known
        *first, last = choices
        for name, cost, since, before, after in self._combined(begun, first):
            for at, more, later, moves_of_last, fates_of_last in last:
                spent = cost + more
                if room - spent & guard != guard:
                    continue
                self._transitions += 1
                start = since if since > later else later
                then = name | at
                if start < 0:
                    start = self._since(self._of_name(then), start)
                spent += start + SINCE_ZERO
                found = known.get(then)
                if found is None:
                    known[then] = spent
                elif isinstance(found, int):
                    if (spent | guard) - found & guard == guard:
                        continue
                    is_lower = (found | guard) - spent & guard == guard
                    known[then] = spent if is_lower else (found, spent)
                else:
                    if any((spent | guard) - one & guard == guard for one in found):
                        continue
                    left = [one for one in found if (one | guard) - spent & guard != guard]
                    known[then] = (*left, spent) if left else spent
                self._waiting[self._costs.deadlines(spent)][self._costs.faults(spent)].append(
                    (then, spent)
                )
                if self._came is not None:
                    way = before + moves_of_last + moves + after + fates_of_last
                    self._came.setdefault((then, spent), (*self._now, way))

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
                    raise _Broken(broken, ((number, "deadline", due),))
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
        moves: Moves = ((number, "deadline", passed),)
        for call in self._places[number].met(later[number]):
            self._call(number, call, later, cost, since, moves)

    # -- for people ------------------------------------------------------------------------------

    def _way(self) -> list[Move]:
        """Return the steps to the state that is explored."""
        moves: list[Move] = []
        at = self._now
        came = self._came or {}
        while at in came:
            name, cost, steps = came[at]
            moves[:0] = steps
            at = (name, cost)
        return moves
