"""All that can come of a group within a horizon, in each order of deliveries, losses and faults.

A state is what the hosts are, which adverts are on their way, and since when there is something
to complain of; times are relative to now, so that equal situations at different times are one
state. Time passes when a deadline is met, and only then. Deadlines that are close are met in any
order, and in one moment; adverts arrive in any order, or are lost, as long as none takes longer
than `delay`. States are searched breadth first, so that what is broken is shown by one of the
shortest ways to it.

This is the plain exploration; `Economy` leaves out what comes to the same, for more hosts, and
`Bulk` is that with many states at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from operator import ge, le
from typing import Final, NamedTuple, TypeAlias

from carpio.core.engine import Engine
from carpio.core.model import EngineConfig
from carpio.sim.complaints import Complaints, too_long
from carpio.sim.economy import Economy
from carpio.sim.horizon import Horizon, Progress, Result
from carpio.sim.premises import Bounds
from carpio.sim.reaction import Act, Advert, EngineMaker, Host
from carpio.sim.stance import Outcome, Stance, Stances
from carpio.sim.telling import told

__all__ = ["Horizon", "Progress", "Result", "can_be_in_bulk", "explore_all"]

_STEPS_TO_TELL: Final = 10_000
_ANY: Final = 1
"""Losses left that do not become fewer."""


class Message(NamedTuple):
    """An advert on its way to one host."""

    to: int
    sender: int
    age: int
    advert: Advert


class World(NamedTuple):
    """One state."""

    hosts: tuple[Stance, ...]
    flight: tuple[Message, ...]
    calm: int
    """When the last lost advert has no consequences any more, from now; at least 0."""
    start: int
    """Since when there has been something to complain of; not before `calm`."""


class Step(NamedTuple):
    """What can happen in a state, and what is then."""

    what: str
    host: int
    detail: Message | int | None
    world: World
    left: Budget
    broken: str


Budget: TypeAlias = tuple[int, ...]
"""What is left: faults, losses, and deadlines of each host."""
_FAULTS: Final = 0
_LOSSES: Final = 1
_DEADLINES: Final = 2
"""Where the first host's are."""


def can_be_in_bulk() -> bool:
    """Return whether NumPy is installed: a frugal exploration is several times faster with it."""
    return find_spec("numpy") is not None


def explore_all(
    configs: Sequence[EngineConfig],
    horizon: Horizon | None = None,
    *,
    progress: Progress = lambda states, transitions, waiting: None,
    engine: EngineMaker = Engine,
    in_bulk: bool | None = None,
) -> Result:
    """Look at all that hosts with these configurations, of one group, can come to.

    `in_bulk`: a frugal exploration, with NumPy; None: if it is installed.
    """
    horizon = horizon or Horizon.of(len(configs))
    hosts = [Host(number, config, engine) for number, config in enumerate(configs)]
    if not horizon.is_frugal:
        return _Exploration(hosts, horizon).run(progress)
    if can_be_in_bulk() if in_bulk is None else in_bulk:
        from carpio.sim.bulk import Bulk, is_for

        if is_for(len(hosts), horizon):
            return Bulk(hosts, horizon).run(progress)
    return Economy(hosts, horizon).run(progress)


