"""Values of ip4.addr and ip6.addr: `[interface|]address[/mask] [extra ifconfig word ...]`.

`|` and `/` count only before the first blank, so that a passphrase may have them. The extra
words let one call of ifconfig carry the address together with its vhid (bug 191832).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, TypeAlias

from carpio.bsd.addresses import is_interface_name
from carpio.errors import CarpioError

__all__ = ["FAMILIES", "AddressError", "AddressSetting", "Family", "parse_addresses"]

Family: TypeAlias = Literal["inet", "inet6"]

FAMILIES: Final[Mapping[str, Family]] = {"ip4.addr": "inet", "ip6.addr": "inet6"}
"""By parameter what ifconfig calls its family."""
_MOST: Final = 255
"""Addresses of a family."""


class AddressError(CarpioError):
    """A value that is no address; the text may hold parts of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSetting:
    """One address of a jail."""

    family: Family
    address: str
    """As the jail gets it: without mask and extra words."""
    interface: str | None
    """Where the alias goes; None when none is made."""
    mask: str = ""
    """What came behind the `/`: a length, or of IPv4 also a dotted mask."""
    extra: tuple[str, ...] = field(default=(), repr=False)
    """May hold a passphrase."""

    def up(self) -> list[str]:
        """Return the ifconfig call that adds it, with the passphrase; empty when none is made."""
        return self._call(self.extra, "alias")

    def down(self) -> list[str]:
        """Return the ifconfig call that removes it."""
        return self._call((), "-alias")

    def _call(self, extra: Sequence[str], verb: str) -> list[str]:
        if self.interface is None:
            return []
        return ["ifconfig", self.interface, self.family, *self._words(), *extra, verb]

    def _words(self) -> list[str]:
        if self.mask and "." not in self.mask:
            return [f"{self.address}/{self.mask}"]
        if self.family == "inet6":
            return [self.address, "prefixlen", "128"]
        return [self.address, "netmask", self.mask or "255.255.255.255"]


def parse_addresses(
    values: Sequence[str], family: Family, interface: str | None
) -> tuple[list[AddressSetting], list[str]]:
    """Return the addresses of a list and what is wrong with others.

    `interface` is where those go that name none.
    """
    found: dict[IPv4Address | IPv6Address, AddressSetting] = {}
    problems = []
    for value in values:
        try:
            number, setting = _parse(value, family, interface)
        except AddressError as error:
            problems.append(str(error))
            continue
        if number in found:
            problems.append(f"{setting.address}: given twice")
        found.setdefault(number, setting)
    if len(found) > _MOST:
        problems.append(f"more than {_MOST} addresses")
    return list(found.values()), problems


def _parse(
    value: str, family: Family, interface: str | None
) -> tuple[IPv4Address | IPv6Address, AddressSetting]:
    """Read one value. Raises AddressError."""
    head, *extra = value.split(" ")
    name, bar, rest = head.partition("|") if "|" in head else ("", "", head)
    if bar and not is_interface_name(name):
        raise AddressError(f"{name}: not a name for an interface")
    address, slash, mask = rest.partition("/")
    setting = AddressSetting(
        family=family,
        address=address,
        interface=name if bar else interface,
        mask=mask,
        extra=tuple(word for word in extra if word),
    )
    number = _address(address, family)
    if slash and not _is_mask(mask, family):
        raise AddressError(f'{address}: bad netmask "{mask}"')
    return number, setting


def _address(text: str, family: Family) -> IPv4Address | IPv6Address:
    """Return an address that a jail may have. Raises AddressError."""
    if family == "inet":
        try:
            number: IPv4Address | IPv6Address = IPv4Address(text)
        except ValueError:
            raise AddressError(f"{text}: not an IPv4 address") from None
    else:
        try:
            number = IPv6Address(text)
        except ValueError:
            raise AddressError(f"{text}: not an IPv6 address") from None
        if "%" in text:
            raise AddressError(f"{text}: not an IPv6 address (without a zone)")
    if number.is_unspecified or text == "255.255.255.255":
        raise AddressError(f"{text}: not an address for a jail")
    return number


def _is_mask(text: str, family: Family) -> bool:
    if text.isascii() and text.isdigit():
        return len(text) <= 3 and int(text) <= (32 if family == "inet" else 128)
    try:
        bits = f"{int(IPv4Address(text)):032b}"
    except ValueError:
        return False
    return family == "inet" and "01" not in bits
