"""Which addresses a jail that shares the host's network may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from carpio.jail.addresses import FAMILIES, parse_addresses
from carpio.jail.values import Setpoint

__all__ = ["Address", "FamilyPolicy", "Mode", "Policy", "policy_of"]

Address: TypeAlias = IPv4Address | IPv6Address


@unique
class Mode(Enum):
    """What of a family may be used, in the words of jail.conf(5)."""

    INHERIT = "inherit"
    """All addresses of the host."""
    NEW = "new"
    """Those of the list."""
    DISABLE = "disable"
    """None: there are no sockets of the family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPolicy:
    """What of one address family a jail may use."""

    mode: Mode
    addresses: tuple[Address, ...] = ()
    """Of mode NEW, the first is primary; with none the family is disabled."""
    saddrsel: bool = True
    """Whether a connection to an address of the jail itself comes from that address."""

    @property
    def effective(self) -> Mode:
        """The mode, DISABLE also for an empty list."""
        return Mode.DISABLE if self.mode is Mode.NEW and not self.addresses else self.mode


_ANY = FamilyPolicy(mode=Mode.INHERIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a jail may use of the host's network."""

    ip4: FamilyPolicy = field(default=_ANY)
    ip6: FamilyPolicy = field(default=_ANY)
    allows_raw: bool = False
    """Raw and ICMP sockets, which nothing restricts. Packet sockets are not known here."""

    @property
    def is_free(self) -> bool:
        """Return whether there is nothing to restrict."""
        return self.ip4.mode is Mode.INHERIT and self.ip6.mode is Mode.INHERIT


def policy_of(values: Mapping[str, Setpoint]) -> Policy:
    """Return what the values of a jail ask for; with an own network nothing is restricted."""
    if values.get("vnet") == "new" or values.get("carpio.unrestricted") is True:
        return Policy()
    return Policy(
        ip4=_family(values, "ip4"),
        ip6=_family(values, "ip6"),
        allows_raw=values.get("allow.raw_sockets") is True,
    )


def _family(values: Mapping[str, Setpoint], name: str) -> FamilyPolicy:
    texts = values.get(f"{name}.addr", ())
    family = FAMILIES[f"{name}.addr"]
    found, _ = parse_addresses(texts if isinstance(texts, tuple) else (), family, None)
    kind = IPv4Address if name == "ip4" else IPv6Address
    addresses = tuple(kind(setting.address) for setting in found)
    # A list implies `new`, whatever else is said, as on FreeBSD.
    mode = Mode.NEW if addresses else Mode(values.get(name, "disable"))
    saddrsel = values.get(f"{name}.saddrsel") is not False
    return FamilyPolicy(mode=mode, addresses=addresses, saddrsel=saddrsel)