class _Exploration:
    """One search."""

    def __init__(self, hosts: Sequence[Host], horizon: Horizon) -> None:
        self._hosts = hosts
        self._bounds = Bounds.of([host.group for host in hosts])
        self._horizon = horizon
        self._wrong = Complaints(self._bounds).of
        self._known: dict[World, list[Budget]] = {}
        self._came_from: dict[World, World] = {}
        self._transitions = 0

    def run(self, progress: Progress) -> Result:
        """Search until nothing is left or something is broken."""
        horizon = self._horizon
        losses = _ANY if horizon.losses is None else horizon.losses
        deadlines = (horizon.deadlines for _ in self._hosts)
        budget: Budget = (horizon.faults, losses, *deadlines)
        booted = tuple(Stances(host).of(None).ends[0][1].stance for host in self._hosts)
        first = self._settled(World(booted, (), 0, 0))
        self._known[first] = [budget]
        waiting: deque[tuple[World, Budget, int]] = deque([(first, budget, 0)])
        depth = 0
        while waiting:
            world, budget, depth = waiting.popleft()
            if budget not in self._known[world]:
                continue  # a richer one came meanwhile
            for step in self._steps(world, budget):
                self._transitions += 1
                if not self._transitions % _STEPS_TO_TELL:
                    progress(len(self._known), self._transitions, len(waiting))
                if step.broken:
                    return self._result(
                        depth + 1,
                        step.broken,
                        (*self._way(world), told(step.host, step.what, step.detail)),
                    )
                if self._is_news(step.world, step.left):
                    self._came_from.setdefault(step.world, world)
                    waiting.append((step.world, step.left, depth + 1))
        return self._result(depth, "", ())

    def _result(self, depth: int, broken: str, way: tuple[str, ...]) -> Result:
        return Result(
            hosts=len(self._hosts),
            states=len(self._known),
            transitions=self._transitions,
            depth=depth,
            together=len({world.hosts for world in self._known if self._can_wait(world)}),
            questions=sum(host.asked for host in self._hosts),
            broken=broken,
            way=way,
        )

    def _can_wait(self, world: World) -> bool:
        """Whether time can pass to some deadline."""
        dues = [one.due for one in world.hosts if one.due is not None]
        first = min(dues, default=0)
        oldest = max((one.age for one in world.flight), default=0)
        latest = first + self._horizon.lateness
        if world.flight:
            latest = min(latest, self._horizon.delay - oldest)
        return first > 0 and any(self._horizon.lateness < due <= latest for due in dues)

    def _is_news(self, world: World, left: Budget) -> bool:
        """Note a state; False when it was reached with as much left, or more."""
        budgets = self._known.get(world)
        if budgets is None:
            self._known[world] = [left]
            return True
        if any(all(map(ge, other, left)) for other in budgets):
            return False
        budgets[:] = [other for other in budgets if not all(map(le, other, left))]
        budgets.append(left)
        return True

    def _way(self, world: World) -> tuple[str, ...]:
        """Return the steps to a state; they are found again, to keep none of them in mind."""
        steps: list[str] = []
        plenty = (1, 1, *(1 for _ in self._hosts))
        while world in self._came_from:
            before = self._came_from[world]
            step = next(step for step in self._steps(before, plenty) if step.world == world)
            steps.append(told(step.host, step.what, step.detail))
            world = before
        return tuple(reversed(steps))

    # -- what can happen -----------------------------------------------------------------------

    def _steps(self, world: World, left: Budget) -> Iterator[Step]:
        for step in self._all_steps(world, left):
            if step.broken or not self._is_too_early(world, step):
                yield step

    def _is_too_early(self, world: World, step: Step) -> bool:
        """Whether a host speaks before others have heard what it said before."""
        if self._horizon.delay:
            return False
        unheard = sum(one.sender == step.host for one in world.flight)
        if not unheard or step.what == "gets twice":
            return False
        return sum(one.sender == step.host for one in step.world.flight) > unheard

    def _all_steps(self, world: World, left: Budget) -> Iterator[Step]:
        yield from self._messages(world, left)
        yield from self._deadlines(world, left)
        for number, stance in enumerate(world.hosts):
            if self._must_hear(world, number):
                continue
            for act, outcome in stance.ends:
                after = self._after(world, number, outcome, is_fault=True)
                yield Step(act.value, number, None, after, left, outcome.broken)
        if left[_FAULTS]:
            yield from self._faults(world, _one_less(left, _FAULTS))

    def _must_hear(self, world: World, number: int) -> bool:
        """Whether adverts that take no time arrive before anything else is done to a host."""
        return not self._horizon.delay and any(one.to == number for one in world.flight)

    def _messages(self, world: World, left: Budget) -> Iterator[Step]:
        before = None
        for number, message in enumerate(world.flight):
            if message == before:
                continue
            before = message
            rest = world._replace(flight=world.flight[:number] + world.flight[number + 1 :])
            to, advert = message.to, message.advert
            stance = world.hosts[to]
            outcome = stance.hears(advert)
            yield Step("hears", to, message, self._after(rest, to, outcome), left, outcome.broken)
            if stance.has_rank_of(advert):
                outcome = stance.hears(advert._replace(equal=True))
                after = self._after(rest, to, outcome)
                yield Step("hears what equals its own", to, message, after, left, outcome.broken)
            if left[_LOSSES] and not message.age:  # lost later is no different
                lost = self._settled(rest._replace(calm=self._bounds.echo))
                fewer = left if self._horizon.losses is None else _one_less(left, _LOSSES)
                yield Step("does not get", to, message, lost, fewer, "")

    def _deadlines(self, world: World, left: Budget) -> Iterator[Step]:
        lateness = self._horizon.lateness
        first = min((one.due for one in world.hosts if one.due is not None), default=0)
        oldest = max((one.age for one in world.flight), default=0)
        for number, stance in enumerate(world.hosts):
            due = stance.due
            place = _DEADLINES + number
            if due is None or not left[place] or due > max(first, 0) + lateness:
                continue
            passed = due if due > lateness else 0
            if world.flight and oldest + passed > self._horizon.delay:
                continue  # adverts arrive, or are lost, first
            fewer = _one_less(left, place)
            broken = self._complaint(world, passed)
            if broken:
                yield Step("deadline", number, passed, world, fewer, broken)
                continue
            hosts = [one.later(passed) if passed else one for one in world.hosts]
            if not passed and due > 0:
                hosts[number] = stance.later(due)
            flight = world.flight
            if passed:
                flight = tuple(one._replace(age=one.age + passed) for one in flight)
            calm = max(world.calm - passed, 0)
            then = World(tuple(hosts), flight, calm, world.start - passed)
            outcome = hosts[number].deadline
            after = self._after(then, number, outcome)
            yield Step("deadline", number, passed, after, fewer, outcome.broken)

    def _faults(self, world: World, left: Budget) -> Iterator[Step]:
        for number, stance in enumerate(world.hosts):
            if self._must_hear(world, number):
                continue
            for act in self._horizon.kinds:
                outcome = stance.fault(act)
                if outcome is None:
                    continue
                after = self._after(world, number, outcome, is_fault=True)
                yield Step(act.value, number, None, after, left, outcome.broken)
        before = None
        for message in world.flight:
            if message == before or Act.ECHO not in self._horizon.kinds:
                continue
            before = message
            flight = tuple(sorted((*world.flight, message)))
            yield Step("gets twice", message.to, message, world._replace(flight=flight), left, "")
            sender = world.hosts[message.sender]
            if sender.is_up:
                outcome = sender.hears_itself(message.advert)
                after = self._after(world, message.sender, outcome)
                yield Step("hears itself", message.sender, message, after, left, outcome.broken)

    # -- what comes of it ------------------------------------------------------------------------

    def _after(
        self, world: World, number: int, outcome: Outcome, *, is_fault: bool = False
    ) -> World:
        stance, hosts, flight = outcome.stance, world.hosts, world.flight
        if not stance.is_up and flight:
            flight = tuple(one for one in flight if one.to != number)
        if outcome.said:
            others = [to for to, one in enumerate(hosts) if to != number and one.is_up]
            said = [Message(to, number, 0, advert) for advert in outcome.said for to in others]
            flight = tuple(sorted((*flight, *said)))
        calm = self._bounds.echo if hosts[number].is_mute and not stance.is_mute else world.calm
        start = calm if is_fault or outcome.is_change else world.start
        hosts = (*hosts[:number], stance, *hosts[number + 1 :])
        return self._settled(World(hosts, flight, calm, start))

    def _settled(self, world: World) -> World:
        """Forget since when, if there is nothing to complain of."""
        calm, start = world.calm, world.start
        if start != calm and (start < calm > 0 or not self._wrong(world.hosts)[0]):
            return World(world.hosts, world.flight, calm, calm)
        return world

    def _complaint(self, world: World, passed: int) -> str:
        """Say what would last too long if so much time passed."""
        return too_long(self._wrong(world.hosts), passed - world.start)


def _one_less(left: Budget, place: int) -> Budget:
    return (*left[:place], left[place] - 1, *left[place + 1 :])
