"""One host with the adverts on their way to it, and all that it can do next.

Equal places of a host are one object, and what it can do there is reckoned once. Of what it can do
only that is kept which ends differently, or costs less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple, TypeAlias

from carpio.sim.horizon import Horizon
from carpio.sim.reaction import Act, Advert
from carpio.sim.stance import Outcome, Stance, Stances

__all__ = ["NEVER", "NOWHEN", "Letter", "Place", "Places", "Told", "Turn"]

NEVER: Final = 1 << 62
"""Later than all."""
NOWHEN: Final = -(1 << 62)
"""Earlier than all."""


class Letter(NamedTuple):
    """An advert on its way."""

    sender: int
    age: int
    advert: Advert


Told: TypeAlias = tuple[str, Letter | int | None]
"""One step of a host, for people: what, and the advert, or the time that passed before."""


class Turn(NamedTuple):
    """One thing that a host can do while no time passes."""

    place: Place
    """What it is then."""
    since: int
    """Nothing earlier counts for a complaint."""
    deadlines: int
    faults: int
    said: tuple[Advert, ...]
    told: tuple[Told, ...]
    broken: str


class Place:
    """One host, and what is on its way to it. To be made by `Places` alone."""

    __slots__ = (
        *("_later", "_met", "_turns", "_with"),
        *("due", "letters", "number", "patience", "stance"),
    )

    def __init__(
        self, number: int, stance: Stance, letters: tuple[Letter, ...], delay: int
    ) -> None:
        self.number = number
        self.stance = stance
        self.letters = letters
        self.due = NEVER if stance.due is None else stance.due
        self.patience = delay - max(one.age for one in letters) if letters else NEVER
        self._later: dict[int, Place] = {}
        self._with: dict[tuple[Letter, ...], Place] = {}
        self._turns: dict[bool, tuple[Turn, ...]] = {}
        self._met: tuple[Turn, ...] | None = None


class Places:
    """All places of one host that came up so far."""

    def __init__(self, number: int, stances: Stances, horizon: Horizon, echo: int) -> None:
        """`echo`: how long a lost advert can have consequences."""
        self._number = number
        self._stances = stances
        self._horizon = horizon
        self._echo = echo
        self._has_echoes = Act.ECHO in horizon.kinds
        self._known: dict[tuple[Stance, tuple[Letter, ...]], Place] = {}
        self.all: list[Place] = []

    def of(self, stance: Stance, letters: Iterable[Letter]) -> Place:
        """Return the one place of this host in that stance with these adverts on their way."""
        by = itemgetter(0) if self._horizon.in_order else None
        name = (stance, tuple(sorted(letters, key=by)))
        found = self._known.get(name)
        if found is None:
            found = Place(len(self.all), *name, self._horizon.delay)
            self._known[name] = found
            self.all.append(found)
        return found

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

    def sent(self, place: Place, letters: tuple[Letter, ...]) -> Place:
        """Return what it is when these too are on their way."""
        found = place._with.get(letters)
        if found is None:
            found = self.of(place.stance, (*place.letters, *letters))
            place._with[letters] = found
        return found

    def turns(self, place: Place, *, has_faults: bool) -> tuple[Turn, ...]:
        """Return all that it can do now; those that cost no fault come first.

        `has_faults`: some may begin.
        """
        found = place._turns.get(has_faults)
        if found is None:
            known: dict[object, list[Turn]] = {(place, (), ""): [_nothing(place)]}
            for turn in self._all_turns(place, has_faults):
                others = known.setdefault((turn.place, turn.said, turn.broken), [])
                if not any(_is_as_good(other, turn) for other in others):
                    others.append(turn)
            turns = [turn for others in known.values() for turn in others if turn.told]
            found = place._turns[has_faults] = tuple(sorted(turns, key=attrgetter("faults")))
        return found

    def met(self, place: Place) -> tuple[Turn, ...]:
        """Return what can come of its deadline, now."""
        found = place._met
        if found is None:
            has_faults = self._horizon.faults > 0
            outcome, told = place.stance.deadline, ("deadline", 0)
            turns = self._turns_of(place, outcome, place.letters, told, has_faults)
            found = place._met = tuple(turns)
        return found

    def _all_turns(self, place: Place, has_faults: bool) -> Iterator[Turn]:
        stance, letters = place.stance, place.letters
        yield from self._deliveries(place, has_faults)
        due = stance.due
        if due is not None and due <= self._horizon.lateness:
            there = stance.later(due) if due > 0 else stance
            for turn in self._turns_of(place, there.deadline, letters, ("deadline", 0), has_faults):
                yield turn._replace(deadlines=1)
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

    def _deliveries(self, place: Place, has_faults: bool) -> Iterator[Turn]:
        stance, letters = place.stance, place.letters
        before = None
        for number, letter in enumerate(letters):
            is_behind = before is not None and (
                letter.sender == before.sender if self._horizon.in_order else letter == before
            )
            before = letter
            if is_behind:
                continue
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
        told: Told,
        has_faults: bool,
        *,
        is_fault: bool = False,
    ) -> Iterator[Turn]:
        """Yield what comes of something, and the same with adverts that come back to it."""
        stance, since = outcome.stance, NOWHEN
        if place.stance.is_mute and not stance.is_mute:
            since = self._echo
        elif is_fault or outcome.is_change:
            since = 0
        said = outcome.said
        letters = letters if stance.is_up else ()
        yield Turn(self.of(stance, letters), since, 0, 0, said, (told,), outcome.broken)
        if not (has_faults and self._has_echoes and stance.is_up):
            return
        for number in range(1, min(self._horizon.faults, len(said)) + 1):
            for adverts in combinations(said, number):
                back = [Letter(self._number, 0, advert) for advert in adverts]
                then = self.of(stance, (*letters, *back))
                all_told = (told, *(("will hear itself", letter) for letter in back))
                yield Turn(then, since, 0, number, said, all_told, outcome.broken)


def _nothing(place: Place) -> Turn:
    return Turn(place, NOWHEN, 0, 0, (), (), "")


def _is_as_good(one: Turn, other: Turn) -> bool:
    """Whether all that comes of the other one comes of this one, and is judged as strictly."""
    return (
        one.faults <= other.faults and one.deadlines <= other.deadlines and one.since <= other.since
    )
