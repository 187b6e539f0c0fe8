"""The oids that `sysctl` answers: their types, what they mean and where their values are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from carpio.control.network import Setting

__all__ = ["NODES", "OIDS", "Carp", "Fixed", "Oid", "Proc", "STATS", "below", "find"]

Kind: TypeAlias = Literal["integer", "string", "opaque"]


@dataclass(frozen=True, slots=True)
class Carp:
    """A setting of the daemon, of the caller's network namespace."""

    setting: Setting


@dataclass(frozen=True, slots=True)
class Proc:
    """A file below /proc/sys."""

    path: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that never changes here."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oid:
    """One leaf of the tree."""

    name: str
    source: Carp | Proc | Fixed
    doc: str
    kind: Kind = "integer"
    is_writable: bool = False
    is_tunable: bool = False
    """Set by loader.conf(5) there."""
    limits: tuple[int, int] = (-(2**31), 2**31 - 1)


def _carp(
    setting: Setting,
    doc: str,
    *,
    kind: Kind = "integer",
    is_tunable: bool = False,
    limits: tuple[int, int] = (-(2**31), 2**31 - 1),
) -> Oid:
    return Oid(
        name=f"net.inet.carp.{setting}",
        source=Carp(setting),
        doc=doc,
        kind=kind,
        is_writable=True,
        is_tunable=is_tunable,
        limits=limits,
    )


OIDS: Final = (
    Oid(
        name="kern.hostname", source=Proc("kernel/hostname"), kind="string", doc="Name of the host"
    ),
    Oid(name="kern.features.vimage", source=Fixed("1"), doc="Jails may have networks of their own"),
    Oid(
        name="net.inet.ip.forwarding",
        source=Proc("net/ipv4/ip_forward"),
        doc="Forward IPv4 packets between interfaces",
        is_writable=True,
    ),
    _carp("ifdown_demotion_factor", "Added to the demotion while an interface is down"),
    _carp("senderr_demotion_factor", "Added to the demotion while advertisements fail to leave"),
    _carp("demotion", "Level of demotion; what is written is added to it"),
    _carp("log", "0 nothing, 1 changes of state and demotion, 2 bad packets too"),
    _carp("preempt", "A better BACKUP takes over from a living MASTER"),
    _carp("dscp", "DSCP of advertisements", limits=(0, 63)),
    _carp("allow", "0 holds all groups in INIT and ignores advertisements", is_tunable=True),
    _carp("stats", "Counters, shown by netstat -s -p carp; 0 resets them", kind="opaque"),
    Oid(
        name="net.inet6.ip6.forwarding",
        source=Proc("net/ipv6/conf/all/forwarding"),
        doc="Forward IPv6 packets between interfaces",
        is_writable=True,
    ),
    Oid(
        name="net.pfsync.carp_demotion_factor",
        source=Fixed("240"),
        doc="Added to the demotion during a bulk update of pfsync, which there is none of here",
    ),
    Oid(name="security.jail.jailed", source=Fixed("0"), doc="1 within a jail"),
)
"""In the order of FreeBSD's tree; that of net.inet.carp is from memory."""

NODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kern": "Kernel",
        "kern.features": "What the kernel can do",
        "net": "Network",
        "net.inet": "IPv4",
        "net.inet.carp": "CARP",
        "net.inet.ip": "Internet Protocol",
        "net.inet6": "IPv6",
        "net.inet6.ip6": "Internet Protocol version 6",
        "net.pfsync": "pfsync",
        "security": "Security",
        "security.jail": "Jails",
    }
)
"""What is above the leaves, with its description."""

STATS: Final[Sequence[str]] = (
    *("ipackets", "ipackets6", "badif", "badttl", "hdrops", "badsum", "badver", "badlen"),
    *("badauth", "badvhid", "badaddrs", "opackets", "opackets6", "onomem", "ostates", "preempt"),
)
"""The 64-bit counters of struct carpstats in their order."""


def find(name: str) -> Oid | None:
    """Return the leaf of that name."""
    return next((oid for oid in OIDS if oid.name == name), None)


def below(node: str) -> Sequence[Oid]:
    """Return the leaves below a node, all for ""."""
    return [oid for oid in OIDS if not node or oid.name.startswith(f"{node}.")]
