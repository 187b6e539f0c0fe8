"""What can become of adverts that leave a host: each is lost, arrives, or arrives twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from carpio.sim.horizon import Horizon
from carpio.sim.places import Letter
from carpio.sim.reaction import Act, Advert

__all__ = ["Dispatch", "Post"]


class Dispatch(NamedTuple):
    """What became of adverts."""

    letters: tuple[tuple[Letter, ...], ...]
    """On their way to each host."""
    is_lost: bool
    """One of them, for one host."""
    faults: int
    steps: tuple[tuple[int, str, Letter], ...]
    """For people: host, what, and which advert; nothing about those that are on their way."""


class Post:
    """Knows all that can become of adverts."""

    def __init__(self, horizon: Horizon) -> None:
        self._horizon = horizon
        self._has_copies = Act.ECHO in horizon.kinds
        self._known: dict[object, list[Dispatch]] = {}

    def of(
        self, sender: int, said: tuple[Advert, ...], up: tuple[int, ...], faults: int
    ) -> list[Dispatch]:
        """Return all that can become of what one host says.

        `up` says of each host whether it listens: 0: no, 1: yes, 2: from some time on.
        """
        name = (sender, said, up, faults)
        found = self._known.get(name)
        if found is None:
            letters = tuple(Letter(sender, 0, advert) for advert in said)
            each = [
                [((), False, 0, ())]
                if to == sender or not listens
                else list(self._to_one(to, letters, listens == 2, faults))
                for to, listens in enumerate(up)
            ]
            found = self._known[name] = [
                Dispatch(
                    tuple(part[0] for part in parts),
                    any(part[1] for part in parts),
                    sum(part[2] for part in parts),
                    tuple(step for part in parts for step in part[3]),
                )
                for parts in product(*each)
                if sum(part[2] for part in parts) <= faults
            ]
        return found

    def _to_one(
        self, to: int, letters: tuple[Letter, ...], is_partly: bool, faults: int
    ) -> Iterator[tuple[tuple[Letter, ...], bool, int, tuple[tuple[int, str, Letter], ...]]]:
        fates = [1]
        if self._horizon.has_losses:
            fates.append(0)
        if self._has_copies and faults:
            fates.append(2)
        for missed in range(len(letters) + 1 if is_partly else 1):
            heard = letters[missed:]
            for copies in product(fates, repeat=len(heard)):
                twice = copies.count(2)
                if twice > faults:
                    continue
                sent = tuple(
                    letter
                    for letter, number in zip(heard, copies, strict=True)
                    for _ in range(number)
                )
                steps = tuple(
                    (to, "will get twice" if number else "does not get", letter)
                    for letter, number in zip(heard, copies, strict=True)
                    if number != 1
                )
                yield sent, 0 in copies, twice, steps
