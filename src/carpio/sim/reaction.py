"""One host with one group as a function: what it is and what happens, to what it is then and says.

Runs the unmodified engine. What a host is, is abstract: deadlines are relative to now, and of
counters and digests only counts whether an advert is equal to one that the host sent. Announcements
are left out, because no other host's decision depends on them. Answers are remembered, so that
each question is put to the engine once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias, assert_never

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
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
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
from carpio.core.memory import AnnouncerMemory, EngineMemory, InstanceMemory, recall, remember
from carpio.core.model import DemotionCause, EngineConfig, Nanoseconds, State
from carpio.core.signer import Entropy
from carpio.core.table import AT_ONCE, Trigger
from carpio.core.tenure import Takeover
from carpio.wire.auth import Authenticator
from carpio.wire.constants import CARP_TTL, Family
from carpio.wire.header import decode_advertisement, encode_advertisement

__all__ = ["FAULTS", "Act", "Advert", "EngineMaker", "Host", "Now", "Question", "Reaction"]

EngineMaker: TypeAlias = Callable[[Entropy], Engine]

_NOW: Final = Nanoseconds(10**15)
_OURS: Final = 1_000
_THEIRS: Final = 1_000_000
"""Counters that stand for the host's own and for that of an advert that it hears."""
_POINTS: Final = 240
_CAUSE: Final = "fault"
_ENOBUFS: Final = 105
_ENOUGH: Final = 3
"""More failed sends than these change nothing, nor do good ones before the first failed one."""
_SOURCES: Final = {Family.IPV4: ip_address("192.0.2.9"), Family.IPV6: ip_address("fe80::9")}
_ANNOUNCED: Final = AnnouncerMemory((), (), False, 0, 1_000)
"""Nothing is left to announce."""


@unique
class Act(Enum):
    """What can be done to a host; the value is for people."""

    ADVERT = "hears"
    ECHO = "hears its own advert"
    DEADLINE = "deadline"
    BOOT = "boots"
    CRASH = "loses power"
    STOP = "is stopped"
    RESTART = "is killed and started again"
    LINK_DOWN = "link down"
    LINK_UP = "link up"
    DEMOTE = "demoted by 240"
    PROMOTE = "demotion taken back"
    REFUSE = "addresses refused"
    PERMIT = "addresses available"
    MUTE = "sends fail"
    UNMUTE = "sends work"
    STALL = "did not run for long"
    MASTER = "asked to be MASTER"
    BACKUP = "asked to be BACKUP"


FAULTS: Final = (
    *(Act.CRASH, Act.STOP, Act.RESTART, Act.LINK_DOWN, Act.DEMOTE, Act.REFUSE, Act.MUTE),
    *(Act.STALL, Act.MASTER, Act.BACKUP, Act.ECHO),
)
"""What can begin to be wrong; with the echo also that an advert arrives twice."""


class Advert(NamedTuple):
    """What an advert says; `equal`: its receiver sent the same one."""

    family: int
    advbase: int
    advskew: int
    bow_out: bool = False
    equal: bool = False


class Now(NamedTuple):
    """What a running host is. Times are nanoseconds from now."""

    state: str
    is_up: bool
    serving: bool = False
    advertise: int | None = None
    down: tuple[tuple[int, int], ...] = ()
    takeover: tuple[int, int, int] | None = None
    refused: bool = False
    suppressed: bool = False
    errors: int = 0
    successes: int = 0
    shares: tuple[tuple[str, int], ...] = ()
    crossing_bits: int = 0
    is_mute: bool = False

    @property
    def due(self) -> int | None:
        """When the engine is to be woken."""
        times = [at for _, at in self.down]
        if self.advertise is not None:
            times.append(self.advertise)
        if self.takeover is not None:
            times.append(self.takeover[0])
        return min(times, default=None)

    def later(self, passed: int) -> Now:
        """Return the same after so much time."""
        takeover = self.takeover
        return self._replace(
            advertise=None if self.advertise is None else self.advertise - passed,
            down=tuple((family, at - passed) for family, at in self.down),
            takeover=None if takeover is None else (takeover[0] - passed, *takeover[1:]),
        )

    @property
    def demotion(self) -> int:
        """The demotion number."""
        return sum(value for _, value in self.shares)


Question: TypeAlias = tuple[Now | None, Act, Advert | None]
"""What a host is (None: off), and what is done to it."""


class Reaction(NamedTuple):
    """What came of it."""

    now: Now | None
    signed: tuple[Advert, ...] = ()
    """In order, bow-outs included."""
    is_mute: bool = False
    """None of them left the host."""
    demoted: bool = False
    """The demotion number changed."""
    broken: str = ""
    """What must not be; empty: nothing."""


