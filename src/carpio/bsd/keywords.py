"""The words that ifconfig knows, each with what it is about. What they do is in words.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, unique
from typing import Final

import msgspec

from carpio.control.network import SetLink

__all__ = ["FAMILIES", "KEYWORDS", "KINDS", "About", "Family", "Keyword"]


@unique
class Family(Enum):
    """Which addresses a call is about; the value is what messages call it."""

    INET = "inet"
    INET6 = "inet6"
    LINK = "ether"


@unique
class About(Enum):
    """What a keyword is about, and hence who reads it."""

    LIFE = "making and removing the interface"
    LINK = "the interface itself"
    MEMBERS = "the ports of a bridge"
    NETNS = "moving the interface"
    GROUP = "the vhid"
    ADDRESS = "the address"
    NOTHING = "accepted, no effect"
    IGNORED = "accepted with a warning, no effect"
    REFUSED = "known, and not supported"


class Keyword(msgspec.Struct, frozen=True, kw_only=True):
    """One word. `name` is the same for words that mean the same."""

    name: str
    about: About
    has_value: bool = False
    """Whether the next word belongs to it."""
    link: SetLink | None = None
    """Of a word without a value about the interface: its whole meaning."""
    only: Family | None = None
    """The family that it applies to, or None for any."""


KINDS: Final = ("bridge", "epair", "lo", "vlan")
"""What can be created."""
FAMILIES: Final[Mapping[str, Family]] = {
    "inet": Family.INET,
    "inet6": Family.INET6,
    "ether": Family.LINK,
    "link": Family.LINK,
    "lladdr": Family.LINK,
}

_FLAGS: Final[Mapping[str, SetLink]] = {
    "up": SetLink(up=True),
    "down": SetLink(up=False),
    "arp": SetLink(arp=True),
    "-arp": SetLink(arp=False),
    "promisc": SetLink(promisc=True),
    "-promisc": SetLink(promisc=False),
    "allmulti": SetLink(allmulti=True),
    "-allmulti": SetLink(allmulti=False),
    "-description": SetLink(description=""),
    "-descr": SetLink(description=""),
}
_SAME: Final[Mapping[str, str]] = {
    "plumb": "create",
    "unplumb": "destroy",
    "add": "alias",
    "delete": "-alias",
    "remove": "-alias",
    "descr": "description",
    "link": "ether",
    "lladdr": "ether",
}
"""Words that mean the same as another one."""

_VALUED: Final[Mapping[About, str]] = {
    About.LIFE: "vlan vlandev",
    About.LINK: "mtu metric name description descr ether link lladdr",
    About.MEMBERS: "addm deletem",
    About.NETNS: "vnet -vnet",
    About.GROUP: "vhid advbase advskew pass state peer peer6 carpver vrrpprio vrrpinterval",
    About.ADDRESS: "prefixlen",
    About.IGNORED: "media mediaopt -mediaopt mode",
    About.REFUSED: "group -group",
}
_PLAIN: Final[Mapping[About, str]] = {
    About.LIFE: "create plumb destroy unplumb",
    About.GROUP: "mcast mcast6",
    About.ADDRESS: "alias add -alias delete remove",
    About.NOTHING: """
        rxcsum txcsum rxcsum6 txcsum6 tso tso4 tso6 lro
        -rxcsum -txcsum -rxcsum6 -txcsum6 -tso -tso4 -tso6 -lro
        vlanmtu vlanhwtag vlanhwcsum vlanhwtso vlanhwfilter
        -vlanmtu -vlanhwtag -vlanhwcsum -vlanhwtso -vlanhwfilter
    """,
    About.REFUSED: """
        auto_linklocal -auto_linklocal accept_rtadv -accept_rtadv ifdisabled -ifdisabled
        autoconf -autoconf
    """,
}
_INET: Final = "netmask broadcast"
_INET6_VALUED: Final = "pltime vltime"
_INET6_PLAIN: Final = "no_dad -no_dad anycast -anycast eui64"


def _all() -> Iterator[tuple[str, Keyword]]:
    for word, link in _FLAGS.items():
        yield word, Keyword(name=word, about=About.LINK, link=link)
    for table, has_value in ((_VALUED, True), (_PLAIN, False)):
        for about, words in table.items():
            for word in words.split():
                yield word, Keyword(name=_SAME.get(word, word), about=about, has_value=has_value)
    for words, has_value, family in (
        (_INET, True, Family.INET),
        (_INET6_VALUED, True, Family.INET6),
        (_INET6_PLAIN, False, Family.INET6),
    ):
        for word in words.split():
            yield word, Keyword(name=word, about=About.ADDRESS, has_value=has_value, only=family)


KEYWORDS: Final[Mapping[str, Keyword]] = dict(_all())
