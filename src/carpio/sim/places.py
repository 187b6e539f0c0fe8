"""One host with the adverts on their way to it, and all that it can do next.

Equal places of a host are one object, and what it can do there is reckoned once. Of what it can do
only that is kept which ends differently, or costs less: whole courses of turns until others
notice something (`calls`), and those of which they notice nothing until time passes (`rests`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from carpio.sim.costs import Cost, Costs
from carpio.sim.horizon import Horizon
from carpio.sim.post import Letter, Sayings, fates
from carpio.sim.reaction import Act, Advert, Host
from carpio.sim.stance import Outcome, Stance, Stances

__all__ = [
    "NEVER",
    "NOWHEN",
    "PLACE_BITS",
    "Call",
    "Choice",
    "Courses",
    "Move",
    "Place",
    "Places",
    "places_of",
]

PLACE_BITS: Final = 21
_MASK: Final = (1 << PLACE_BITS) - 1
"""Of the number of a place in the name of a state."""
NEVER: Final = 1 << 62
"""Later than all."""
NOWHEN: Final = -(1 << 62)
"""Earlier than all."""

Move: TypeAlias = tuple[int, str, Letter | int | None]
"""For people: what a host did, and the advert, or how much time passed before."""


class Choice(NamedTuple):
    """What can come of one host."""

    at: int
    """The number of the place where it is then, where it stands in the name of a state."""
    cost: Cost
    since: int
    """Nothing earlier counts for a complaint."""
    moves: tuple[Move, ...]
    fates: tuple[Move, ...] = ()
    """What becomes of adverts for it that another one sends after these moves."""


class Call(NamedTuple):
    """What a host can do that others notice."""

    at: int
    """As with a choice."""
    cost: Cost
    faults: int
    """The same as in its cost."""
    since: int
    moves: tuple[Move, ...]
    saying: int
    """Of `Sayings`."""
    broken: str


class Courses(NamedTuple):
    """All that a host can do before time passes."""

    calls: tuple[Call, ...]
    """Ends with what others notice, or is broken."""
    rests: tuple[Choice, ...]
    """Nobody notices any of it, and afterwards time can pass."""
    reads: Mapping[int, tuple[Choice, ...]]
    """Nobody notices any of it, and it ends with the last advert of this sender."""


class _Turn(NamedTuple):
    """One thing that a host can do while no time passes, or several one after the other."""

    place: Place
    """What it is then."""
    since: int
    """Nothing earlier counts for a complaint."""
    deadlines: int
    faults: int
    said: tuple[Advert, ...]
    moves: tuple[Move, ...]
    broken: str
    is_fault: bool = False
    """It begins or ends."""


class Place:
    """One host, and what is on its way to it. To be made by `Places` alone."""

    __slots__ = (
        *("_later", "_met"),
        *("at", "courses", "due", "heard", "letters", "patience", "stance", "still"),
    )

    def __init__(
        self, at: int, stance: Stance, letters: tuple[Letter, ...], horizon: Horizon
    ) -> None:
        self.at = at
        self.stance = stance
        self.letters = letters
        self.due = NEVER if stance.due is None else stance.due
        self.patience = horizon.delay - max(one.age for one in letters) if letters else NEVER
        self._later: dict[int, Place] = {}
        self.still: tuple[Choice, ...] = (Choice(at, 0, NOWHEN, ()),)
        """Nothing comes of it."""
        self.courses: list[Courses | None] = [None] * (horizon.faults + 1)
        """By how many faults may begin, as far as reckoned: see `Places.courses`."""
        self.heard: list[dict[int, tuple[Choice, ...]]] = [{} for _ in self.courses]
        """The same of `Places.hears`, then by the number of what is said."""
        self._met: tuple[Call, ...] | None = None


class Places:
    """All places of one host that came up so far."""

    def __init__(
        self,
        number: int,
        stances: Stances,
        horizon: Horizon,
        *,
        costs: Costs,
        sayings: Sayings,
        echo: int,
    ) -> None:
        """`echo`: how long a lost advert can have consequences."""
        self._number = number
        self._shift = number * PLACE_BITS
        self._sayings = sayings
        self._stances = stances
        self._horizon = horizon
        self._costs = costs
        self._echo = echo
        self._has_echoes = Act.ECHO in horizon.kinds
        self._known: dict[tuple[Stance, tuple[Letter, ...]], Place] = {}
        self.all: list[Place] = []

    def of(self, stance: Stance, letters: Iterable[Letter]) -> Place:
        """Return the one place of this host in that stance with these adverts on their way."""
        name = (stance, tuple(sorted(letters)))
        found = self._known.get(name)
        if found is None:
            if len(self.all) > _MASK:
                raise OverflowError("a host has more places than the name of a state has room for")
            found = Place(len(self.all) << self._shift, *name, self._horizon)
            self._known[name] = found
            self.all.append(found)
        return found

    def at(self, name: int) -> Place:
        """Return its place in a state, by the name of the state or the place's own part of it."""
        return self.all[name >> self._shift & _MASK]

    def booted(self) -> Place:
        """Return what it is at first."""
        return self.of(self._stances.of(None).ends[0][1].stance, ())

    def later(self, place: Place, passed: int) -> Place:
        """Return what it is after so much time."""
        found = place._later.get(passed)
        if found is None:
            letters = [one._replace(age=one.age + passed) for one in place.letters]
            found = place._later[passed] = self.of(place.stance.later(passed), letters)
        return found

    def hears(self, place: Place, saying: int, faults: int) -> tuple[Choice, ...]:
        """Return what it can be when another host says something.

        Where adverts take no time, those that this one sent before are heard before.
        `faults`: how many may begin.
        """
        found = place.heard[faults].get(saying)
        if found is None:
            found = place.heard[faults][saying] = self._all_heard(place, saying, faults)
        return found

    def _all_heard(self, place: Place, saying: int, faults: int) -> tuple[Choice, ...]:
        sender, said = self._sayings.all[saying]
        before = place.still
        if said and place.letters and not self._horizon.delay:
            before = self.courses(place, faults).reads.get(sender, before)
        found: list[Choice] = []
        for begun in before:
            for choice in self._arrivals(begun, sender, said, faults):
                if not any(
                    one.at == choice.at
                    and one.since <= choice.since
                    and self._costs.is_as_low(one.cost, choice.cost)
                    for one in found
                ):
                    found.append(choice)
        return tuple(found)

    def _arrivals(
        self, begun: Choice, sender: int, said: tuple[Advert, ...], faults: int
    ) -> Iterator[Choice]:
        there = self.at(begun.at)
        if not said or not there.stance.is_up:
            yield begun
            return
        for fate in fates(sender, said, self._horizon, faults - self._costs.faults(begun.cost)):
            yield Choice(
                self.of(there.stance, (*there.letters, *fate.letters)).at,
                begun.cost + self._costs.of(self._number, 0, fate.faults),
                max(begun.since, self._echo) if fate.is_lost else begun.since,
                begun.moves,
                tuple((self._number, *step) for step in fate.steps),
            )

    def courses(self, place: Place, faults: int) -> Courses:
        """Return all that it can do until others notice or time passes.

        `faults`: how many may begin.
        """
        found = place.courses[faults]
        if found is None:
            found = place.courses[faults] = self._all_courses(place, faults)
        return found

    def met(self, place: Place) -> tuple[Call, ...]:
        """Return what can come of its deadline, now; that it is met is not in the cost."""
        found = place._met
        if found is None:
            has_faults = self._horizon.faults > 0
            outcome = place.stance.deadline
            turns = self._turns_of(place, outcome, place.letters, ("deadline", 0), has_faults)
            found = place._met = tuple(self._call(turn) for turn in turns)
        return found

    def _all_courses(self, place: Place, faults: int) -> Courses:
        calls, rests = _Best(), _Best()
        rests.add(_Turn(place, NOWHEN, 0, 0, (), (), ""))
        reads = {sender: _Best() for sender in self._senders(place)}
        for begun in rests:
            for turn in self._turns(begun.place, faults > begun.faults):
                course = _joined(begun, turn)
                if course.faults > faults or course.deadlines > self._horizon.deadlines:
                    continue
                if self._is_noticed(begun.place, turn):
                    calls.add(course)
                    continue
                rests.add(course)
                for sender in self._senders(begun.place) - self._senders(turn.place):
                    reads[sender].add(course)
        can_wait = [one for one in rests if one.place.due > 0 and one.place.patience > 0]
        return Courses(
            tuple(map(self._call, _by_faults(calls))),
            tuple(map(self._choice, _by_faults(can_wait))),
            {sender: tuple(map(self._choice, _by_faults(of))) for sender, of in reads.items()},
        )

    def _is_noticed(self, before: Place, turn: _Turn) -> bool:
        """Whether it counts for others when it is done.

        What a host says does, that it listens from now on, and where adverts arrive before a fault
        of their hearer, each fault: it is done before the next one is sent.
        """
        if turn.said or turn.broken or (turn.is_fault and not self._horizon.delay):
            return True
        return turn.place.stance.is_up and not before.stance.is_up

    def _senders(self, place: Place) -> set[int]:
        """Return the others whose adverts are on their way."""
        return {letter.sender for letter in place.letters} - {self._number}

    def _choice(self, turn: _Turn) -> Choice:
        cost = self._costs.of(self._number, turn.deadlines, turn.faults)
        return Choice(turn.place.at, cost, turn.since, turn.moves)

    def _call(self, turn: _Turn) -> Call:
        cost = self._costs.of(self._number, turn.deadlines, turn.faults)
        saying = self._sayings.number(self._number, turn.said)
        return Call(turn.place.at, cost, turn.faults, turn.since, turn.moves, saying, turn.broken)

    # -- single turns --------------------------------------------------------------------------

    def _turns(self, place: Place, has_faults: bool) -> Iterator[_Turn]:
        stance, letters = place.stance, place.letters
        yield from self._deliveries(place, has_faults)
        due = stance.due
        if due is not None and due <= self._horizon.lateness:
            there = stance.later(due) if due > 0 else stance
            for turn in self._turns_of(place, there.deadline, letters, ("deadline", 0), has_faults):
                yield turn._replace(deadlines=1)
        if letters and not self._horizon.delay:
            return  # they arrive first, or are sent later
        for act, outcome in stance.ends:
            yield from self._turns_of(
                place, outcome, letters, (act.value, None), has_faults, is_fault=True
            )
        for act in self._horizon.kinds if has_faults else ():
            begun = stance.fault(act)
            if begun is not None:
                told = (act.value, None)
                for turn in self._turns_of(place, begun, letters, told, has_faults, is_fault=True):
                    yield turn._replace(faults=turn.faults + 1)

    def _deliveries(self, place: Place, has_faults: bool) -> Iterator[_Turn]:
        stance, letters = place.stance, place.letters
        before = None
        for number, letter in enumerate(letters):
            if letter == before:
                continue
            before = letter
            rest = (*letters[:number], *letters[number + 1 :])
            advert = letter.advert
            if letter.sender == self._number:
                outcome = stance.hears_itself(advert)
                yield from self._turns_of(
                    place, outcome, rest, ("hears itself", letter), has_faults
                )
                continue
            yield from self._turns_of(
                place, stance.hears(advert), rest, ("hears", letter), has_faults
            )
            if stance.has_rank_of(advert):
                outcome = stance.hears(advert._replace(equal=True))
                told = ("hears what equals its own", letter)
                yield from self._turns_of(place, outcome, rest, told, has_faults)

    def _turns_of(
        self,
        place: Place,
        outcome: Outcome,
        letters: tuple[Letter, ...],
        told: tuple[str, Letter | int | None],
        has_faults: bool,
        *,
        is_fault: bool = False,
    ) -> Iterator[_Turn]:
        """Yield what comes of something, and the same with adverts that come back to it."""
        stance, since = outcome.stance, NOWHEN
        if place.stance.is_mute and not stance.is_mute:
            since = self._echo
        elif is_fault or outcome.is_change:
            since = 0
        said = outcome.said
        letters = letters if stance.is_up else ()
        move = (self._number, *told)
        then = self.of(stance, letters)
        yield _Turn(then, since, 0, 0, said, (move,), outcome.broken, is_fault)
        if not (has_faults and self._has_echoes and stance.is_up):
            return
        for number in range(1, min(self._horizon.faults, len(said)) + 1):
            for adverts in combinations(said, number):
                back = [Letter(self._number, 0, advert) for advert in adverts]
                then = self.of(stance, (*letters, *back))
                moves = (move, *((self._number, "will hear itself", letter) for letter in back))
                yield _Turn(then, since, 0, number, said, moves, outcome.broken, is_fault)


