"""The values that the engine is configured with and reports about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, NewType, TypeAlias

from carpio.wire.auth import Key
from carpio.wire.constants import Family

__all__ = [
    "DemotionCause",
    "EngineConfig",
    "EngineView",
    "InstanceConfig",
    "InstanceKey",
    "InstanceView",
    "IpAddress",
    "Nanoseconds",
    "RivalView",
    "State",
    "Vhid",
    "VirtualAddress",
    "effective_advskew",
]

Nanoseconds = NewType("Nanoseconds", int)
"""A point on, or a stretch of, the monotonic clock, in nanoseconds."""

Vhid = NewType("Vhid", int)
"""Virtual host id, 1..255."""

IpAddress: TypeAlias = IPv4Address | IPv6Address


class State(Enum):
    """The three states of an instance; the value is the word of the logs."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"

    __hash__ = object.__hash__
    """By identity: `Enum` hashes its name in Python, once for every advert."""


class InstanceKey(NamedTuple):
    """One vhid on one carpdev of one network stack; prints as `1@eth0`.

    A tuple, because it is looked up for every advert: a dataclass takes five times as long.
    """

    vhid: Vhid
    carpdev: str

    def __str__(self) -> str:
        return f"{self.vhid}@{self.carpdev}"


@dataclass(frozen=True, slots=True, order=True)
class VirtualAddress:
    """An address of a group with the prefix length under which it is on link."""

    address: IpAddress
    prefix_length: int

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix_length}"

    @property
    def family(self) -> Family:
        """The address family."""
        return Family.IPV4 if self.address.version == 4 else Family.IPV6


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConfig:
    """Settings of one group (spec 1.1). `addresses` keep the order of attachment."""

    vhid: Vhid
    carpdev: str
    key: Key
    advbase: int = 1
    advskew: int = 0
    addresses: tuple[VirtualAddress, ...] = ()
    preempt: bool | None = None
    """None: as `EngineConfig.preempt` says."""

    @property
    def instance(self) -> InstanceKey:
        """The name of this group within its network stack."""
        return InstanceKey(self.vhid, self.carpdev)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Settings of one network stack and its groups, in order of creation."""

    instances: tuple[InstanceConfig, ...] = ()
    preempt: bool = False
    allow: bool = True
    ifdown_demotion_factor: int = 240
    senderr_demotion_factor: int = 240
    bow_out: bool = True
    strict_freebsd: bool = False


@dataclass(frozen=True, slots=True)
class DemotionCause:
    """A named share of the demotion number."""

    cause: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalView:
    """Another speaker for the group, as last heard (valid digest)."""

    source: IpAddress
    advbase: int
    advskew: int
    heard_at: Nanoseconds
    demote: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """A frozen picture of one instance."""

    instance: InstanceKey
    state: State
    since: Nanoseconds
    reason: str
    advbase: int
    advskew: int
    effective_advskew: int
    addresses: tuple[VirtualAddress, ...]
    serving: bool
    """True once the first advert of this mastership left and the addresses may answer."""
    refusal: str | None
    """Why the platform refuses to hold the addresses, or None."""
    last_advert_heard: Nanoseconds | None
    last_advert_sent: Nanoseconds | None
    next_deadline: Nanoseconds | None
    rivals: tuple[RivalView, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """A frozen picture of the engine."""

    instances: tuple[InstanceView, ...]
    demotion: int
    causes: tuple[DemotionCause, ...]
    counters: dict[str, int] = field(default_factory=dict)
    """The statistics of spec 17, by their names there."""


def effective_advskew(advskew: int, demotion: int) -> int:
    """Return the advskew that is advertised once `demotion` is applied (spec 10)."""
    return min(max(advskew + demotion, 0), 240)
