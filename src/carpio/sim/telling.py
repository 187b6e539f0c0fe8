"""The steps of an exploration, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from carpio.sim.reaction import Advert
from carpio.sim.units import shown

__all__ = ["OnItsWay", "names", "told"]


class OnItsWay(Protocol):
    """An advert that somebody sent."""

    @property
    def sender(self) -> int:
        """The number of the host."""
        ...

    @property
    def advert(self) -> Advert:
        """What it says."""
        ...


def names(numbers: Sequence[int]) -> str:
    """Return what these hosts are called."""
    return " and ".join("abcdefgh"[number] for number in numbers)


def told(host: int, what: str, detail: OnItsWay | int | None) -> str:
    """Tell one step; `detail`: what it is about, or the time that passed before."""
    name = names([host])
    if isinstance(detail, int):
        return f"{shown(detail)} pass, {name}: {what}"
    if detail is None:
        return f"{name}: {what}"
    advert = detail.advert
    kind = "bow-out" if advert.bow_out else f"advert {advert.advbase}/{advert.advskew}"
    return f"{name}: {what}: {names([detail.sender])}'s {kind}, IPv{advert.family}"
