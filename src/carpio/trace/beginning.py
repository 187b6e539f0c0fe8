"""How a trace begins: the settings, without keys, and what the engine was at that moment."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_interface
from typing import Final

import msgspec

from carpio.core.memory import AnnouncerMemory, EngineMemory, InstanceMemory
from carpio.core.model import (
    DemotionCause,
    EngineConfig,
    InstanceConfig,
    InstanceKey,
    Nanoseconds,
    State,
    Vhid,
    VirtualAddress,
)
from carpio.core.table import Trigger
from carpio.core.tenure import Takeover
from carpio.wire.auth import Key
from carpio.wire.constants import Family

__all__ = ["FORMAT", "KeyOf", "Settings", "Trace", "group_name", "key_of_group"]

FORMAT: Final = 2
"""Grows when a record changes its meaning; new kinds and members may come without."""

KeyOf = Callable[[InstanceKey], Key]


def group_name(key: InstanceKey) -> str:
    """Return `1@eth0`."""
    return str(key)


def key_of_group(name: str) -> InstanceKey:
    """Return the group called `1@eth0`. Raises ValueError."""
    vhid, _, carpdev = name.partition("@")
    return InstanceKey(Vhid(int(vhid)), carpdev)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a group; the key is left out."""

    group: str
    advbase: int
    advskew: int
    addresses: list[str]
    preempt: bool | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the network namespace."""

    preempt: bool
    allow: bool
    ifdown_demotion_factor: int
    senderr_demotion_factor: int
    bow_out: bool
    strict_freebsd: bool
    groups: list[Group]

    @classmethod
    def of(cls, config: EngineConfig) -> Settings:
        """Return what is written of a configuration."""
        return cls(
            preempt=config.preempt,
            allow=config.allow,
            ifdown_demotion_factor=config.ifdown_demotion_factor,
            senderr_demotion_factor=config.senderr_demotion_factor,
            bow_out=config.bow_out,
            strict_freebsd=config.strict_freebsd,
            groups=[
                Group(
                    group=group_name(one.instance),
                    advbase=one.advbase,
                    advskew=one.advskew,
                    addresses=[str(address) for address in one.addresses],
                    preempt=one.preempt,
                )
                for one in config.instances
            ],
        )

    def config(self, key_of: KeyOf) -> EngineConfig:
        """Return the configuration with keys of the caller's. Raises ValueError."""
        return EngineConfig(
            instances=tuple(_instance(one, key_of) for one in self.groups),
            preempt=self.preempt,
            allow=self.allow,
            ifdown_demotion_factor=self.ifdown_demotion_factor,
            senderr_demotion_factor=self.senderr_demotion_factor,
            bow_out=self.bow_out,
            strict_freebsd=self.strict_freebsd,
        )


def _instance(group: Group, key_of: KeyOf) -> InstanceConfig:
    key = key_of_group(group.group)
    interfaces = [ip_interface(text) for text in group.addresses]
    return InstanceConfig(
        vhid=key.vhid,
        carpdev=key.carpdev,
        key=key_of(key),
        advbase=group.advbase,
        advskew=group.advskew,
        addresses=tuple(VirtualAddress(it.ip, it.network.prefixlen) for it in interfaces),
        preempt=group.preempt,
    )


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An advert that was sent, by which it is known again."""

    digest: str
    advbase: int
    advskew: int
    family: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A takeover that waits for its time."""

    at: int
    trigger: str
    family: int


