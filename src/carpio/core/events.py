"""What happened: the only input of the engine. Names are in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from carpio.core.model import EngineConfig, InstanceKey, IpAddress, Nanoseconds, State
from carpio.wire.constants import Family

__all__ = [
    "AddressesAvailable",
    "AddressesRefused",
    "ConfigurationReplaced",
    "CountersCleared",
    "DatagramReceived",
    "DeadlineReached",
    "DemotionAdjusted",
    "DemotionCleared",
    "Event",
    "LinkWentDown",
    "LinkWentUp",
    "SendFailed",
    "SendSucceeded",
    "Stalled",
    "Started",
    "StateRequested",
    "Stopped",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The world is ready. All carpdevs are down until `LinkWentUp` is heard.

    `resumed` names instances whose gate never closed since an earlier process was
    MASTER: when their link comes up they go INIT -> MASTER (`resumed`) instead of BACKUP.
    """

    config: EngineConfig
    resumed: tuple[InstanceKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The process leaves in good order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReplaced:
    """The configuration is now this one; instances come, go and change by comparison."""

    config: EngineConfig


class DatagramReceived(NamedTuple):
    """An IP datagram of protocol 112 arrived. `payload` is cut to the IP length.

    `is_own_source`: our own adverts of the carpdev have this source too, or it is no address
    (0.0.0.0, `::`), so that one of them may have come back. A tuple, as all that is made for
    every advert.
    """

    carpdev: str
    family: Family
    source: IpAddress
    ttl: int
    payload: bytes
    is_own_source: bool


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time given by `next_deadline()` has come; sockets were drained before."""


@dataclass(frozen=True, slots=True)
class LinkWentUp:
    """The carpdev is administratively up and its link is up."""

    carpdev: str


@dataclass(frozen=True, slots=True)
class LinkWentDown:
    """The carpdev is not usable: no link, administratively down, unknown, or gone."""

    carpdev: str


@dataclass(frozen=True, slots=True)
class DemotionAdjusted:
    """Somebody adds `delta` to the share named `cause` (a share of 0 is forgotten)."""

    cause: str
    delta: int


@dataclass(frozen=True, slots=True)
class DemotionCleared:
    """Somebody takes back all of the share named `cause`."""

    cause: str


@dataclass(frozen=True, slots=True)
class CountersCleared:
    """Somebody sets the statistics of the stack to 0; those of each instance go on."""


@dataclass(frozen=True, slots=True)
class StateRequested:
    """The operator asks for a state (`state master`, `state backup`)."""

    instance: InstanceKey
    state: State


@dataclass(frozen=True, slots=True)
class SendSucceeded:
    """An advertisement (not a bow-out) left the host."""

    instance: InstanceKey
    family: Family


@dataclass(frozen=True, slots=True)
class SendFailed:
    """An advertisement (not a bow-out) could not be sent."""

    instance: InstanceKey
    family: Family
    errno: int


@dataclass(frozen=True, slots=True)
class AddressesRefused:
    """The platform will not, or no longer, hold the addresses; a MASTER gives up."""

    instance: InstanceKey
    reason: str
    was_in_order: bool = False
    """Whether until now nothing was wrong with a mastership: then the others are told."""


@dataclass(frozen=True, slots=True)
class AddressesAvailable:
    """The cause of the last `AddressesRefused` is gone."""

    instance: InstanceKey


@dataclass(frozen=True, slots=True)
class Stalled:
    """The process did not run for `duration`, longer than the dead-man allows."""

    duration: Nanoseconds


Event: TypeAlias = (
    Started
    | Stopped
    | ConfigurationReplaced
    | DatagramReceived
    | DeadlineReached
    | LinkWentUp
    | LinkWentDown
    | DemotionAdjusted
    | DemotionCleared
    | CountersCleared
    | StateRequested
    | SendSucceeded
    | SendFailed
    | AddressesRefused
    | AddressesAvailable
    | Stalled
)
