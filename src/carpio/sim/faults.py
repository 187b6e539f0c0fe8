"""What can go wrong: every kind of fault with its settings, as one table.

The table is the source of the scenario format, its messages and its reference. Knows no world:
what a fault does is in `injection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from carpio.sim.units import shown
from carpio.wire.constants import Family

__all__ = ["KINDS", "Fault", "FaultKind", "KindSpec", "Setting", "Value"]


@unique
class FaultKind(Enum):
    """The value is the word in scenario files."""

    CRASH = "crash"
    STOP = "stop"
    KILL = "kill"
    PAUSE = "pause"
    FREEZE = "freeze"
    DRIFT = "drift"
    LINK_DOWN = "link-down"
    SLOW_LINK = "slow-link"
    SEND_ERRORS = "send-errors"
    DEMOTE = "demote"
    REFUSE = "refuse"
    ADDRESSES = "addresses"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a fault
    LOSS = "loss"
    DELAY = "delay"
    JITTER = "jitter"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    ONE_WAY = "one-way"
    PARTITION = "partition"
    MULTICAST_FILTERED = "multicast-filtered"


@unique
class Value(Enum):
    """What a setting takes; the value says how to write it."""

    DURATION = 'a duration in quotes, such as "1.5s"'
    PERCENT = "a number, 0 to 100"
    INTEGER = "a whole number, -2147483648 to 2147483647"
    MILLIONTHS = "a whole number, above -1000000 and below 1000000"
    HOST = 'a number that counts the files from 1, a name in quotes, "master" or "backup"'
    HOSTS = "a list of numbers that count the files from 1, or of names in quotes"
    DIRECTION = '"in" or "out", as the host sees it'
    FAMILY = "4 or 6"
    TEXT = "a text in quotes"
    ADDRESSES = 'a list such as ["10.0.0.1/24"], with each address once'


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind of fault. `name` is that of a field of `Fault`."""

    name: str
    value: Value
    doc: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """A kind of fault: what it does, what can be set, and which premise it takes away."""

    doc: str
    settings: tuple[Setting, ...]
    premise: str = ""
    """In words; empty: two masters, or none for long, stay forbidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong `at` a time and, if `lasts`, is undone after that time (ns)."""

    kind: FaultKind
    at: int
    lasts: int | None = None
    host: str = ""
    """A name, "master" or "backup", looked up when it happens."""
    hosts: tuple[str, ...] = ()
    interface: str = ""
    """Empty: all of the host's."""
    direction: str = ""
    family: Family | None = None
    share: int = 0
    """Millionths."""
    by: int = 0
    """Nanoseconds."""
    ppm: int = 0
    points: int = 0
    addresses: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.at / 1e9:.3f}s", self.kind.value, self.host or ",".join(self.hosts)]
        for name in ("interface", "direction"):
            if getattr(self, name):
                parts.append(getattr(self, name))
        if self.family is not None:
            parts.append(f"IPv{int(self.family)}")
        if self.share:
            parts.append(f"{self.share / 10_000:g} %")
        if self.by:
            parts.append(f"by {shown(self.by)}")
        if self.ppm:
            parts.append(f"by {self.ppm} ppm")
        if self.points:
            parts.append(f"by {self.points}")
        if self.addresses:
            parts.append(" ".join(self.addresses))
        if self.lasts is not None:
            parts.append(f"for {shown(self.lasts)}")
        return " ".join(part for part in parts if part)


_HOST: Final = Setting("host", Value.HOST, "Which host.")
_INTERFACE: Final = Setting("interface", Value.TEXT, "Which carpdev; default all.", False)
_DIRECTION: Final = Setting("direction", Value.DIRECTION, "Default both.", False)
_FAMILY: Final = Setting("family", Value.FAMILY, "Only frames of this family; default both.", False)
_LINK: Final = (_HOST, _INTERFACE, _DIRECTION, _FAMILY)


def _by(doc: str) -> Setting:
    return Setting("by", Value.DURATION, doc)


def _share(doc: str) -> Setting:
    return Setting("share", Value.PERCENT, doc)