class Announcing(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be announced."""

    at: list[int]
    against: list[int]
    """Announcements against rivals."""
    has_rival: bool
    left: int
    """More of them, before the next advert."""
    advertisements: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a group was."""

    group: str
    state: str
    since: int
    reason: str
    announcements: list[int]
    advertise_at: int | None
    announcer: Announcing | None
    master_down: list[tuple[int, int]]
    """Family and time."""
    takeover: Turn | None
    counter: str | None
    """Hexadecimal."""
    sent: list[Sent]
    crossing_bits: int
    refusal: str | None
    last_sent: int | None
    suppressed: bool
    send_errors: int
    send_successes: int


class Trace(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="trace"):
    """The first record of a trace, and of each part of one. Times are nanoseconds."""

    format: int
    carpio: str
    netns: str | None
    at: int
    """On the clock of all other records, which is that of the machine since it was booted."""
    began: str
    """The same moment, RFC 3339 in UTC."""
    settings: Settings
    links: dict[str, bool]
    resumed: list[str]
    demotion: dict[str, int]
    groups: list[Memory]

    @classmethod
    def of(
        cls,
        now: Nanoseconds,
        began: str,
        config: EngineConfig,
        memory: EngineMemory,
        *,
        version: str,
        netns: str | None,
    ) -> Trace:
        """Return the record for a moment."""
        return cls(
            format=FORMAT,
            carpio=version,
            netns=netns,
            at=now,
            began=began,
            settings=Settings.of(config),
            links=dict(memory.links),
            resumed=[group_name(key) for key in memory.resumed],
            demotion={share.cause: share.value for share in memory.shares},
            groups=[_memory_of(one) for one in memory.instances],
        )

    def memory(self) -> EngineMemory:
        """Return what the engine was. Raises ValueError."""
        return EngineMemory(
            links=tuple(self.links.items()),
            resumed=tuple(key_of_group(name) for name in self.resumed),
            shares=tuple(DemotionCause(cause, value) for cause, value in self.demotion.items()),
            instances=tuple(_instance_memory(one) for one in self.groups),
        )


def _memory_of(one: InstanceMemory) -> Memory:
    return Memory(
        group=group_name(one.instance),
        state=one.state.value,
        since=one.since,
        reason=one.reason,
        announcements=list(one.announcements),
        advertise_at=one.advertise_at,
        announcer=None
        if one.announcer is None
        else Announcing(
            at=list(one.announcer.at),
            against=list(one.announcer.against),
            has_rival=one.announcer.has_rival,
            left=one.announcer.left,
            advertisements=one.announcer.advertisements,
        ),
        master_down=[(int(family), at) for family, at in one.master_down],
        takeover=None
        if one.takeover is None
        else Turn(
            at=one.takeover.at,
            trigger=one.takeover.trigger.name,
            family=int(one.takeover.family),
        ),
        counter=None if one.counter is None else f"{one.counter:016x}",
        sent=[
            Sent(digest=digest.hex(), advbase=base, advskew=skew, family=int(family))
            for digest, base, skew, family in one.sent
        ],
        crossing_bits=one.crossing_bits,
        refusal=one.refusal,
        last_sent=one.last_sent,
        suppressed=one.is_suppressed,
        send_errors=one.send_errors,
        send_successes=one.send_successes,
    )


def _instance_memory(one: Memory) -> InstanceMemory:
    turn, announcer = one.takeover, one.announcer
    return InstanceMemory(
        instance=key_of_group(one.group),
        state=State(one.state),
        since=Nanoseconds(one.since),
        reason=one.reason,
        announcements=tuple(map(Nanoseconds, one.announcements)),
        advertise_at=_time(one.advertise_at),
        announcer=None
        if announcer is None
        else AnnouncerMemory(
            tuple(map(Nanoseconds, announcer.at)),
            tuple(map(Nanoseconds, announcer.against)),
            announcer.has_rival,
            announcer.left,
            announcer.advertisements,
        ),
        master_down=tuple((Family(family), Nanoseconds(at)) for family, at in one.master_down),
        takeover=None
        if turn is None
        else Takeover(Nanoseconds(turn.at), _trigger(turn.trigger), Family(turn.family)),
        counter=None if one.counter is None else int(one.counter, 16),
        sent=tuple(
            (bytes.fromhex(it.digest), it.advbase, it.advskew, Family(it.family)) for it in one.sent
        ),
        crossing_bits=one.crossing_bits,
        refusal=one.refusal,
        last_sent=_time(one.last_sent),
        is_suppressed=one.suppressed,
        send_errors=one.send_errors,
        send_successes=one.send_successes,
    )


def _time(at: int | None) -> Nanoseconds | None:
    return None if at is None else Nanoseconds(at)


def _trigger(name: str) -> Trigger:
    if name not in Trigger.__members__:
        raise ValueError(f"{name!r} is no trigger")
    return Trigger[name]
