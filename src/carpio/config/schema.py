"""The keys of carpio.toml: type, range, unit, default and meaning, side by side.

`config.load` decodes by this table, and the manual page and the reference are printed from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Final

import msgspec

__all__ = ["Field", "Kind", "NETNS", "PASS_KEYS", "PER_NETNS", "TOP_LEVEL", "VHID"]


class Kind(Enum):
    """The TOML type of a key; the value is its name in messages and manuals."""

    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    TEXT = "a text in quotes"
    TEXTS = "a list of texts in quotes"


_TYPES: Final[dict[Kind, Any]] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.TEXT: str,
    Kind.TEXTS: list[str],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key. `default` None means: required, or as `default_note` says."""

    name: str
    kind: Kind
    doc: str
    default: Any = None
    default_note: str = ""
    low: int | None = None
    high: int | None = None
    unit: str = ""
    required: bool = False
    secret: bool = False
    """The value must never be shown."""

    @property
    def type(self) -> Any:
        """What msgspec must make of the value."""
        if self.kind is Kind.INTEGER:
            return Annotated[int, msgspec.Meta(ge=self.low, le=self.high)]
        return _TYPES[self.kind]

    @property
    def expected(self) -> str:
        """The legal values in words: `a whole number, 1 to 255 (seconds)`."""
        text = self.kind.value
        if self.low is not None:
            text += f", {self.low} to {self.high}"
        return f"{text} ({self.unit})" if self.unit else text

    @property
    def shown_default(self) -> str:
        """The default as TOML or in words; empty when there is none."""
        if self.default_note or self.default is None:
            return self.default_note
        return str(self.default).lower() if self.kind is Kind.BOOLEAN else str(self.default)


TOP_LEVEL: Final = (
    Field(
        name="preempt",
        kind=Kind.BOOLEAN,
        default=False,
        doc="Take over from a living MASTER that advertises less often than this host would. "
        "Without it, the order of start decides who is MASTER.",
    ),
    Field(
        name="allow",
        kind=Kind.BOOLEAN,
        default=True,
        doc="Take part at all. false holds every group in INIT and ignores advertisements.",
    ),
    Field(
        name="dscp",
        kind=Kind.INTEGER,
        default=56,
        low=0,
        high=63,
        doc="DiffServ code point of advertisements.",
    ),
    Field(
        name="log",
        kind=Kind.INTEGER,
        default=1,
        low=0,
        high=7,
        doc="0 logs nothing, 1 changes of state and of the demotion number, "
        "2 and more also each bad packet.",
    ),
    Field(
        name="ifdown_demotion_factor",
        kind=Kind.INTEGER,
        default=240,
        low=0,
        high=2**31 - 1,
        doc="Added to the demotion number for each group whose interface is not usable.",
    ),
    Field(
        name="senderr_demotion_factor",
        kind=Kind.INTEGER,
        default=240,
        low=0,
        high=2**31 - 1,
        doc="Added to the demotion number for each group that fails to send three times.",
    ),
    Field(
        name="bow_out",
        kind=Kind.BOOLEAN,
        default=True,
        doc="Send a last advertisement (advbase and advskew 255) when leaving MASTER on "
        "purpose, so that a BACKUP takes over at once.",
    ),
    Field(
        name="strict_freebsd",
        kind=Kind.BOOLEAN,
        default=False,
        doc="Do as FreeBSD does where it is a matter of taste: no wait after a bow-out, and "
        "every change of the addresses is a new election.",
    ),
    Field(
        name="backup_routes",
        kind=Kind.BOOLEAN,
        default=True,
        doc="Let programs on a BACKUP bind and reach the addresses through policy rules of "
        "protocol kernel. false leaves the rules of the host alone.",
    ),
    Field(
        name="resume",
        kind=Kind.BOOLEAN,
        default=True,
        doc="After the daemon was killed or upgraded, go on as MASTER when the time in which "
        "the addresses answer has not run out and the configuration is the same.",
    ),
    Field(
        name="include",
        kind=Kind.TEXTS,
        default=(),
        default_note='[], and ["conf.d/*.toml"] for /etc/carpio/carpio.toml',
        doc="Further files, as shell patterns relative to this file. They may hold [[vhid]] "
        "and [[netns]] tables and include; all other keys belong in the main file. A file that "
        "several patterns match is read once; a file may not include itself by any way.",
    ),
)

