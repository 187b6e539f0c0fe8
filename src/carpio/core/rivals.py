"""The other speakers of a group, as last heard."""

from __future__ import annotations

from typing import Final

from carpio.core.model import IpAddress, Nanoseconds, RivalView
from carpio.wire.header import CarpHeader

__all__ = ["Rivals"]

_KEPT: Final = 8


class Rivals:
    """Remembers the last valid advertisement of each source; the oldest gives way."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: dict[tuple[int, int], tuple[IpAddress, CarpHeader, Nanoseconds]] = {}

    def note(self, source: IpAddress, header: CarpHeader, now: Nanoseconds) -> None:
        """Remember `header` as the latest word of `source`."""
        name = (source.version, int(source))  # cheaper to hash than the address object
        self._heard.pop(name, None)
        self._heard[name] = (source, header, now)
        if len(self._heard) > _KEPT:
            del self._heard[next(iter(self._heard))]

    def last_heard(self) -> Nanoseconds | None:
        """Return when anybody was heard last."""
        return max((at for _, _, at in self._heard.values()), default=None)

    def views(self) -> tuple[RivalView, ...]:
        """Return all, the latest first."""
        return tuple(
            RivalView(
                source=source,
                advbase=header.advbase,
                advskew=header.advskew,
                heard_at=at,
                demote=header.demote,
            )
            for source, header, at in reversed(self._heard.values())
        )