class _Same:
    """Not random: all chance of an explored host is in the order of what happens."""

    def __init__(self, number: int) -> None:
        self._number = number

    def getrandbits(self, k: int, /) -> int:
        """Return a number of the host; hosts of equal rank never draw the same."""
        return (self._number + 1) << max(k - 4, 0)


class Host:
    """Answers questions about one host."""

    def __init__(self, number: int, config: EngineConfig, make: EngineMaker = Engine) -> None:
        """`config` has one group. `make`: the engine to ask, for whoever has another one."""
        self.config = config
        (self.group,) = config.instances
        self._entropy = _Same(number)
        self._make = make
        self._engine = self._start()
        self._answers: dict[Question, Reaction] = {}
        addresses = [virtual.address for virtual in self.group.addresses]
        self._authenticator = Authenticator(self.group.key, self.group.vhid, addresses)

    def react(self, now: Now | None, act: Act, advert: Advert | None = None) -> Reaction:
        """Return what comes of `act`."""
        question = (now, act, advert)
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._ask(question)
        return answer

    @property
    def asked(self) -> int:
        """How many different questions were put to the engine."""
        return len(self._answers)

    # -- asking the engine -------------------------------------------------------------------

    def _start(self, *, resumed: bool = False) -> Engine:
        engine = self._make(self._entropy)
        names = (self.group.instance,) if resumed else ()
        engine.handle(Started(config=self.config, resumed=names), _NOW)
        return engine

    def _ask(self, question: Question) -> Reaction:
        now, act, advert = question
        if act is Act.CRASH:
            return Reaction(None)
        if act in (Act.MUTE, Act.UNMUTE):
            assert now is not None  # noqa: S101 - a host that is off sends nothing
            return Reaction(now._replace(is_mute=act is Act.MUTE))
        key, up = self.group.instance, LinkWentUp(self.group.carpdev)
        if now is None or act is Act.RESTART:
            was_master = now is not None and now.state == State.MASTER.value
            engine = self._start(resumed=was_master)
            before = Now(State.INIT.value, False, is_mute=now is not None and now.is_mute)
            return _Witness(engine, before, None, gate=was_master).see([up])
        engine = self._engine
        recall(engine, self._memory(now, advert))
        events: dict[Act, Event] = {
            Act.DEADLINE: DeadlineReached(),
            Act.STOP: Stopped(),
            Act.LINK_DOWN: LinkWentDown(self.group.carpdev),
            Act.LINK_UP: up,
            Act.DEMOTE: DemotionAdjusted(_CAUSE, _POINTS),
            Act.PROMOTE: DemotionCleared(_CAUSE),
            Act.REFUSE: AddressesRefused(key, "refused"),
            Act.PERMIT: AddressesAvailable(key),
            Act.STALL: Stalled(Nanoseconds(3_000_000_000)),
            Act.MASTER: StateRequested(key, State.MASTER),
            Act.BACKUP: StateRequested(key, State.BACKUP),
        }
        event = events.get(act) or self._datagram(advert, is_own=act is Act.ECHO)
        reaction = _Witness(engine, now, _OURS).see([event])
        if act is Act.STOP:
            self._engine = self._start()
        return reaction

    def _datagram(self, advert: Advert | None, *, is_own: bool) -> DatagramReceived:
        assert advert is not None  # noqa: S101 - only adverts are heard
        family = Family(advert.family)
        counter = _THEIRS.to_bytes(8, "big")
        digest = self._authenticator.digest(counter)
        rank = (advert.advskew, advert.advbase)
        return DatagramReceived(
            carpdev=self.group.carpdev,
            family=family,
            source=_SOURCES[family],
            ttl=CARP_TTL,
            payload=encode_advertisement(self.group.vhid, *rank, counter, digest),
            is_own_source=is_own,
        )

    def _memory(self, now: Now, advert: Advert | None) -> EngineMemory:
        sent = []
        if advert is not None and advert.equal:
            digest = self._authenticator.digest(_THEIRS.to_bytes(8, "big"))
            sent.append((digest, advert.advbase, advert.advskew, Family(advert.family)))
        takeover = None
        if now.takeover is not None:
            at, trigger, family = now.takeover
            takeover = Takeover(Nanoseconds(_NOW + at), Trigger(trigger), Family(family))
        group = InstanceMemory(
            instance=self.group.instance,
            state=State(now.state),
            since=_NOW,
            reason="",
            announcements=AT_ONCE,
            advertise_at=None if now.advertise is None else Nanoseconds(_NOW + now.advertise),
            announcer=_ANNOUNCED if now.serving else None,
            master_down=tuple((Family(f), Nanoseconds(_NOW + at)) for f, at in now.down),
            takeover=takeover,
            counter=_OURS,
            sent=tuple(sent),
            crossing_bits=now.crossing_bits,
            refusal="refused" if now.refused else None,
            last_sent=None,
            is_suppressed=now.suppressed,
            send_errors=now.errors,
            send_successes=now.successes,
        )
        return EngineMemory(
            links=((self.group.carpdev, now.is_up),),
            resumed=(),
            shares=tuple(DemotionCause(*share) for share in now.shares),
            instances=(group,),
        )


