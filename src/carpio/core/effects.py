"""What must be done: the only output of the engine. Names are imperatives.

The order of effects is part of the contract and is tested. Becoming MASTER is
`ReportTransition AcquireAddresses SendAdvertisement+`, and only after the first
`SendSucceeded` of that mastership `ServeAddresses AnnounceAddresses`: nobody claims
an address before its advert left. Leaving it is `ReleaseAddresses` first, then
the bow-out if any, then `ReportTransition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from carpio.core.model import InstanceKey, State
from carpio.wire.constants import DropReason, Family

__all__ = [
    "AcquireAddresses",
    "AnnounceAddresses",
    "Effect",
    "ReleaseAddresses",
    "ReportDemotion",
    "ReportDrop",
    "ReportTransition",
    "SendAdvertisement",
    "ServeAddresses",
]


@dataclass(frozen=True, slots=True)
class AcquireAddresses:
    """Let the virtual MAC speak (open the gate). Nothing answers yet."""

    instance: InstanceKey


class SendAdvertisement(NamedTuple):
    """Send the 36-byte CARP `payload` over `family`.

    A `bow_out` leaves with the carpdev's own MAC as Ethernet source and its result is not reported.
    A tuple, as all that is made for every advert.
    """

    instance: InstanceKey
    family: Family
    payload: bytes
    bow_out: bool = False


@dataclass(frozen=True, slots=True)
class ServeAddresses:
    """Make the addresses work: routes and link up."""

    instance: InstanceKey


@dataclass(frozen=True, slots=True)
class AnnounceAddresses:
    """Send gratuitous ARP and unsolicited NA for each address, in attach order."""

    instance: InstanceKey


@dataclass(frozen=True, slots=True)
class ReleaseAddresses:
    """Fall silent at once (close the gate), then stop serving."""

    instance: InstanceKey


@dataclass(frozen=True, slots=True)
class ReportTransition:
    """Exactly one per change of state (spec 12)."""

    instance: InstanceKey
    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True)
class ReportDemotion:
    """The demotion number changed by `delta` (may be 0) to `total` (spec 10, 12)."""

    delta: int
    total: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReportDrop:
    """A datagram was ignored; `text` is the debug line of spec 5.1."""

    carpdev: str
    reason: DropReason
    text: str
    instance: InstanceKey | None = None


Effect: TypeAlias = (
    AcquireAddresses
    | SendAdvertisement
    | ServeAddresses
    | AnnounceAddresses
    | ReleaseAddresses
    | ReportTransition
    | ReportDemotion
    | ReportDrop
)