VHID: Final = (
    Field(
        name="id",
        kind=Kind.INTEGER,
        required=True,
        low=1,
        high=255,
        doc="Virtual host id: the number of the group. The last byte of the virtual MAC "
        "00:00:5e:00:01:id.",
    ),
    Field(
        name="interface",
        kind=Kind.TEXT,
        required=True,
        doc="The real interface (carpdev) on which the group lives.",
    ),
    Field(
        name="netns",
        kind=Kind.TEXT,
        default_note="the network namespace of the daemon",
        doc="Name of the network namespace of the interface, as ip-netns(8) lists it.",
    ),
    Field(
        name="name",
        kind=Kind.TEXT,
        default_note="id@interface, such as 1@eth0",
        doc="What commands and status call this group; unique over all files.",
    ),
    Field(
        name="passphrase",
        kind=Kind.TEXT,
        secret=True,
        doc="The secret shared by all hosts of the group. Only its first 19 bytes count. "
        "Prefer passphrase_file: this file must not be readable by others.",
    ),
    Field(
        name="passphrase_file",
        kind=Kind.TEXT,
        doc="A file with the passphrase, relative to this file; one newline at its end does "
        "not count.",
    ),
    Field(
        name="passphrase_hex",
        kind=Kind.TEXT,
        secret=True,
        doc="The key itself, up to 20 raw bytes in hexadecimal; shorter ones are filled "
        "with zero bytes.",
    ),
    Field(
        name="passphrase_credential",
        kind=Kind.TEXT,
        doc="Name of a systemd credential (LoadCredential=) that holds the passphrase.",
    ),
    Field(
        name="advbase",
        kind=Kind.INTEGER,
        default=1,
        low=1,
        high=255,
        unit="seconds",
        doc="Base of the advertisement interval. The same on all hosts of the group.",
    ),
    Field(
        name="advskew",
        kind=Kind.INTEGER,
        default=0,
        low=0,
        high=254,
        unit="1/256 seconds",
        doc="Added to the advertisement interval; the host with the shortest interval is "
        "preferred. Advertised as at most 240.",
    ),
    Field(
        name="addresses",
        kind=Kind.TEXTS,
        default=(),
        default_note="[]",
        doc="The shared addresses as ADDRESS/PREFIX-LENGTH, IPv4 and IPv6. The same set on "
        "all hosts of the group.",
    ),
    Field(
        name="attach",
        kind=Kind.TEXT,
        default_note="the namespace of the interface",
        doc="Name of a network namespace, as ip-netns(8) lists it, in which the addresses live: "
        "that of a container. The interface, the advertisements and the guard stay outside.",
    ),
    Field(
        name="preempt",
        kind=Kind.BOOLEAN,
        default_note="preempt of the top level",
        doc="As the key of the top level, for this group alone.",
    ),
)

PASS_KEYS: Final = (
    "passphrase",
    "passphrase_file",
    "passphrase_hex",
    "passphrase_credential",
)
"""Exactly one of these is needed in each `[[vhid]]`."""

PER_NETNS: Final = (
    "preempt",
    "allow",
    "dscp",
    "log",
    "ifdown_demotion_factor",
    "senderr_demotion_factor",
)
"""Keys of the top level that each network namespace may have its own value of."""

NETNS: Final = (
    Field(
        name="name",
        kind=Kind.TEXT,
        required=True,
        doc="Name of the network namespace, as ip-netns(8) lists it.",
    ),
    *(
        replace(field, default=None, default_note=f"{field.name} of the top level")
        for field in TOP_LEVEL
        if field.name in PER_NETNS
    ),
)
