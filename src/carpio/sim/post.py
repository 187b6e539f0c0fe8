"""What can become of adverts that leave a host: each is lost, arrives, or arrives twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from carpio.sim.horizon import Horizon
from carpio.sim.reaction import Act, Advert

__all__ = ["Fate", "Letter", "Sayings", "fates"]


class Letter(NamedTuple):
    """An advert on its way."""

    sender: int
    age: int
    advert: Advert


class Fate(NamedTuple):
    """What became of adverts for one host."""

    letters: tuple[Letter, ...]
    """On their way to it."""
    is_lost: bool
    """One of them."""
    faults: int
    steps: tuple[tuple[str, Letter], ...]
    """For people: what is not as usual, of which advert."""


class Sayings:
    """Numbers what hosts say at once: 0 is nothing."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, tuple[Advert, ...]], int] = {}
        self.all: list[tuple[int, tuple[Advert, ...]]] = [(-1, ())]
        """By number: who said what."""

    def number(self, sender: int, said: tuple[Advert, ...]) -> int:
        """Return the one number of it."""
        if not said:
            return 0
        found = self._numbers.setdefault((sender, said), len(self.all))
        if found == len(self.all):
            self.all.append((sender, said))
        return found


def fates(sender: int, said: tuple[Advert, ...], horizon: Horizon, faults: int) -> Iterator[Fate]:
    """Yield all that can become of what a host says, when at most so many faults may begin."""
    letters = [Letter(sender, 0, advert) for advert in said]
    numbers = [1]
    if horizon.has_losses:
        numbers.append(0)
    if faults and Act.ECHO in horizon.kinds:
        numbers.append(2)
    for copies in product(numbers, repeat=len(letters)):
        twice = copies.count(2)
        if twice > faults:
            continue
        each = list(zip(letters, copies, strict=True))
        yield Fate(
            letters=tuple(letter for letter, number in each for _ in range(number)),
            is_lost=0 in copies,
            faults=twice,
            steps=tuple(
                ("will get twice" if number else "does not get", letter)
                for letter, number in each
                if number != 1
            ),
        )