def places_of(hosts: Sequence[Host], horizon: Horizon, costs: Costs, *, echo: int) -> list[Places]:
    """Return the places of each host; `echo`: see `Places`."""
    sayings = Sayings()
    return [
        Places(number, Stances(host), horizon, costs=costs, sayings=sayings, echo=echo)
        for number, host in enumerate(hosts)
    ]


class _Best:
    """Courses, of which none is as good as another one that ends alike."""

    def __init__(self) -> None:
        self._known: dict[object, list[_Turn]] = {}
        self._all: list[_Turn] = []

    def add(self, course: _Turn) -> None:
        """Keep it, if none is as good, and only it of those than which it is better."""
        others = self._known.setdefault((course.place, course.said, course.broken), [])
        if any(_is_as_good(other, course) for other in others):
            return
        others[:] = [other for other in others if not _is_as_good(course, other)]
        others.append(course)
        self._all.append(course)

    def __iter__(self) -> Iterator[_Turn]:
        """Iterate over those that are kept; more may be added meanwhile."""
        for course in self._all:
            others = self._known[course.place, course.said, course.broken]
            if any(course is other for other in others):
                yield course


def _by_faults(courses: Iterable[_Turn]) -> tuple[_Turn, ...]:
    return tuple(sorted(courses, key=attrgetter("faults")))


def _joined(begun: _Turn, turn: _Turn) -> _Turn:
    return turn._replace(
        since=max(begun.since, turn.since),
        deadlines=begun.deadlines + turn.deadlines,
        faults=begun.faults + turn.faults,
        moves=(*begun.moves, *turn.moves),
    )


def _is_as_good(one: _Turn, other: _Turn) -> bool:
    """Whether all that comes of the other one comes of this one, and is judged as strictly."""
    return (
        one.faults <= other.faults and one.deadlines <= other.deadlines and one.since <= other.since
    )
