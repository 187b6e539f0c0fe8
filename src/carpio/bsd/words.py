"""One ifconfig call that changes something: its words become steps, or an IfconfigError.

Words are read from left to right. Those about the interface become steps at once; the vhid and
the address come at the end: first the settings of the vhid, then the deletion, then the addition
that carries its vhid. Nothing here looks at the system but `resolve`, for host names.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from typing import Final, Literal, cast

import msgspec

from carpio.bsd.address_words import AddressWords
from carpio.bsd.addresses import (
    Resolve,
    eui64_address,
    is_interface_name,
    is_namespace_name,
    no_names,
    parse_mac,
)
from carpio.bsd.group_words import GroupWords
from carpio.bsd.keywords import FAMILIES, KEYWORDS, KINDS, About, Family, Keyword
from carpio.bsd.messages import IfconfigError, bad_value, error_text, no_such_interface
from carpio.bsd.numbers import leading_number
from carpio.control.network import (
    AddAddress,
    AddMember,
    Create,
    DeleteMember,
    Destroy,
    MoveTo,
    SetLink,
    Step,
    TakeFrom,
)

__all__ = ["Change", "PlacedChange", "parse_change", "with_mac"]

_NUMBERED: Final = re.compile(rf"({'|'.join(KINDS)})[0-9]*")
_DOTTED: Final = re.compile(r"(.+)\.([1-9][0-9]{0,3})")
_LOOPBACK: Final = re.compile(r"lo[0-9]*")
_LIKE_ADDRESS: Final = re.compile(r"[0-9]+\.[0-9]+\.|[0-9A-Fa-f]*:[0-9A-Fa-f]*:")
_HIGHEST_TAG: Final = 4094
_HIGHEST_MTU: Final = 65535
_LONGEST_DESCRIPTION: Final = 255
_LINK_VALUES: Final = {"mtu": "set mtu", "name": "set name", "description": "set descr"}
"""Keywords with a value, and what FreeBSD calls the system call behind each."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one call is to change."""

    interface: str
    steps: tuple[Step, ...]
    """Empty when all words are accepted without effect."""
    remarks: tuple[str, ...] = ()
    """Warnings, each of one or more lines."""
    is_renaming: bool = False
    wants_mac: bool = False
    """The last step's address is to be completed by `with_mac`."""


class PlacedChange(msgspec.Struct, frozen=True):
    """A change and what its messages begin with: `FILE:LINE`, or the name of the command."""

    place: str
    change: Change


def parse_change(interface: str, words: Sequence[str], resolve: Resolve = no_names) -> Change:
    """Return what the words after an interface's name ask for. Raises IfconfigError."""
    if not all(_is_text(word) for word in (interface, *words)):
        raise IfconfigError("the words are not text in UTF-8")
    if not is_interface_name(interface):
        if words and words[0] in ("create", "plumb"):
            raise IfconfigError(f"{interface}: not a name for an interface")
        raise IfconfigError(no_such_interface(interface))
    return _Reader(interface, _beginning(words), resolve).read()


def with_mac(change: Change, mac: str) -> Change:
    """Return the change with its address made from the MAC of the interface (eui64)."""
    *others, last = change.steps
    assert isinstance(last, AddAddress)  # noqa: S101 - the addition is the last step
    address = eui64_address(last.address, mac)
    added = AddAddress(
        **{name: getattr(last, name) for name in last.__struct_fields__ if name != "address"},
        address=address,
    )
    return msgspec.structs.replace(change, steps=(*others, added), wants_mac=False)


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in word


