"""The words about a vhid: settings that come before anything else is done with an address."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from carpio.bsd.keywords import Family
from carpio.bsd.messages import IfconfigError, error_text
from carpio.control.network import SetVhid

__all__ = ["GroupWords"]

_MULTICAST: Final = (0, int(IPv4Address("224.0.0.18")))
_MULTICAST6: Final = (0, int(IPv6Address("ff02::12")))
"""The address that leaves it as it is, and what it is."""
_HIGHEST_VHID: Final = 255
_HIGHEST_ADVBASE: Final = 255
_HIGHEST_ADVSKEW: Final = 254
_SIGNIFICANT: Final = 19
"""Characters of a passphrase that are sent: with at least as many bytes, of which 19 count."""
_CALLED: Final = {"pass": "passwd"}
"""What messages call a word that they do not call as it is typed."""


class GroupWords:
    """Reads the words about a vhid, in order."""

    def __init__(self, family: Family, family_word: str) -> None:
        """`family_word` is the family as it was typed."""
        self.vhid: int | None = None
        self._family = family
        self._family_word = family_word
        self._advbase: int | None = None
        self._advskew: int | None = None
        self._passphrase: str | None = None
        self._state: Literal["master", "backup"] | None = None

    def take(self, name: str, value: str, number: Callable[[str, str], int]) -> None:
        """Read the keyword `name`; `number` reads a value leniently. Raises IfconfigError."""
        if name == "vhid":
            self._take_vhid(number(name, value))
            return
        if self.vhid is None:
            raise IfconfigError(f"{_CALLED.get(name, name)} requires vhid")
        match name:
            case "advbase":
                self._advbase = _within(number(name, value), _HIGHEST_ADVBASE) or None
            case "advskew":
                self._advskew = _within(number(name, value), _HIGHEST_ADVSKEW)
            case "pass":
                self._passphrase = value[:_SIGNIFICANT]
            case "state":
                self._take_state(value.lower())
            case "carpver":
                _check_version(number(name, value))
            case "peer":
                _check_peer(value)
            case "peer6":
                _check_peer6(value)
            case "vrrpprio" | "vrrpinterval":
                raise IfconfigError(f"{name}: VRRP is not supported yet")
            case "mcast" | "mcast6":
                pass  # as it is anyway
            case _:
                raise AssertionError(name)

    def step(self) -> SetVhid | None:
        """Return what the words say, or None when there is no vhid."""
        if self.vhid is None:
            return None
        return SetVhid(
            vhid=self.vhid,
            advbase=self._advbase,
            advskew=self._advskew,
            passphrase=self._passphrase,
            state=self._state,
        )

    def _take_vhid(self, number: int) -> None:
        if not 1 <= number <= _HIGHEST_VHID:
            raise IfconfigError(f"vhid must be greater than 0 and less than {_HIGHEST_VHID}")
        if self._family is Family.LINK:
            raise IfconfigError(f"{self._family_word} doesn't support carp(4)")
        if self.vhid not in (None, number):
            raise IfconfigError(f"vhid {self.vhid} and vhid {number} in one call")
        self.vhid = number

    def _take_state(self, value: str) -> None:
        match value:
            case "master" | "backup":
                self._state = value
            case "init":
                self._state = None
            case _:
                raise IfconfigError("unknown state")


def _within(number: int, highest: int) -> int:
    if not 0 <= number <= highest:
        raise IfconfigError(f"SIOCSVH: {error_text(errno.EINVAL)}")
    return number


def _check_version(number: int) -> None:
    if number == 3:
        raise IfconfigError("carpver 3: VRRP is not supported yet")
    if number != 2:
        raise IfconfigError("version must be 2 or 3")


def _check_peer(value: str) -> None:
    try:
        address = IPv4Address(value)
    except ValueError:
        raise IfconfigError(f"Invalid IPv4 address {value}") from None
    if int(address) not in _MULTICAST:
        raise IfconfigError("peer: unicast is not supported yet")


def _check_peer6(value: str) -> None:
    try:
        address = IPv6Address(value)
    except ValueError:
        raise IfconfigError(f"Invalid IPv6 address {value}") from None
    if int(address) not in _MULTICAST6:
        raise IfconfigError("peer6: unicast is not supported yet")
