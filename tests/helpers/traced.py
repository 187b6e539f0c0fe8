"""Lives of engines that are traced as the daemon traces them, without a daemon."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.helpers.builders import advert, engine_config, group

from carpio.core.effects import SendAdvertisement
from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    ConfigurationReplaced,
    CountersCleared,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    Event,
    LinkWentDown,
    LinkWentUp,
    SendFailed,
    SendSucceeded,
    Stalled,
    Started,
    StateRequested,
    Stopped,
)
from carpio.core.model import EngineConfig, Nanoseconds, State
from carpio.runtime.trace import TraceFile, Tracer, TraceWriter
from carpio.wire.constants import Family

__all__ = ["GROUP", "TracedLife", "writer"]

GROUP = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64", advskew=100)
CONFIG = engine_config(GROUP, preempt=True)
BEGIN = 10**15


def writer(path: Path, *, limit: int = 1 << 24) -> TraceWriter:
    """Return a writer to a new file."""
    return TraceWriter(TraceFile(path, 0), limit, "blue")


class TracedLife:
    """An engine in a loop like that of the daemon, with its tracer; chance by a seed."""

    def __init__(self, seed: int = 0, config: EngineConfig = CONFIG) -> None:
        self.now = Nanoseconds(BEGIN)
        self.chance = Random(seed)
        self.tracer = Tracer(Random(seed + 1))
        self.engine = Engine(self.tracer.entropy)
        self.tell(Started(config=config), LinkWentUp("eth0"))

    def tell(self, *events: Event) -> None:
        """Let these happen, and what comes of sending."""
        waiting = list(events)
        while waiting:
            event = waiting.pop(0)
            effects = self.engine.handle(event, self.now)
            self.tracer.note(self.now, event, effects)
            for effect in effects:
                if isinstance(effect, SendAdvertisement) and not effect.bow_out:
                    waiting.append(self._sent(effect))
        self.tracer.write(self.engine)

    def _sent(self, effect: SendAdvertisement) -> Event:
        if self.chance.random() < 0.1:
            return SendFailed(effect.instance, effect.family, 105)
        return SendSucceeded(effect.instance, effect.family)

    def use(self, writer: TraceWriter | None) -> None:
        """Trace from now on."""
        self.tracer.use(writer, self.engine, self.now)

    def time_out(self) -> None:
        """Let time pass until the next deadline, and meet it."""
        due = self.engine.next_deadline()
        assert due is not None
        self.now = due
        self.tell(DeadlineReached())

    def live(self, steps: int) -> None:
        """Let things happen."""
        for _ in range(steps):
            due = self.engine.next_deadline()
            if due is not None and self.chance.random() < 0.6:
                self.now = Nanoseconds(max(self.now, due) + self.chance.choice([0, 1000]))
                self.tell(DeadlineReached())
            else:
                self.now = Nanoseconds(self.now + self.chance.choice([1000, 10**8]))
                self.tell(self._something())

    def _something(self) -> Event:
        chance = self.chance
        bad: DatagramReceived = advert(payload=b"\x21\x01\x00\x07" + bytes(32))
        wrong = advert(group("1@eth0", "10.0.0.1/24", passphrase="other"))
        events: list[Event] = [
            LinkWentUp("eth0"),
            LinkWentDown("eth0"),
            DemotionAdjusted("test", chance.choice([-10, 10, 240])),
            DemotionCleared("test"),
            AddressesRefused(GROUP.instance, "no room"),
            AddressesAvailable(GROUP.instance),
            StateRequested(GROUP.instance, chance.choice([State.MASTER, State.BACKUP])),
            Stalled(Nanoseconds(4 * 10**9)),
            CountersCleared(),
            ConfigurationReplaced(config=CONFIG),
            bad,
            wrong,
        ]
        peer = advert(
            GROUP,
            advskew=chance.choice([0, 100, 240]),
            advbase=chance.choice([1, 1, 255]),
            counter=chance.getrandbits(64),
            family=chance.choice(list(Family)),
        )
        return chance.choice([peer, peer, peer, LinkWentUp("eth0"), *events])

    def stop(self) -> None:
        """Leave in good order and see all of it written."""
        self.tell(Stopped())
        self.tracer.leave(self.now, wait=True)