KINDS: Final[Mapping[FaultKind, KindSpec]] = MappingProxyType(
    {
        FaultKind.CRASH: KindSpec(
            doc="The host loses power; when it ends, it boots.", settings=(_HOST,)
        ),
        FaultKind.STOP: KindSpec(
            doc="The daemon is stopped in good order: silence, bow-out, everything removed; "
            "when it ends, it is started.",
            settings=(_HOST,),
        ),
        FaultKind.KILL: KindSpec(
            doc="The daemon is killed, the kernel goes on until the dead-man closes the gates; "
            "when it ends, the daemon is started and resumes if a gate is still open.",
            settings=(_HOST,),
        ),
        FaultKind.PAUSE: KindSpec(
            doc="The daemon does not run, as after SIGSTOP, and frames wait in its socket.",
            settings=(_HOST,),
        ),
        FaultKind.FREEZE: KindSpec(
            doc="The machine stands still together with its clocks, as a paused virtual machine.",
            settings=(_HOST,),
            premise="hosts know how much time passed",
        ),
        FaultKind.DRIFT: KindSpec(
            doc="The clock of the host gains.",
            settings=(_HOST, Setting("ppm", Value.MILLIONTHS, "Millionths, may be negative.")),
            premise="clocks go equally fast, within 1 %",
        ),
        FaultKind.LINK_DOWN: KindSpec(
            doc="The cable is out, and both ends see it.", settings=(_HOST, _INTERFACE)
        ),
        FaultKind.SLOW_LINK: KindSpec(
            doc="The link goes down for a second and comes back without carrying anything, as a "
            "LAGG that has not negotiated: sends fail, nothing arrives, until it ends.",
            settings=(_HOST, _INTERFACE),
            premise="every pair delivers",
        ),
        FaultKind.SEND_ERRORS: KindSpec(
            doc="Sends fail; frames arrive.",
            settings=(_HOST, _INTERFACE),
            premise="every pair delivers",
        ),
        FaultKind.DEMOTE: KindSpec(
            doc="carpio demote, and --clear when it ends.",
            settings=(_HOST, Setting("points", Value.INTEGER, "Added to the demotion number.")),
        ),
        FaultKind.REFUSE: KindSpec(
            doc="The host cannot hold the addresses, because one is on another interface or "
            "carpio's rules cannot be made.",
            settings=(_HOST,),
        ),
        FaultKind.ADDRESSES: KindSpec(
            doc="The address list of the first group is changed on this host only.",
            settings=(
                _HOST,
                Setting(
                    "addresses",
                    Value.ADDRESSES,
                    "The new list, as ADDRESS/PREFIX-LENGTH; default: the last one is removed, or "
                    "one is added to a list of one.",
                    False,
                ),
            ),
            premise="all have the same addresses",
        ),
        FaultKind.PASSPHRASE: KindSpec(
            doc="The passphrase of all groups is changed on this host only.",
            settings=(_HOST,),
            premise="all have the same passphrase",
        ),
        FaultKind.LOSS: KindSpec(
            doc="Frames on the link of a host are lost.",
            settings=(*_LINK, _share("How many, in percent.")),
            premise="every pair delivers; off for a while after each lost advert",
        ),
        FaultKind.DELAY: KindSpec(
            doc="Frames take longer.",
            settings=(*_LINK, _by("How much.")),
            premise="delay is under one interval",
        ),
        FaultKind.JITTER: KindSpec(
            doc="Frames take longer, each by another time, without overtaking.",
            settings=(*_LINK, _by("How much at most.")),
            premise="delay is under one interval",
        ),
        FaultKind.DUPLICATE: KindSpec(
            doc="Frames arrive twice.",
            settings=(*_LINK, _share("How many, in percent.")),
        ),
        FaultKind.REORDER: KindSpec(
            doc="Frames are overtaken by later ones.",
            settings=(*_LINK, _share("How many, in percent."), _by("How much later they come.")),
            premise="delay is under one interval",
        ),
        FaultKind.ONE_WAY: KindSpec(
            doc="A link carries frames in the other direction only.",
            settings=(
                _HOST,
                _INTERFACE,
                Setting("direction", Value.DIRECTION, "The direction that is dead."),
                _FAMILY,
            ),
            premise="every pair delivers both ways",
        ),
        FaultKind.PARTITION: KindSpec(
            doc="The trunk is cut: these hosts on one side, all others and the clients on the "
            "other. It heals when it ends.",
            settings=(Setting("hosts", Value.HOSTS, "The hosts that are cut off."),),
            premise="every pair delivers",
        ),
        FaultKind.MULTICAST_FILTERED: KindSpec(
            doc="The switch does not pass CARP's multicast to a host, as IGMP or MLD snooping "
            "without a querier does.",
            settings=(_HOST, _INTERFACE, _FAMILY),
            premise="every pair delivers both families",
        ),
    }
)
