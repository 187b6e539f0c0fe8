"""What an exploration may not see for long: two masters, none, or not the best one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from carpio.sim.premises import Bounds
from carpio.sim.stance import Stance
from carpio.sim.telling import names
from carpio.sim.units import shown

__all__ = ["Complaints", "Wrong", "too_long"]

Wrong: TypeAlias = tuple[str, int]
"""What may not stay as it is, and for how long it may; an empty string: nothing."""


class Complaints:
    """Judges what the hosts of one group are together; each different judgement once."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._known: dict[tuple[object, ...], Wrong] = {}

    def of(self, hosts: Sequence[Stance]) -> Wrong:
        """Return what is wrong with these."""
        roles = tuple([one.role for one in hosts])
        found = self._known.get(roles)
        if found is None:
            found = self._known[roles] = self._judged(hosts)
        return found

    def _judged(self, hosts: Sequence[Stance]) -> Wrong:
        if any(one.is_mute for one in hosts):
            return "", 0  # not every pair delivers
        masters = [number for number, one in enumerate(hosts) if one.is_master]
        able = [number for number, one in enumerate(hosts) if one.is_able]
        if len(masters) > 1:
            return f"two masters, {names(masters)},", self._bounds.two
        if not masters:
            what = f"no master, and {names(able)} could be one," if able else ""
            return what, self._bounds.none
        mine = hosts[masters[0]].rank
        for number in able:
            rank = hosts[number].rank
            if rank.preempt and rank.interval < mine.interval:
                what = f"{names(masters)} is master, {names([number])} is better and preempts,"
                return what, self._bounds.best
        return "", 0


def too_long(wrong: Wrong, lasted: int) -> str:
    """Say what lasts too long, if it does."""
    what, bound = wrong
    return f"{what} for more than {shown(bound)}" if what and lasted > bound else ""
