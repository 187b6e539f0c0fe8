"""All that the future of an engine depends on, as plain values; and an engine from them.

For traces that begin in the middle of a life and for whoever explores what can come of a state.
Statistics and the rivals that were heard are left out: nothing depends on them. The one
module that reads and writes the private parts of its neighbours, so that they need not care.
"""

from __future__ import annotations

from typing import NamedTuple

from carpio.core.announcer import Announcer
from carpio.core.engine import Engine
from carpio.core.instance import Instance
from carpio.core.model import DemotionCause, EngineConfig, InstanceKey, Nanoseconds, State
from carpio.core.schedule import Schedule
from carpio.core.tenure import Takeover, Tenure
from carpio.wire.constants import Family

__all__ = [
    "AnnouncerMemory",
    "EngineMemory",
    "InstanceMemory",
    "recall",
    "remember",
    "settings_of",
]


class AnnouncerMemory(NamedTuple):
    """What a master that serves still has to announce."""

    at: tuple[Nanoseconds, ...]
    against: tuple[Nanoseconds, ...]
    has_rival: bool
    left: int
    advertisements: int


class InstanceMemory(NamedTuple):
    """One group. Times are those of the engine that was remembered."""

    instance: InstanceKey
    state: State
    since: Nanoseconds
    reason: str
    announcements: tuple[Nanoseconds, ...]
    """Delays after the addresses begin to serve."""
    advertise_at: Nanoseconds | None
    announcer: AnnouncerMemory | None
    master_down: tuple[tuple[Family, Nanoseconds], ...]
    takeover: Takeover | None
    counter: int | None
    sent: tuple[tuple[bytes, int, int, Family], ...]
    """Digest, advbase, advskew and family of the last adverts, by which they are known again."""
    crossing_bits: int
    refusal: str | None
    last_sent: Nanoseconds | None
    is_suppressed: bool
    send_errors: int
    send_successes: int


class EngineMemory(NamedTuple):
    """A running engine, but for its configuration."""

    links: tuple[tuple[str, bool], ...]
    resumed: tuple[InstanceKey, ...]
    shares: tuple[DemotionCause, ...]
    instances: tuple[InstanceMemory, ...]


def remember(engine: Engine) -> EngineMemory:
    """Return what `engine` is now, between two calls of `handle`."""
    return EngineMemory(
        links=tuple(engine._links.items()),
        resumed=tuple(sorted(engine._resumed)),
        shares=engine._demotion.causes(),
        instances=tuple(_remember_instance(one) for one in engine._instances.values()),
    )


def settings_of(engine: Engine) -> EngineConfig:
    """Return the configuration that `engine` was told last."""
    return engine._config


def recall(engine: Engine, memory: EngineMemory) -> None:
    """Make a running engine with the same configuration be as remembered."""
    engine._links = dict(memory.links)
    engine._resumed = set(memory.resumed)
    ledger = engine._demotion
    if ledger.causes() != memory.shares:
        for share in ledger.causes():
            ledger.clear(share.cause)
        for share in memory.shares:
            ledger.add(share.cause, share.value)
    engine._schedule = Schedule()
    for one in memory.instances:
        instance = engine._instances[one.instance]
        _recall_instance(instance, one, ledger.total)
        engine._schedule.update(instance)


def _remember_instance(instance: Instance) -> InstanceMemory:
    tenure, signer, health = instance._tenure, instance._signer, instance.send_health
    announcer = tenure.announcer
    return InstanceMemory(
        instance=instance.key,
        state=tenure.state,
        since=tenure.since,
        reason=tenure.reason,
        announcements=tenure.announcements,
        advertise_at=tenure.advertise_at,
        announcer=None
        if announcer is None
        else AnnouncerMemory(
            tuple(announcer._at),
            tuple(announcer._against),
            announcer._has_rival,
            announcer._left,
            announcer._advertisements,
        ),
        master_down=tuple(tenure.master_down.items()),
        takeover=tenure.takeover,
        counter=signer._counter,
        sent=tuple(signer._sent),
        crossing_bits=instance._crossings._bits,
        refusal=instance._refusal,
        last_sent=instance._last_sent,
        is_suppressed=instance.is_suppressed,
        send_errors=health._errors,
        send_successes=health._successes,
    )


def _recall_instance(instance: Instance, memory: InstanceMemory, demotion: int) -> None:
    tenure = Tenure(
        state=memory.state,
        since=memory.since,
        reason=memory.reason,
        announcements=memory.announcements,
        advertise_at=memory.advertise_at,
        master_down=dict(memory.master_down),
        takeover=memory.takeover,
    )
    if memory.announcer is not None:
        tenure.announcer = announcer = Announcer((), memory.since)
        announcer._at = list(memory.announcer.at)
        announcer._against = list(memory.announcer.against)
        announcer._has_rival = memory.announcer.has_rival
        announcer._left = memory.announcer.left
        announcer._advertisements = memory.announcer.advertisements
    instance._tenure = tenure
    instance.due = tenure.due()
    instance._signer._counter = memory.counter
    instance._signer._sent.clear()
    instance._signer._sent.extend(memory.sent)
    instance._crossings._bits = memory.crossing_bits
    instance._refusal = memory.refusal
    instance._last_sent = memory.last_sent
    instance.is_suppressed = memory.is_suppressed
    instance.send_health._errors = memory.send_errors
    instance.send_health._successes = memory.send_successes
    if instance._demotion != demotion:
        instance._demotion = demotion
        instance._rerank()
