"""Feeds a trace of the daemon to the engine again, and compares what comes of it.

The engine must change its states, and its demotion, at the same events and times as the daemon's
did. With the keys it judges each advert itself; an advert that it cannot verify is taken for what
the trace says it was.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from carpio.core.effects import Effect, ReportDrop
from carpio.core.engine import Engine
from carpio.core.events import DatagramReceived, Event, Started
from carpio.core.memory import recall, settings_of
from carpio.core.model import InstanceConfig, InstanceKey, Nanoseconds
from carpio.errors import DecodeError
from carpio.trace.beginning import Trace
from carpio.trace.records import (
    ACCEPTED,
    Datagram,
    Demotion,
    End,
    Lost,
    Record,
    TraceError,
    Transition,
    event_of,
    parse,
    records_of,
)
from carpio.wire.auth import Authenticator, Key
from carpio.wire.header import CarpHeader, decode_advertisement, encode_advertisement

__all__ = ["Difference", "Replay", "Timed", "replay"]

_KEPT: Final = 20
"""Differences that are told."""
_UNKNOWN: Final = Key.from_bytes(b"")
"""Stands for a key that the caller does not have."""
_INDIFFERENT: Final = frozenset({"badauth", ACCEPTED})


@dataclass(frozen=True, slots=True)
class Timed:
    """Something that the engine reported, and when (nanoseconds since the trace began)."""

    at: int
    what: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the replay went another way."""

    line: int
    at: int
    traced: str
    replayed: str


@dataclass(slots=True, kw_only=True)
class Replay:
    """What came of a trace."""

    began: str = ""
    netns: str | None = None
    version: str = ""
    events: int = 0
    adverts: int = 0
    unverified: int = 0
    """Adverts that were taken for good because the trace says so."""
    misjudged: int = 0
    """Adverts that these keys judge otherwise than the daemon did."""
    gaps: int = 0
    """Places where something is missing in the trace."""
    end: str = ""
    duration: int = 0
    reports: list[Timed] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    more_differences: int = 0

    @property
    def is_same(self) -> bool:
        """Whether the engine did what the daemon's did."""
        return not self.differences


def replay(lines: Iterable[bytes], keys: Mapping[InstanceKey, Key]) -> Replay:
    """Replay a trace. Raises TraceError with the number of the line."""
    player = _Player(keys)
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            player.play(number, parse(line))
        except (ValueError, KeyError, TraceError, struct.error, OverflowError) as error:
            if not line.endswith(b"\n") and player.has_begun:
                player.found.end = "in the middle of a line"
                break  # the daemon was killed, or is still writing
            raise TraceError(f"line {number}: {_explained(error)}") from error
    if not number:
        raise TraceError("the file is empty")
    player.finish(number)
    return player.found


class _Draws:
    """Gives what the daemon's engine drew."""

    def __init__(self) -> None:
        self.coming: deque[int] = deque()

    def getrandbits(self, k: int, /) -> int:
        """Return the next of them; what was not drawn then is 0."""
        return self.coming.popleft() if self.coming else 0


