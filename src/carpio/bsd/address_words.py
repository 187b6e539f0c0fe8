"""The words about one address: what is deleted or added at the end of a call."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from carpio.bsd.addresses import (
    Resolve,
    class_prefix_length,
    parse_inet,
    parse_inet6,
    parse_netmask,
)
from carpio.bsd.keywords import Family
from carpio.bsd.messages import IfconfigError, bad_value, error_text
from carpio.control.network import AddAddress, DeleteAddress

__all__ = ["AddressWords"]

_NO_MASK: Final = (
    "WARNING: setting interface address without mask is deprecated,\n"
    "default mask may not be correct."
)
_LONGEST_LIFETIME: Final = 2**32 - 1
_INTERFACE_IDENTIFIER: Final = 2**64 - 1


class AddressWords:
    """Reads the words about an address, in any order."""

    def __init__(self, family: Family, resolve: Resolve) -> None:
        self._family = family
        self._resolve = resolve
        self._alias: str | None = None
        self._address: str | None = None
        self._peer: str | None = None
        self._prefix_length: int | None = None
        self._broadcast: str | None = None
        self._flags: dict[str, bool] = {}
        self._lifetimes: dict[str, int] = {}
        self._first_word = ""
        """The first keyword that makes sense with an address alone."""

    @property
    def is_used(self) -> bool:
        """Whether there is something to do with an address."""
        return self._address is not None or self._alias == "-alias"

    @property
    def wants_mac(self) -> bool:
        """Whether the address is to be made from the MAC of the interface."""
        return self._alias != "-alias" and self._flags.get("eui64", False)

    def take(self, name: str, value: str, number: Callable[[str, str], int]) -> None:
        """Read the keyword `name`; `number` reads a value leniently. Raises IfconfigError."""
        if name in ("alias", "-alias"):
            if self._alias not in (None, name):
                raise IfconfigError("alias and -alias in one call")
            self._alias = name
            return
        if name not in ("-no_dad", "-anycast"):
            self._first_word = self._first_word or name
        match name:
            case "netmask":
                self._prefix_length = parse_netmask(value)
            case "prefixlen":
                widest = 128 if self._family is Family.INET6 else 32
                self._prefix_length = number(name, value)
                if not 0 <= self._prefix_length <= widest:
                    raise bad_value(value)
            case "broadcast":
                self._broadcast = self._host(value)
            case "pltime" | "vltime":
                self._lifetimes[name] = number(name, value)
                if not 0 <= self._lifetimes[name] <= _LONGEST_LIFETIME:
                    raise bad_value(value)
            case _:
                self._flags[name.removeprefix("-")] = not name.startswith("-")

    def take_address(self, word: str, interfaces: frozenset[str], resolve: Resolve) -> None:
        """Read a word that is no keyword: the address, then the other end of a link."""
        if self._peer is not None:
            raise bad_value(word)
        if self._family is Family.INET6:
            address, width = parse_inet6(word, resolve, interfaces)
        else:
            address, width = parse_inet(word, resolve)
        if self._address is None:
            self._address = address
            self._prefix_length = self._prefix_length if width is None else width
        elif width is not None:
            raise bad_value(word)
        else:
            self._peer = address

    def _host(self, word: str) -> str:
        address, width = parse_inet(word, self._resolve)
        if width is not None:
            raise bad_value(word)
        return address

    def deletion(self) -> DeleteAddress | None:
        """Return the removal that the words ask for. Raises IfconfigError."""
        if self._alias != "-alias":
            return None
        if self._address is None and self._family is not Family.INET:
            raise IfconfigError(f"ioctl (SIOCDIFADDR): {error_text(errno.EADDRNOTAVAIL)}")
        return DeleteAddress(self._address)

    def addition(self, vhid: int | None) -> AddAddress | None:
        """Return the address to add; with eui64 its last half is not yet there.

        Raises IfconfigError.
        """
        if self._alias == "-alias":
            return None
        if self._address is None:
            if self._first_word:
                raise IfconfigError(f"{self._first_word}: only together with an address")
            return None
        if vhid is not None and self._peer is not None:
            raise IfconfigError("an address of a vhid has no other end")
        if self.wants_mac and int(IPv6Address(self._address)) & _INTERFACE_IDENTIFIER:
            raise IfconfigError("eui64: the last 64 bits of the address must be 0")
        return AddAddress(
            address=self._address,
            prefix_length=self._width(self._address),
            vhid=vhid,
            replace=self._family is Family.INET and self._alias is None,
            broadcast=self._broadcast,
            peer=self._peer,
            no_dad=self._flags.get("no_dad", False),
            anycast=self._flags.get("anycast", False),
            preferred_s=self._lifetimes.get("pltime"),
            valid_s=self._lifetimes.get("vltime"),
        )

    def _width(self, address: str) -> int:
        if self._prefix_length is not None:
            return self._prefix_length
        if self._family is Family.INET6:
            return 64
        return 32 if self._peer is not None else class_prefix_length(address)

    def warning(self, interface_is_loopback: bool) -> str | None:
        """Return what there is to say about a missing mask."""
        is_told = (
            self._prefix_length is not None
            or self._family is not Family.INET
            or self._peer is not None
            or self._address is None
            or self._alias == "-alias"
        )
        is_loopback = interface_is_loopback or (self._address or "").startswith("127.")
        return None if is_told or is_loopback else _NO_MASK
