"""What happened to an engine, and what it reported, as one JSON line each.

Digests are written as they were on the wire; keys never. Each advert carries the verdict of
the engine, so that it can be replayed without the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final, TypeAlias, assert_never

import msgspec

from carpio.core.effects import Effect, ReportDemotion, ReportDrop, ReportTransition
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
from carpio.core.model import Nanoseconds, State
from carpio.errors import CarpioError
from carpio.trace.beginning import FORMAT, KeyOf, Settings, Trace, key_of_group
from carpio.wire.constants import Family

__all__ = [
    "ACCEPTED",
    "KINDS",
    "Datagram",
    "Demotion",
    "End",
    "Happening",
    "Lost",
    "Record",
    "TraceError",
    "Transition",
    "encode",
    "event_of",
    "parse",
    "records_of",
]

ACCEPTED: Final = "ok"


class TraceError(CarpioError):
    """A line that is not a record, or not one of this version."""


class _Base(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    at: int
    """Nanoseconds since the machine was booted, without the time that it slept."""


class _Input(_Base, frozen=True, kw_only=True):
    drawn: list[str] = []
    """What the engine drew by chance, hexadecimal."""


class Datagram(_Input, frozen=True, kw_only=True, tag="datagram"):
    """An advert, or something like one, was heard."""

    carpdev: str
    family: int
    source: str
    ttl: int
    payload: str
    """Hexadecimal."""
    verdict: str
    """"ok", or why it was ignored: a counter of netstat -s -p carp."""
    own_source: bool = False
    """It came from an address of ours, or from none."""


class Deadline(_Input, frozen=True, kw_only=True, tag="deadline"):
    """A deadline had come."""


class Send(_Input, frozen=True, kw_only=True, tag="send"):
    """An advert left, or did not."""

    group: str
    family: int
    errno: int = 0
    """0: it left."""


class Link(_Input, frozen=True, kw_only=True, tag="link"):
    """The link of a carpdev changed."""

    carpdev: str
    up: bool


class Demote(_Input, frozen=True, kw_only=True, tag="demote"):
    """Somebody changed a share of the demotion number; null: took all of it back."""

    cause: str
    delta: int | None


class Request(_Input, frozen=True, kw_only=True, tag="request"):
    """Somebody asked for a state."""

    group: str
    state: str


class Addresses(_Input, frozen=True, kw_only=True, tag="addresses"):
    """The host refuses to hold the addresses of a group; null: no longer."""

    group: str
    refused: str | None


class Stall(_Input, frozen=True, kw_only=True, tag="stall"):
    """The process did not run for this time."""

    duration: int


class Reconfigure(_Input, frozen=True, kw_only=True, tag="settings"):
    """Settings or groups changed."""

    settings: Settings


class Clear(_Input, frozen=True, kw_only=True, tag="clear"):
    """The statistics were set to 0."""


class Stop(_Input, frozen=True, kw_only=True, tag="stop"):
    """The daemon left in good order."""


class Transition(_Base, frozen=True, kw_only=True, tag="transition"):
    """What came of the record before: a group changed its state."""

    group: str
    old: str
    new: str
    reason: str


class Demotion(_Base, frozen=True, kw_only=True, tag="demotion"):
    """What came of the record before: the demotion number changed."""

    delta: int
    total: int
    reason: str


class Lost(_Base, frozen=True, kw_only=True, tag="lost"):
    """So many bytes were not written, because the disk was slow; a new beginning follows."""

    count: int


class End(_Base, frozen=True, kw_only=True, tag="end"):
    """The trace ends here, and why."""

    why: str


Record: TypeAlias = (
    Trace
    | Datagram
    | Deadline
    | Send
    | Link
    | Demote
    | Request
    | Addresses
    | Stall
    | Reconfigure
    | Clear
    | Stop
    | Transition
    | Demotion
    | Lost
    | End
)
KINDS: Final[tuple[type[Record], ...]] = (
    *(Trace, Datagram, Deadline, Send, Link, Demote, Request, Addresses, Stall, Reconfigure),
    *(Clear, Stop, Transition, Demotion, Lost, End),
)
"""In the order of the documentation."""

Happening: TypeAlias = tuple[Nanoseconds, Event, Sequence[Effect], Sequence[int]]
"""When, what, what the engine wanted then, and what it drew by chance."""

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Return the line of a record."""
    return _encoder.encode(record) + b"\n"