class _Player:
    def __init__(self, keys: Mapping[InstanceKey, Key]) -> None:
        self.found = Replay()
        self._keys = keys
        self._draws = _Draws()
        self._engine: Engine | None = None
        self._expected: deque[tuple[int, str]] = deque()
        """What the engine reported and the trace has not yet: time and text."""
        self._begin = 0

    @property
    def has_begun(self) -> bool:
        """Whether there is an engine to replay on."""
        return self._engine is not None

    def play(self, line: int, record: Record) -> None:
        if isinstance(record, Trace):
            self._start(line, record)
            return
        engine = self._engine
        if engine is None:
            raise TraceError("does not begin with what the engine was; it is no trace")
        self.found.duration = record.at - self._begin
        match record:
            case Transition() | Demotion():
                self._compare(line, record)
            case Lost():
                self.found.gaps += 1
                self._expected.clear()
            case End():
                self.found.end = record.why
            case _:
                self._finish_event(line)
                event = event_of(record, self._key_of)
                if event is not None:
                    self._happen(line, engine, record, event)

    def finish(self, line: int) -> None:
        """The trace is over."""
        if not self.found.end.startswith("in the middle"):
            self._finish_event(line)

    def _key_of(self, instance: InstanceKey) -> Key:
        return self._keys.get(instance, _UNKNOWN)

    def _start(self, line: int, trace: Trace) -> None:
        if self._engine is None:
            self.found.began, self.found.netns = trace.began, trace.netns
            self.found.version = trace.carpio
            self._begin = trace.at
        self._finish_event(line)
        self._draws.coming.clear()
        self._engine = Engine(self._draws)
        config = trace.settings.config(self._key_of)
        self._engine.handle(Started(config=config), Nanoseconds(trace.at))
        recall(self._engine, trace.memory())

    def _happen(self, line: int, engine: Engine, record: Record, event: Event) -> None:
        self.found.events += 1
        self._draws.coming.extend(int(text, 16) for text in getattr(record, "drawn", ()))
        now = Nanoseconds(record.at)
        if isinstance(record, Datagram) and isinstance(event, DatagramReceived):
            effects = self._hear(line, engine, record, event)
        else:
            effects = engine.handle(event, now)
        for came in records_of((now, event, effects, ())):
            if isinstance(came, Transition | Demotion):
                self._expected.append((record.at, _told(came)))
                self.found.reports.append(Timed(record.at - self._begin, _told(came)))

    # -- adverts -------------------------------------------------------------------------------

    def _hear(
        self, line: int, engine: Engine, record: Datagram, event: DatagramReceived
    ) -> list[Effect]:
        self.found.adverts += 1
        group = _group_of(engine, event)
        if group is not None and record.verdict in _INDIFFERENT:
            instance, header = group
            is_known = instance.instance in self._keys
            is_right = _authenticator(instance).verify(header.counter, header.digest)
            self.found.misjudged += is_known and is_right != (record.verdict == ACCEPTED)
            if record.verdict == ACCEPTED and not is_right:
                self.found.unverified += 1
                event = event._replace(payload=_signed_anew(instance, header))
            elif record.verdict != ACCEPTED and is_right:
                return []
        effects = engine.handle(event, Nanoseconds(record.at))
        drop = next((one for one in effects if isinstance(one, ReportDrop)), None)
        verdict = ACCEPTED if drop is None else drop.reason.value
        if (verdict == ACCEPTED) != (record.verdict == ACCEPTED):
            self._differ(line, record.at, f"advert {record.verdict}", f"advert {verdict}")
        return effects

    # -- comparing -----------------------------------------------------------------------------

    def _compare(self, line: int, record: Transition | Demotion) -> None:
        told = _told(record)
        if self._expected and self._expected[0] == (record.at, told):
            self._expected.popleft()
            return
        came = self._expected.popleft()[1] if self._expected else "nothing"
        self._differ(line, record.at, told, came)

    def _finish_event(self, line: int) -> None:
        """What the engine reported and the trace does not have."""
        while self._expected:
            at, told = self._expected.popleft()
            self._differ(line, at, "nothing", told)

    def _differ(self, line: int, at: int, traced: str, replayed: str) -> None:
        if len(self.found.differences) < _KEPT:
            difference = Difference(line, at - self._begin, traced, replayed)
            self.found.differences.append(difference)
        else:
            self.found.more_differences += 1


def _explained(error: Exception) -> str:
    match error:
        case KeyError(args=(InstanceKey() as group,)):
            return f"the group {group} is none of the settings of this trace"
        case struct.error() | OverflowError():
            return f"a number is out of range: {error}"
        case _:
            return str(error)


def _told(record: Transition | Demotion) -> str:
    if isinstance(record, Transition):
        return f"{record.group}: {record.old} -> {record.new} ({record.reason})"
    return f"demoted by {record.delta} to {record.total} ({record.reason})"


def _group_of(engine: Engine, event: DatagramReceived) -> tuple[InstanceConfig, CarpHeader] | None:
    """Return the group that an advert is for, as far as it can be read."""
    try:
        header = decode_advertisement(event.payload, event.family)
    except DecodeError:
        return None
    for config in settings_of(engine).instances:
        if config.carpdev == event.carpdev and config.vhid == header.vhid:
            return config, header
    return None


def _authenticator(config: InstanceConfig) -> Authenticator:
    return Authenticator(config.key, config.vhid, [a.address for a in config.addresses])


def _signed_anew(config: InstanceConfig, header: CarpHeader) -> bytes:
    """Return the advert as it would be under the key that stands for the unknown one."""
    digest = _authenticator(config).digest(header.counter)
    rank = (header.advskew, header.advbase)
    return encode_advertisement(config.vhid, *rank, header.counter, digest, header.demote)
