"""Tests that read as a dialogue with an engine.

    play(engine).at(3).deadline().expect(
        "1@eth0: BACKUP -> MASTER (master timed out)",
        "1@eth0: acquire",
        "1@eth0: advert v4 1/0",
    ).sent().expect("1@eth0: serve", "1@eth0: announce")

Each line is one effect; `expect` wants exactly these, in this order.
"""

from __future__ import annotations

from typing import assert_never

from tests.helpers.builders import key_of, seconds

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    ReportDemotion,
    ReportDrop,
    ReportTransition,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.engine import Engine
from carpio.core.events import DeadlineReached, Event, SendFailed, SendSucceeded
from carpio.core.model import InstanceView, Nanoseconds
from carpio.wire.header import decode_advertisement

__all__ = ["Play", "in_words", "play"]


def in_words(effect: Effect) -> str:
    """Return the line for an effect."""
    match effect:
        case SendAdvertisement():
            header = decode_advertisement(effect.payload)
            what = "bow-out" if effect.bow_out else "advert"
            rank = f"{header.advbase}/{header.advskew}"
            return f"{effect.instance}: {what} v{effect.family.value} {rank}"
        case AcquireAddresses():
            return f"{effect.instance}: acquire"
        case ServeAddresses():
            return f"{effect.instance}: serve"
        case AnnounceAddresses():
            return f"{effect.instance}: announce"
        case ReleaseAddresses():
            return f"{effect.instance}: release"
        case ReportTransition():
            change = f"{effect.old.value} -> {effect.new.value}"
            return f"{effect.instance}: {change} ({effect.reason})"
        case ReportDemotion():
            return f"demoted by {effect.delta} to {effect.total} ({effect.reason})"
        case ReportDrop():
            whom = effect.instance or effect.carpdev
            return f"{whom}: drop {effect.reason.value}"
        case _:
            assert_never(effect)


class Play:
    """One engine, the time on stage, and what it did last."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = Nanoseconds(0)
        self.effects: list[Effect] = []

    def at(self, when: float) -> Play:
        """It is now `when` seconds after the beginning."""
        assert seconds(when) >= self.now, "time does not go back"
        self.now = seconds(when)
        return self

    def on(self, *events: Event) -> Play:
        """All these happen now; their effects are gathered."""
        self.effects = [
            effect for event in events for effect in self.engine.handle(event, self.now)
        ]
        return self

    def deadline(self) -> Play:
        """Time goes on to the next deadline, or it is past already."""
        due = self.engine.next_deadline()
        assert due is not None, "nothing is awaited"
        self.now = max(self.now, due)
        return self.on(DeadlineReached())

    def sent(self) -> Play:
        """All that the engine wanted sent left the host."""
        return self.on(*(SendSucceeded(it.instance, it.family) for it in self._wanted_sent()))

    def not_sent(self, errno: int) -> Play:
        """Nothing of it did."""
        return self.on(*(SendFailed(it.instance, it.family, errno) for it in self._wanted_sent()))

    def expect(self, *lines: str) -> Play:
        """The last input had exactly these effects."""
        assert [in_words(effect) for effect in self.effects] == list(lines)
        return self

    def due(self, when: float | None) -> Play:
        """The next deadline is at `when` seconds."""
        due = self.engine.next_deadline()
        assert due == (None if when is None else seconds(when))
        return self

    def master(self) -> Play:
        """Nobody is heard: deadlines pass until the instances that wait are MASTER and serve."""
        return self.deadline().sent()

    def view(self, name: str = "1@eth0") -> InstanceView:
        """Return the picture of one instance."""
        key = key_of(name)
        return next(view for view in self.engine.snapshot().instances if view.instance == key)

    def payloads(self) -> list[bytes]:
        """Return what the last input made the engine send, bow-outs included."""
        return [it.payload for it in self.effects if isinstance(it, SendAdvertisement)]

    def _wanted_sent(self) -> list[SendAdvertisement]:
        sends = (it for it in self.effects if isinstance(it, SendAdvertisement))
        return [it for it in sends if not it.bow_out]


def play(engine: Engine) -> Play:
    """Begin a dialogue at time 0."""
    return Play(engine)