class _Witness:
    """Performs what an engine wants and looks whether it may want that."""

    def __init__(
        self, engine: Engine, before: Now, counter: int | None, *, gate: bool | None = None
    ) -> None:
        """`counter`: that of its last advert. `gate`: whether it is open; default: as it should."""
        self._engine = engine
        self._counter = counter
        self._is_mute = before.is_mute
        self._state = before.state
        self._gate = before.state == State.MASTER.value if gate is None else gate
        self._has_advertised = before.serving
        self._signed: list[Advert] = []
        self._accepted = self._demoted = False
        self._broken: list[str] = []

    def see(self, events: list[Event]) -> Reaction:
        """Let these happen, and what comes of them."""
        is_advert = isinstance(events[0], DatagramReceived)
        self._accepted = is_advert
        is_stop = isinstance(events[0], Stopped)
        while events:
            effects = [it for event in events for it in self._engine.handle(event, _NOW)]
            events = [result for effect in effects for result in self._perform(effect)]
        memory = remember(self._engine)
        self._judge(memory.instances[0])
        return Reaction(
            now=None if is_stop else self._now(memory),
            signed=tuple(self._signed),
            is_mute=self._is_mute,
            demoted=self._demoted,
            broken="; ".join(self._broken),
        )

    def _expect(self, condition: bool, what: str) -> None:
        if not condition:
            self._broken.append(what)

    def _perform(self, effect: Effect) -> list[Event]:
        master = State.MASTER.value
        match effect:
            case ReportTransition():
                self._expect(effect.old.value == self._state, "reports another state than it had")
                self._state = effect.new.value
                if effect.new is State.MASTER:
                    self._has_advertised = False
                else:
                    self._expect(not self._gate, "is not MASTER and did not release")
            case AcquireAddresses():
                self._expect(self._state == master, "acquires and is not MASTER")
                self._gate = True
            case ReleaseAddresses():
                self._gate = False
            case ServeAddresses():
                self._expect(self._has_advertised, "serves before its first advert")
            case SendAdvertisement():
                return self._send(effect)
            case ReportDemotion():
                self._demoted = True
            case ReportDrop():
                self._accepted = False
            case AnnounceAddresses():
                self._expect(self._has_advertised, "announces before its first advert")
            case _:
                assert_never(effect)
        return []

    def _send(self, effect: SendAdvertisement) -> list[Event]:
        header = decode_advertisement(effect.payload, effect.family)
        counter = int.from_bytes(header.counter, "big")
        last = _THEIRS if self._accepted and not self._signed else self._counter
        self._expect(last is None or counter == last + 1, f"counter {counter} after {last}")
        self._counter = counter
        if not effect.bow_out:
            allowed = self._gate and self._state == State.MASTER.value
            self._expect(allowed, "advertises and is not MASTER")
        rank = (header.advbase, header.advskew)
        self._signed.append(Advert(int(effect.family), *rank, effect.bow_out))
        if effect.bow_out:
            return []
        if self._is_mute:
            return [SendFailed(effect.instance, effect.family, _ENOBUFS)]
        self._has_advertised = True
        return [SendSucceeded(effect.instance, effect.family)]

    def _judge(self, group: InstanceMemory) -> None:
        state = group.state
        self._expect(state.value == self._state, "changed its state and did not report it")
        self._expect(self._gate == (state is State.MASTER), "its gate is not as its state")
        has_deadline = self._engine.next_deadline() is not None
        self._expect(has_deadline or state is State.INIT, f"{state.value} without a deadline")
        is_refused = group.refusal is not None and state is State.MASTER
        self._expect(not is_refused, "MASTER of refused addresses")

    def _now(self, memory: EngineMemory) -> Now:
        (group,) = memory.instances
        takeover = group.takeover
        return Now(
            state=group.state.value,
            is_up=any(is_up for _, is_up in memory.links),
            serving=group.announcer is not None,
            advertise=None if group.advertise_at is None else group.advertise_at - _NOW,
            down=tuple((int(family), at - _NOW) for family, at in group.master_down),
            takeover=None
            if takeover is None
            else (takeover.at - _NOW, int(takeover.trigger), int(takeover.family)),
            refused=group.refusal is not None,
            suppressed=group.is_suppressed,
            errors=min(group.send_errors, _ENOUGH),
            successes=group.send_successes if group.send_errors else 0,
            shares=tuple((one.cause, one.value) for one in memory.shares),
            crossing_bits=group.crossing_bits,
            is_mute=self._is_mute,
        )
