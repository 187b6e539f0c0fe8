"""What a host is in an exploration, each different one once, with all that can be asked of it.

Equal stances of a host are one object, so that whole states are compared by identity, and
each question about one is reckoned once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

from carpio.core.election import Rank, interval
from carpio.core.model import State
from carpio.sim.reaction import Act, Advert, Host, Now

__all__ = ["Outcome", "Stance", "Stances"]

_MASTER: Final = State.MASTER.value
_FAULT: Final = "fault"
_ENDS: Final = (Act.LINK_UP, Act.PROMOTE, Act.PERMIT, Act.UNMUTE)
_OBEYED_WHEN_UP: Final = (Act.STALL, Act.MASTER, Act.BACKUP)


class Outcome(NamedTuple):
    """What came of something that was done to a host."""

    stance: Stance
    said: tuple[Advert, ...]
    """Adverts that left the host."""
    is_change: bool
    """Its rank, or whether it is MASTER, changed."""
    broken: str


class Stance:
    """One host, powered or not."""

    def __init__(self, stances: Stances, now: Now | None) -> None:
        """To be made by `stances` alone."""
        self.now = now
        self.is_master = now is not None and now.state == _MASTER
        self.is_up = now is not None and now.is_up
        self.is_mute = now is not None and now.is_mute
        self.is_able = self.is_up and now is not None and not now.refused
        self.due = None if now is None else now.due
        self.rank = stances.rank(now)
        self.role = stances.role(self)
        self._stances = stances
        self._later: dict[int, Stance] = {}
        self._heard: dict[Advert, Outcome] = {}
        self._faults: dict[Act, Outcome] = {}

    def later(self, passed: int) -> Stance:
        """Return what it is after so much time, if nothing happens."""
        found = self._later.get(passed)
        if found is None:
            now = None if self.now is None else self.now.later(passed)
            found = self._later[passed] = self._stances.of(now)
        return found

    def hears(self, advert: Advert) -> Outcome:
        """Return what comes of an advert."""
        found = self._heard.get(advert)
        if found is None:
            found = self._heard[advert] = self._done(Act.ADVERT, advert)
        return found

    def hears_itself(self, advert: Advert) -> Outcome:
        """Return what comes of an advert of its own that comes back."""
        return self._done(Act.ECHO, advert._replace(equal=True))

    def has_rank_of(self, advert: Advert) -> bool:
        """Return whether it could have sent the same advert."""
        return interval(advert.advbase, advert.advskew) == self.rank.interval

    @cached_property
    def deadline(self) -> Outcome:
        """What comes of its deadline, now."""
        return self._done(Act.DEADLINE)

    @cached_property
    def ends(self) -> tuple[tuple[Act, Outcome], ...]:
        """Faults that can end, and what comes of it."""
        return tuple(self._each(_ENDS if self.now is not None else (Act.BOOT,)))

    def fault(self, act: Act) -> Outcome | None:
        """Return what comes of a fault that begins; None: it cannot."""
        found = self._faults.get(act)
        if found is None and self.now is not None and act is not Act.ECHO and _can(self.now, act):
            found = self._faults[act] = self._done(act)
        return found

    def _each(self, acts: tuple[Act, ...]) -> Iterator[tuple[Act, Outcome]]:
        for act in acts:
            if self.now is None or _can(self.now, act):
                yield act, self._done(act)

    def _done(self, act: Act, advert: Advert | None = None) -> Outcome:
        reaction = self._stances.host.react(self.now, act, advert)
        stance = self._stances.of(reaction.now)
        is_change = stance.is_master != self.is_master or reaction.demoted
        said = () if reaction.is_mute else reaction.signed
        return Outcome(stance, said, is_change, reaction.broken)


class Stances:
    """All stances of one host that came up so far."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._known: dict[Now | None, Stance] = {}
        self._roles: dict[tuple[object, ...], int] = {}

    def of(self, now: Now | None) -> Stance:
        """Return the one stance that is `now`; None: off."""
        found = self._known.get(now)
        if found is None:
            found = self._known[now] = Stance(self, now)
        return found

    def role(self, stance: Stance) -> int:
        """Return a number for all that complaints depend on."""
        role = (stance.is_master, stance.is_able, stance.is_mute, stance.rank)
        return self._roles.setdefault(role, len(self._roles))

    def rank(self, now: Now | None) -> Rank:
        """Return what the election compares."""
        group, policy = self.host.group, self.host.config.preempt
        demotion = 0 if now is None else now.demotion
        preempt = policy if group.preempt is None else group.preempt
        return Rank.of(group.advbase, group.advskew, demotion, preempt=preempt)


def _can(now: Now, act: Act) -> bool:
    """Whether this can happen to a running host in its state."""
    is_demoted = any(cause == _FAULT for cause, _ in now.shares)
    match act:
        case Act.LINK_UP | Act.LINK_DOWN:
            return now.is_up == (act is Act.LINK_DOWN)
        case Act.PROMOTE | Act.DEMOTE:
            return is_demoted == (act is Act.PROMOTE)
        case Act.PERMIT | Act.REFUSE:
            return now.refused == (act is Act.PERMIT)
        case Act.UNMUTE | Act.MUTE:
            return now.is_mute == (act is Act.UNMUTE)
        case _:
            return now.is_up or act not in _OBEYED_WHEN_UP
