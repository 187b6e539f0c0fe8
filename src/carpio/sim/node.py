"""One host: the unmodified engine, the loop around it, and its kernel.

The loop does what the daemon's does, in its order: what was read, gates that the kernel closed,
deadlines; effects in the phases of the daemon's performer; what comes of them before anything
that happened later. A deadline is noticed a seeded moment late. Knows how a host lives and dies;
must not know faults, other hosts, or what must hold.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from carpio.core.effects import Effect
from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    ConfigurationReplaced,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    Event,
    LinkWentDown,
    LinkWentUp,
    Started,
    Stopped,
)
from carpio.core.model import EngineConfig, InstanceKey, Nanoseconds, State, Vhid
from carpio.sim.clock import MachineClock
from carpio.sim.datapath import Datapath, NaiveDatapath
from carpio.sim.entropy import stream
from carpio.sim.frames import Frame
from carpio.sim.nic import Nic
from carpio.sim.performer import Performer, refusals
from carpio.sim.witness import Witness
from carpio.wire.constants import Family

__all__ = ["NOTABLE_DRIFT", "Hold", "HostSetup", "Nic", "Node", "Witness"]

_BACKLOG: Final = 4096
"""Frames that wait in the socket of a process that does not run."""
_LATENCY: Final = 200_000
"""A deadline is noticed up to this many nanoseconds late."""
_TIE_DELAY: Final = (100_000_000, 1_000_000_000)
"""How long the naive datapath leaves addresses on the NIC."""
NOTABLE_DRIFT: Final = 10_000
"""Millionths; the dead-man has 3 % in hand (2.9 of 3 intervals), for two clocks."""
_TURN_OFF: Final = 3
"""An advbase that can be a reason for any group to take over (spec 5.3: over 3 x ours)."""
_LATENCY_BITS: Final = _LATENCY.bit_length()
_DUE: Final = DeadlineReached()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetup:
    """A host to simulate."""

    name: str
    config: EngineConfig


@unique
class Hold(Enum):
    """What keeps a host from working; several can hold at once, each more than once."""

    CRASHED = "crashed"
    """No power."""
    STOPPED = "stopped"
    """The daemon left in good order."""
    KILLED = "killed"
    """The daemon is dead, the kernel lives."""
    PAUSED = "paused"
    """The daemon does not run, as after SIGSTOP; the kernel lives."""
    FROZEN = "frozen"
    """The machine and its clocks stand still."""


class Node:
    """A host with its process, clock and kernel."""

    def __init__(
        self,
        setup: HostSetup,
        nics: Mapping[str, tuple[bytes, dict[Family, bytes]]],
        *,
        schedule: Callable[[int, Callable[[Any, int], None], Any], None],
        witness: Witness,
        seed: int,
        naive: bool = False,
    ) -> None:
        """`nics`: MAC and source addresses by carpdev. `seed` names its streams of entropy."""
        self.name = setup.name
        self.config = setup.config
        self.nics = {name: Nic(self, name, *what) for name, what in nics.items()}
        self.engine: Engine | None = None
        self.states: dict[InstanceKey, State] = {}
        self.is_powered = False
        self.received = 0
        self.drops: Counter[str] = Counter()
        self.demotion = 0
        self.masters = 0
        """How many of its instances are MASTER."""
        self.is_frozen = False
        self.thawed_at = 0
        """When its clocks went on after they had stood still; 0: they never did."""
        self.was_slow = False
        """Whether its clock ever was slow by more than the dead-man has in hand."""
        self._seed = seed
        self._entropy = stream(seed, self.name, "latency")
        self._starts = 0
        self._holds: Counter[Hold] = Counter()
        self._refusals: Counter[InstanceKey] = Counter()
        self._schedule = schedule
        self._witness = witness
        self.clock = MachineClock(self._entropy.randrange(10**9, 10**15))
        self._local = Nanoseconds(0)
        """What its clock shows in this step."""
        kind = NaiveDatapath if naive else Datapath
        self.datapath = kind({n: nic.mac for n, nic in self.nics.items()}, self._what_time)
        self._is_listening = False
        self._is_paused = False
        self._is_outdated = False
        """Whether `config` changed while the daemon could not be told."""
        self._backlog: deque[Event] = deque(maxlen=_BACKLOG)
        self._wake_at: int | None = None
        self._performer = Performer(self, witness, schedule)

    # -- life and death ------------------------------------------------------------------

    def boot(self, now: int) -> None:
        """Switch on for the first time."""
        self._become(now)

    def hold(self, what: Hold, now: int) -> None:
        """Something keeps the host from working from now on."""
        self._holds[what] += 1
        self._become(now)

    def let_go(self, what: Hold, now: int) -> None:
        """It does no longer."""
        self._holds[what] -= 1
        self._become(now)

    def is_held(self, what: Hold) -> bool:
        """Whether something of this kind holds the host."""
        return self._holds[what] > 0

    @property
    def is_working(self) -> bool:
        """Whether the daemon runs."""
        return self._is_listening

    def _become(self, now: int) -> None:
        """Be what the holds leave, one step at a time."""
        self._local = self.clock.local(now)
        holds = self._holds
        if holds[Hold.CRASHED]:
            if self.is_powered:
                self._lose_power(now)
        elif not self.is_powered:
            self._power_on(now)
        elif bool(holds[Hold.FROZEN]) != self.is_frozen:
            self._freeze(now) if holds[Hold.FROZEN] else self._thaw(now)
        if self.is_frozen or not self.is_powered:
            return
        wanted = not holds[Hold.STOPPED] and not holds[Hold.KILLED]
        if self.engine is not None and holds[Hold.KILLED]:
            self._kill(now)
        if self.engine is not None and bool(holds[Hold.PAUSED]) != self._is_paused:
            self._pause(now) if holds[Hold.PAUSED] else self._resume(now)
        if self.engine is not None and not wanted and not self._is_paused:
            self._stop(now)
        elif self.engine is None and wanted:
            self._start(None, now)

    def _power_on(self, now: int) -> None:
        self.is_powered = True
        for nic in self.nics.values():
            nic.segment.set_link(nic.port, not nic.port.cuts)
        self.datapath.clear()
        if isinstance(self.datapath, NaiveDatapath):
            for carpdev, frame in self.datapath.put_on_nic(self.config.instances):
                self.say(self.nics[carpdev], frame, now)
            self._schedule(now + self._entropy.randrange(*_TIE_DELAY), self._tie, self._starts)

    def _tie(self, start: int, now: int) -> None:
        """The naive datapath gives the addresses to their groups; then it does as the real one."""
        if isinstance(self.datapath, NaiveDatapath) and self.is_powered:
            self.datapath.tie()
            self._become(now)

    def _lose_power(self, now: int) -> None:
        if self.is_frozen:
            self.clock.thaw(now)
        self.is_powered = self.is_frozen = False
        for nic in self.nics.values():
            nic.segment.set_link(nic.port, False)
        self.datapath.clear()
        self._forget()
        self._witness.changed(self, None, now)

    def _start(self, _: object, now: int) -> None:
        if any(self.datapath.on_nic.values()):
            return  # not tied yet
        self._starts += 1
        self.engine = Engine(stream(self._seed, self.name, "counter", self._starts))
        self.states = {}
        self.masters = 0
        self.demotion = 0
        self._is_listening, self._is_paused = True, False
        resumed = self.datapath.adopt(self.config.instances)
        refusals = self.datapath.install(self.config.instances)
        self._performer.build(self.config.instances)
        links = [LinkWentUp(n) for n, nic in self.nics.items() if nic.port.is_up]
        refused = [AddressesRefused(key, reason) for key, reason in refusals.items()]
        start = Started(config=self.config, resumed=tuple(resumed))
        self._turn([start, *links, *refused], now)
        self._witness.changed(self, None, now)
        self._become(now)

    def _stop(self, now: int) -> None:
        self._turn([Stopped()], now)
        self.datapath.clear()
        self._forget()
        self._witness.changed(self, None, now)

    def _kill(self, now: int) -> None:
        self._forget()
        self._witness.changed(self, None, now)

    def _forget(self) -> None:
        """The process is gone."""
        self.engine = None
        self._is_listening = self._is_paused = self._is_outdated = False
        self._wake_at = None
        self.masters = 0
        self._backlog.clear()

    def _pause(self, now: int) -> None:
        self._is_paused, self._is_listening = True, False
        self._witness.changed(self, None, now)

    def _resume(self, now: int) -> None:
        """Read what waited, then give up expired gates, then act on time, as the daemon does."""
        self._is_paused, self._is_listening = False, True
        self._catch_up(now)
        self._witness.changed(self, None, now)

    def _freeze(self, now: int) -> None:
        self.clock.freeze(now)
        self.is_frozen, self._is_listening = True, False
        self._witness.changed(self, None, now)

    def _thaw(self, now: int) -> None:
        self.clock.thaw(now)
        self.is_frozen, self.thawed_at = False, now
        self._is_listening = self.engine is not None and not self._is_paused
        self._wake_at = None
        self._performer.thaw(now)
        if self._is_listening:
            self._catch_up(now)
        self._witness.changed(self, None, now)

    def _catch_up(self, now: int) -> None:
        """Read what waited, and a configuration that was replaced meanwhile."""
        events = self._take_backlog()
        if self._is_outdated:
            events.append(self._take_config())
        self._turn(events, now)

    def _take_config(self) -> Event:
        """Let the kernel hold what is configured; return what to tell the engine."""
        self._is_outdated = False
        self.datapath.install(self.config.instances)
        self._performer.build(self.config.instances)
        return ConfigurationReplaced(config=self.config)

    def _take_backlog(self) -> list[Event]:
        waiting = list(self._backlog)
        self._backlog.clear()
        self.received += sum(isinstance(event, DatagramReceived) for event in waiting)
        return waiting

    # -- what is done to a living host ----------------------------------------------------------

    def tell(self, event: Event, now: int) -> None:
        """Hand an event to the engine; a process that does not run hears of it later."""
        if self._is_listening:
            self._turn([event], now)
        elif self.engine is not None:
            self._backlog.append(event)

    def cut(self, carpdev: str, now: int) -> None:
        """Pull the cable, seen at both ends."""
        nic = self.nics[carpdev]
        nic.port.cuts += 1
        if nic.port.cuts == 1:
            nic.segment.set_link(nic.port, False)
            self.tell(LinkWentDown(carpdev), now)
            self._witness.changed(self, None, now)

    def mend(self, carpdev: str, now: int) -> None:
        """Put it back in."""
        nic = self.nics[carpdev]
        nic.port.cuts -= 1
        if not nic.port.cuts and self.is_powered:
            nic.segment.set_link(nic.port, True)
            self.tell(LinkWentUp(carpdev), now)
            self._witness.changed(self, None, now)

    def demote(self, cause: str, points: int, now: int) -> None:
        """Add to the demotion number, as `carpio demote CAUSE +N`."""
        self.tell(DemotionAdjusted(cause, points), now)

    def promote(self, cause: str, now: int) -> None:
        """Take it back, as `carpio demote --clear CAUSE`."""
        self.tell(DemotionCleared(cause), now)

    def drift(self, ppm: int, now: int) -> None:
        """Let the clock gain `ppm` millionths from now on."""
        self.was_slow = self.was_slow or ppm < -NOTABLE_DRIFT
        self.clock.drift(ppm, now)
        self._wake_at = None
        self._rearm(now)

    def refuse(self, key: InstanceKey, reason: str, now: int) -> None:
        """The host will not hold the addresses of a group, for one reason more."""
        self._refusals[key] += 1
        if self._refusals[key] > 1:
            return
        self.datapath.refused[key] = reason
        self.tell(AddressesRefused(key, reason), now)
        self._witness.changed(self, None, now)

    def permit(self, key: InstanceKey, now: int) -> None:
        """One reason is gone; it will hold them again after the last."""
        self._refusals[key] -= 1
        if self._refusals[key]:
            return
        del self.datapath.refused[key]
        self.tell(AddressesAvailable(key), now)
        self._witness.changed(self, None, now)

    def reconfigure(self, config: EngineConfig, now: int) -> None:
        """Use another configuration: the host first, then the engine, as a reload does.

        A daemon that does not run reads it when it runs again.
        """
        self.config = config
        self._is_outdated = self.engine is not None
        if self._is_listening:
            self._turn([self._take_config()], now)

    # -- the wire ------------------------------------------------------------------------------

    def hear(self, heard: DatagramReceived, now: int) -> None:
        """An advert arrived."""
        engine = self.engine
        if engine is not None and self._is_listening:
            self.received += 1
            local = self._local = self.clock.local(now)
            effects = engine.handle(heard, local)
            if effects:
                self._follow(engine, effects, now, local)
                self._rearm(now)
            elif self.masters or heard.payload[5] >= _TURN_OFF:
                # all else that an advert can change without an effect comes later than before
                self._rearm(now)
            if engine.is_stuck(heard.carpdev, heard.payload[1]):
                self._witness.stuck(self, InstanceKey(Vhid(heard.payload[1]), heard.carpdev), now)
        elif self._is_paused and not self.is_frozen:
            self._backlog.append(heard)

    def take(self, nic: Nic, frame: Frame, now: int) -> None:
        """Anything else arrived: the kernel answers, whatever the daemon does."""
        if self.is_frozen or not self.is_powered:
            return
        self._local = self.clock.local(now)
        answers, taken = self.datapath.receive(nic.carpdev, frame)
        if taken:
            self._witness.took(nic, frame, now)
        for answer in answers:
            self.say(nic, answer, now)

    def speaks(self, key: InstanceKey, now: int) -> bool:
        """Whether the host answers for a group on the wire."""
        self._local = self.clock.local(now)
        nic = self.nics[key.carpdev]
        return not self.is_frozen and nic.port.is_up and self.datapath.speaks(key)

    def say(self, nic: Nic, frame: Frame, now: int) -> None:
        if (
            nic.port.is_up
            and not nic.refuses_to_send
            and self.datapath.lets_out(nic.carpdev, frame)
        ):
            self._witness.spoke(nic, frame, now)
            nic.segment.transmit(nic.port, frame, now)

    # -- the loop ------------------------------------------------------------------------------

    def _turn(self, events: Sequence[Event], now: int) -> None:
        """Handle what was read, then gates that the kernel closed, then what is due."""
        self._local = self.clock.local(now)
        if events:
            self._run(events, now)
        self._act_on_time(now)
        self._rearm(now)

    def _act_on_time(self, now: int) -> None:
        expired = self.datapath.expired()
        if expired:
            self._run(refusals(dict.fromkeys(expired, "dead-man closed the gate")), now)
        engine, local = self.engine, self._local
        if engine is not None:
            deadline = engine.next_deadline()
            if deadline is not None and deadline <= local:
                self._follow(engine, engine.handle(_DUE, local), now, local)

    def _run(self, events: Iterable[Event], now: int) -> None:
        engine = self.engine
        if engine is None:
            return
        local = self._local
        effects: list[Effect] = []
        for event in events:
            effects += engine.handle(event, local)
        self._follow(engine, effects, now, local)

    def _follow(self, engine: Engine, effects: list[Effect], now: int, local: Nanoseconds) -> None:
        """Perform effects, and what comes of them, until nothing does."""
        while effects:
            events = self._performer.perform(effects, now)
            effects = []
            for event in events:
                effects += engine.handle(event, local)

    def _rearm(self, now: int) -> None:
        """See to it that `_wake` comes at the next deadline; an earlier one does no harm."""
        if not self._is_listening or self.engine is None:
            return
        deadline = self.engine.next_deadline()
        if deadline is None:
            return
        at = self.clock.when(deadline)
        if at < now:
            at = now
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at = at + self._latency()
            self._schedule(at, self._wake, at)

    def _latency(self) -> int:
        """Return what `randrange` would, which takes four times as long."""
        draw = self._entropy.getrandbits
        late = draw(_LATENCY_BITS)
        while late >= _LATENCY:
            late = draw(_LATENCY_BITS)
        return late

    def _wake(self, at: int, now: int) -> None:
        if at != self._wake_at:
            return  # another one counts
        self._wake_at = None
        if not self._is_listening or self.engine is None:
            return
        deadline = self.engine.next_deadline()
        local = self._local = self.clock.local(now)
        if deadline is not None and deadline <= local:
            self._act_on_time(now)
            self._rearm(now)
        else:
            self._rearm(now)

    def _what_time(self) -> Nanoseconds:
        return self._local