class _Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the interface is made, and of which family all the rest speaks."""

    creates: bool
    vlan: dict[str, str]
    """Values of vlan and vlandev that directly follow: a family may come after them."""
    family_word: str
    rest: list[str]


def _beginning(words: Sequence[str]) -> _Beginning:
    rest = list(words)
    vlan: dict[str, str] = {}
    creates = bool(rest) and rest[0] in ("create", "plumb")
    if creates:
        rest.pop(0)
        while len(rest) > 1 and rest[0] in ("vlan", "vlandev"):
            word = rest.pop(0)
            vlan[word] = rest.pop(0)
    family_word = rest.pop(0) if rest and rest[0] in FAMILIES else "inet"
    return _Beginning(creates=creates, vlan=vlan, family_word=family_word, rest=rest)


class _Reader:
    """The words of one call, and what was read of them so far."""

    def __init__(self, interface: str, beginning: _Beginning, resolve: Resolve) -> None:
        self._interface = interface
        self._creates, self._vlan = beginning.creates, beginning.vlan
        self._family = FAMILIES[beginning.family_word]
        self._group = GroupWords(self._family, beginning.family_word)
        self._address = AddressWords(self._family, resolve)
        self._resolve = resolve
        self._left = beginning.rest
        self._steps: list[Step] = []
        self._remarks: list[str] = []
        self._names = {interface}
        self._last: str | None = None
        """The word after which nothing may come."""
        self._may_show_passphrase = "pass" in self._vlan.values()
        """Whether a word without meaning may be the rest of a passphrase with blanks."""
        self._is_after_passphrase = False
        """Whether no keyword came since: then it is not even looked up as the name of a host."""

    def read(self) -> Change:
        """Return the whole change. Raises IfconfigError."""
        while self._left:
            self._take(self._left.pop(0))
        return self._finish()

    def _take(self, word: str) -> None:
        if self._last is not None:
            raise IfconfigError(f"{self._last}: no other words may follow")
        keyword = KEYWORDS.get(word)
        if keyword is None:
            self._take_address(word)
            return
        value = self._value_of(word) if keyword.has_value else ""
        self._is_after_passphrase = "pass" in (word, value)
        if keyword.only is not None and keyword.only is not self._family:
            raise IfconfigError(f"{word}: only for {keyword.only.value} addresses")
        self._take_keyword(keyword, word, value)

    def _value_of(self, word: str) -> str:
        if not self._left:
            raise IfconfigError(f"'{word}' requires argument")
        value = self._left.pop(0)
        self._may_show_passphrase = self._may_show_passphrase or "pass" in (word, value)
        return value

    def _take_keyword(self, keyword: Keyword, word: str, value: str) -> None:
        name = keyword.name
        match keyword.about:
            case About.LIFE:
                self._take_life(name, word, value)
            case About.LINK:
                self._steps.append(keyword.link or self._link_step(name, value))
            case About.MEMBERS:
                if not is_interface_name(value):
                    raise bad_value(value)
                self._steps.append(AddMember(value) if name == "addm" else DeleteMember(value))
            case About.NETNS:
                self._take_netns(name, value)
            case About.GROUP:
                self._group.take(name, value, self._number)
            case About.ADDRESS:
                if self._family is Family.LINK:
                    raise IfconfigError(f"{word}: only for inet and inet6 addresses")
                self._address.take(name, value, self._number)
            case About.NOTHING:
                pass
            case About.IGNORED:
                self._remarks.append(f"WARNING: {word} has no effect on Linux")
            case About.REFUSED:
                raise IfconfigError(f"{word}: not supported on Linux")

    def _number(self, word: str, text: str) -> int:
        number, is_plain = leading_number(text)
        if not is_plain:
            self._remarks.append(f"WARNING: {word} {text!r} is read as {number}")
        return number

    # -- the interface -----------------------------------------------------------------------

    def _take_life(self, name: str, word: str, value: str) -> None:
        match name:
            case "create":
                raise IfconfigError(f"{word}: must be the first word")
            case "destroy":
                if self._steps or self._creates or self._address.is_used or self._group.vhid:
                    raise IfconfigError(f"{word}: must be the only word")
                self._steps.append(Destroy())
                self._last = word
            case _:
                if not self._creates:
                    raise IfconfigError(f"{word}: only together with create")
                self._vlan[name] = value

    def _link_step(self, name: str, value: str) -> SetLink:
        if name == "metric":
            if self._number(name, value) != 0:
                raise IfconfigError("metric: not supported on Linux, only 0")
            return SetLink()
        if name == "ether":
            return SetLink(mac=parse_mac(value))
        number = self._number(name, value) if name == "mtu" else 0
        is_fit = {
            "mtu": 1 <= number <= _HIGHEST_MTU,
            "name": is_interface_name(value),
            "description": len(value) <= _LONGEST_DESCRIPTION,
        }
        if not is_fit[name]:
            raise IfconfigError(f"ioctl ({_LINK_VALUES[name]}): {error_text(errno.EINVAL)}")
        if name == "mtu":
            return SetLink(mtu=number)
        if name == "description":
            return SetLink(description=value)
        self._names.add(value)
        return SetLink(name=value)

    def _take_netns(self, name: str, jail: str) -> None:
        if not is_namespace_name(jail):
            raise bad_value(jail)
        if name == "vnet":
            if self._address.is_used or self._group.vhid is not None:
                raise IfconfigError("vnet: not in one call with an address or a vhid")
            self._steps.append(MoveTo(jail))
            self._last = name
        elif self._steps or self._creates:
            raise IfconfigError("-vnet: must be the first word")
        else:
            self._steps.append(TakeFrom(jail))

    # -- addresses ---------------------------------------------------------------------------

    def _take_address(self, word: str) -> None:
        try:
            if self._family is Family.LINK:
                self._steps.append(SetLink(mac=parse_mac(word)))
            else:
                resolve = no_names if self._is_after_passphrase else self._resolve
                self._address.take_address(word, frozenset(self._names), resolve)
        except IfconfigError:
            if self._may_show_passphrase and not _LIKE_ADDRESS.match(word):
                raise IfconfigError(
                    "a word after pass is no keyword and no address; it is not shown, "
                    "as it may belong to a passphrase with blanks, which needs quotes"
                ) from None
            raise
        self._may_show_passphrase = False

    # -- the end -----------------------------------------------------------------------------

    def _finish(self) -> Change:
        vhid = self._group.step()
        deletion, addition = self._address.deletion(), self._address.addition(self._group.vhid)
        warning = self._address.warning(_LOOPBACK.fullmatch(self._interface) is not None)
        creation = self._creation() if self._creates else None
        at_once = [step for step in self._steps if step != SetLink()]
        last = [step for step in (vhid, deletion, addition) if step is not None]
        wants_mac = addition is not None and self._address.wants_mac
        if wants_mac and self._creates:
            raise IfconfigError("eui64: not in the call that creates the interface")
        return Change(
            interface=self._interface,
            steps=(*([creation] if creation else []), *at_once, *last),
            remarks=(*self._remarks, *([warning] if warning else [])),
            is_renaming=len(self._names) > 1,
            wants_mac=wants_mac,
        )

    def _creation(self) -> Create:
        """Return how to make the interface. Raises IfconfigError."""
        numbered = _NUMBERED.fullmatch(self._interface)
        dotted = _DOTTED.fullmatch(self._interface)
        if numbered and numbered.group(1) != "vlan":
            if self._vlan:
                raise IfconfigError(f"{next(iter(self._vlan))}: only for a vlan interface")
            kind = cast('Literal["bridge", "epair", "lo"]', numbered.group(1))
            return Create(kind=kind)
        if dotted:
            parent, tag = dotted.groups()
            if self._vlan not in ({}, {"vlan": tag, "vlandev": parent}):
                raise IfconfigError(f"{self._interface}: is vlan {tag} of {parent} by its name")
            return _vlan(tag, parent)
        if not numbered:
            raise IfconfigError(
                f"SIOCIFCREATE2: {error_text(errno.EINVAL)}: {self._interface} is not of a kind "
                f"that can be created: {' '.join(KINDS)} or INTERFACE.VLAN"
            )
        if len(self._vlan) != 2:
            raise IfconfigError("a vlan needs both: vlan N vlandev INTERFACE")
        return _vlan(self._vlan["vlan"], self._vlan["vlandev"])


def _vlan(tag: str, parent: str) -> Create:
    number, is_plain = leading_number(tag)
    if not is_plain or not 1 <= number <= _HIGHEST_TAG:
        raise bad_value(tag, f"a vlan is 1 to {_HIGHEST_TAG}")
    if not is_interface_name(parent):
        raise bad_value(parent)
    return Create(kind="vlan", vlan=number, parent=parent)