def parse(line: bytes) -> Record:
    """Return the record of a line. Raises TraceError."""
    try:
        record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(str(error)) from error
    if isinstance(record, Trace) and record.format != FORMAT:
        known = f"format {record.format}, and this carpio knows {FORMAT}"
        raise TraceError(f"{known}; replay it with carpio {record.carpio}")
    return record


def records_of(happening: Happening) -> Iterator[Record]:
    """Yield what is written of an event and what came of it. `Started` comes before a trace."""
    now, event, effects, drawn = happening
    record = _record(now, event, effects, [f"{one:x}" for one in drawn])
    if record is not None:
        yield record
    for effect in effects:
        if isinstance(effect, ReportTransition):
            yield Transition(
                at=now,
                group=str(effect.instance),
                old=effect.old.value,
                new=effect.new.value,
                reason=effect.reason,
            )
        elif isinstance(effect, ReportDemotion):
            yield Demotion(at=now, delta=effect.delta, total=effect.total, reason=effect.reason)


def _record(at: int, event: Event, effects: Sequence[Effect], drawn: list[str]) -> Record | None:
    match event:  # the frequent ones first
        case DatagramReceived():
            drop = next((one for one in effects if isinstance(one, ReportDrop)), None)
            return Datagram(
                at=at,
                drawn=drawn,
                carpdev=event.carpdev,
                family=int(event.family),
                source=str(event.source),
                ttl=event.ttl,
                payload=event.payload.hex(),
                verdict=ACCEPTED if drop is None else drop.reason.value,
                own_source=event.is_own_source,
            )
        case SendSucceeded():
            family = int(event.family)
            return Send(at=at, drawn=drawn, group=str(event.instance), family=family)
        case DeadlineReached():
            return Deadline(at=at, drawn=drawn)
        case SendFailed():
            group, family = str(event.instance), int(event.family)
            return Send(at=at, drawn=drawn, group=group, family=family, errno=event.errno)
        case LinkWentUp() | LinkWentDown():
            up = isinstance(event, LinkWentUp)
            return Link(at=at, drawn=drawn, carpdev=event.carpdev, up=up)
        case DemotionAdjusted():
            return Demote(at=at, drawn=drawn, cause=event.cause, delta=event.delta)
        case DemotionCleared():
            return Demote(at=at, drawn=drawn, cause=event.cause, delta=None)
        case StateRequested():
            group = str(event.instance)
            return Request(at=at, drawn=drawn, group=group, state=event.state.value)
        case AddressesRefused():
            group = str(event.instance)
            return Addresses(at=at, drawn=drawn, group=group, refused=event.reason)
        case AddressesAvailable():
            return Addresses(at=at, drawn=drawn, group=str(event.instance), refused=None)
        case Stalled():
            return Stall(at=at, drawn=drawn, duration=event.duration)
        case ConfigurationReplaced():
            return Reconfigure(at=at, drawn=drawn, settings=Settings.of(event.config))
        case CountersCleared():
            return Clear(at=at, drawn=drawn)
        case Stopped():
            return Stop(at=at, drawn=drawn)
        case Started():
            return None
        case _:
            assert_never(event)


def event_of(record: Record, key_of: KeyOf) -> Event | None:
    """Return the event of a record; None for what came of events. Raises ValueError."""
    match record:
        case Datagram():
            return DatagramReceived(
                carpdev=record.carpdev,
                family=Family(record.family),
                source=ip_address(record.source),
                ttl=record.ttl,
                payload=bytes.fromhex(record.payload),
                is_own_source=record.own_source,
            )
        case Send():
            group, family = key_of_group(record.group), Family(record.family)
            if record.errno:
                return SendFailed(group, family, record.errno)
            return SendSucceeded(group, family)
        case Deadline():
            return DeadlineReached()
        case Link():
            return LinkWentUp(record.carpdev) if record.up else LinkWentDown(record.carpdev)
        case Demote():
            if record.delta is None:
                return DemotionCleared(record.cause)
            return DemotionAdjusted(record.cause, record.delta)
        case Request():
            return StateRequested(key_of_group(record.group), State(record.state))
        case Addresses():
            key = key_of_group(record.group)
            if record.refused is None:
                return AddressesAvailable(key)
            return AddressesRefused(key, record.refused)
        case Stall():
            return Stalled(Nanoseconds(record.duration))
        case Reconfigure():
            return ConfigurationReplaced(config=record.settings.config(key_of))
        case Clear():
            return CountersCleared()
        case Stop():
            return Stopped()
        case Trace() | Transition() | Demotion() | Lost() | End():
            return None
        case _:
            assert_never(record)
