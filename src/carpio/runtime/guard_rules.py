"""What the guard says: which frames may leave or reach a parent, as sets and chains.

A claim is a frame that tells others where an address of ours lives: ARP with it as sender, a
neighbour advertisement for it, duplicate address detection for it, any ND message sent from
it. Per parent, a claim passes only if it pairs the address with the virtual MAC of its group
(`claims4`, `pairs6`), a frame from a virtual MAC only while its gate is open (`master`), and
IP traffic from a virtual address is given the virtual MAC (`mac4`, `mac6`). Other devices
(bystanders) never claim an address of ours. Pure: knows no socket, makes values only.

While its gate is open a virtual MAC falls silent with the frame by which somebody else advertises
from it (`contested`), adverts excepted, until it was judged who is MASTER (docs/adr/0031).

Names end with the parent's name, so that one parent's sets never speak for another's: the same
vhid, hence the same virtual MAC, may exist on several parents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final, TypeAlias

from carpio.runtime.nfnetlink_rules import (
    ACCEPT,
    COUNT,
    DROP,
    Base,
    DataType,
    Field,
    between,
    bits_clear,
    bits_set,
    differs,
    equals,
    goto,
    is_in,
    is_not_in,
    not_more_often,
    note_in,
    protocol_is,
    transport_is,
    write_mapped,
)
from carpio.wire.constants import (
    CARP_GROUP_V4,
    CARP_GROUP_V4_MAC,
    CARP_GROUP_V6,
    CARP_GROUP_V6_MAC,
    CARP_PROTOCOL,
)

__all__ = [
    "Chain",
    "GuardedGroup",
    "Hook",
    "Rule",
    "Ruleset",
    "Set",
    "contest_set",
    "gate_set",
    "make_ruleset",
    "parent_of_contest_set",
    "parent_of_gate_set",
]

IpAddress: TypeAlias = IPv4Address | IPv6Address

_INGRESS: Final = 0
_EGRESS: Final = 1
_FIRST: Final = -(2**31)
"""Ingress before everybody else: no flow table or forwarding rule takes a frame past us."""
_LAST: Final = 2**31 - 1
"""Egress after everybody else: what is judged is what leaves, whoever rewrote it."""

_ETHER_DESTINATION = Field(Base.LINK, 0, 6)
_ETHER_SOURCE = Field(Base.LINK, 6, 6)
_ETHER_TYPE = Field(Base.LINK, 12, 2)
_VLAN_TAG = Field(Base.LINK, 14, 2)
_VLAN_NUMBER = b"\x0f\xff"
_ARP_SENDER_MAC = Field(Base.NETWORK, 8, 6)
_ARP_SENDER = Field(Base.NETWORK, 14, 4)
_ARP_TARGET = Field(Base.NETWORK, 24, 4)
_IP4_PROTOCOL = Field(Base.NETWORK, 9, 1)
_IP4_SOURCE = Field(Base.NETWORK, 12, 4)
_IP4_DESTINATION = Field(Base.NETWORK, 16, 4)
_IP6_NEXT_HEADER = Field(Base.NETWORK, 6, 1)
_IP6_SOURCE = Field(Base.NETWORK, 8, 16)
_IP6_DESTINATION = Field(Base.NETWORK, 24, 16)
_ICMP6_TYPE = Field(Base.TRANSPORT, 0, 1)
_ND_FLAGS = Field(Base.TRANSPORT, 4, 1)
"""Of a neighbour advertisement: router, solicited, override (RFC 4861, 4.4)."""
_ND_TARGET = Field(Base.TRANSPORT, 8, 16)
_ND_OPTION_TYPE = Field(Base.TRANSPORT, 24, 1)
"""The first option of a neighbour solicitation or advertisement."""
_ND_OPTION_MAC = Field(Base.TRANSPORT, 26, 6)

_ARP = b"\x08\x06"
_IP4 = b"\x08\x00"
_IP6 = b"\x86\xdd"
_VLAN_TAGS = (b"\x81\x00", b"\x88\xa8")
_ICMP6 = 58
_FIRST_ND, _LAST_ND = b"\x85", b"\x89"
"""ICMPv6 types 133 to 137: router and neighbour discovery, redirect (RFC 4861)."""
_SOLICITATION, _ADVERTISEMENT = b"\x87", b"\x88"
_SOLICITED = b"\x40"
_SOURCE_MAC_OPTION, _TARGET_MAC_OPTION = b"\x01", b"\x02"
_UNSPECIFIED = bytes(16)
_WRONG_MAC = "our address, wrong MAC"
_CONTESTED = "rival not judged yet"
_MAX_CONTESTED: Final = 256
"""More than the virtual MACs that a parent can have."""
_CONTESTS_A_SECOND: Final = 100
_CONTESTS_AT_ONCE: Final = 600
"""All groups of a parent may change hands in one moment; a flood must not silence for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedGroup:
    """A group as the guard sees it: who may claim which addresses, and where."""

    parent: str
    mac: bytes
    addresses: tuple[IpAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """A named set, or a map if `data` is given.

    Elements are keys, padded part by part to four bytes, to data (empty for sets). A gate set
    (`timeout`) and one that packets fill (`size`, its most elements) have none that must be there.
    """

    name: str
    key: tuple[DataType, ...]
    data: DataType | None = None
    timeout: bool = False
    size: int = 0
    elements: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def is_lively(self) -> bool:
        """What it holds comes and goes while the ruleset stays as it is."""
        return self.timeout or self.size > 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Expressions and the comment under which nft(8) and the counters show them."""

    comment: str
    expressions: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a base chain sees the frames of a device."""

    device: str
    number: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A base chain (with `hook`), or one that others go to."""

    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """The whole content of the table; a chain comes after the chains it goes to."""

    sets: tuple[Set, ...] = ()
    chains: tuple[Chain, ...] = ()


def suffix(device: str) -> str:
    """An interface name as nft(8) can print and parse it; unique and reversible.

    Bytes outside letters, digits, `_`, `-` and `.` become `/` and two hexadecimal digits.
    """
    return re.sub(
        rb"[^A-Za-z0-9_.-]",
        lambda found: b"/%02x" % found.group()[0],
        device.encode("utf-8", "surrogateescape"),
    ).decode()


def gate_set(parent: str) -> str:
    """The name of the set that holds the open gates of a parent."""
    return f"master_{suffix(parent)}"


def parent_of_gate_set(name: str) -> str | None:
    """The parent whose gates are in the set `name`, or None if it is another kind of set."""
    return _parent_of("master", name)


def contest_set(parent: str) -> str:
    """The name of the set of virtual MACs of a parent that a rival has advertised from."""
    return f"contested_{suffix(parent)}"


def parent_of_contest_set(name: str) -> str | None:
    """The parent whose contested MACs are in the set `name`, or None if it is another kind."""
    return _parent_of("contested", name)


def _parent_of(kind: str, name: str) -> str | None:
    prefix, _, rest = name.partition("_")
    if prefix != kind:
        return None
    unescaped = re.sub(
        rb"/([0-9a-f]{2})", lambda found: bytes((int(found.group(1), 16),)), rest.encode()
    )
    return unescaped.decode("utf-8", "surrogateescape")


def make_ruleset(
    groups: Sequence[GuardedGroup],
    bystanders: Sequence[str] = (),
    ports: Mapping[str, str] = MappingProxyType({}),
) -> Ruleset:
    """Everything that must be in the table to guard `groups` on their parents.

    Groups without addresses are guarded too: their MAC must be silent while the gate is closed.
    `ports` are the devices below a parent (of a bridge, a bond), by name, with that parent.
    """
    if not groups:
        return Ruleset()
    everywhere = [a for group in groups for a in group.addresses if not a.is_link_local]
    sets = [_addresses4("all4", everywhere), _addresses6("all6", everywhere)]
    chains: list[Chain] = []
    for parent in dict.fromkeys(group.parent for group in groups):
        own = [group for group in groups if group.parent == parent]
        link_local = [a for group in own for a in group.addresses if a.is_link_local]
        sets += _parent_sets(suffix(parent), own, everywhere + link_local)
        chains += _parent_chains(parent)
    parents = {group.parent for group in groups}
    below = {port: parent for port, parent in ports.items() if parent in parents}
    chains += [chain for parent in dict.fromkeys(below.values()) for chain in _port_claims(parent)]
    chains += [_port_chain(port, suffix(parent)) for port, parent in below.items()]
    others = [d for d in dict.fromkeys(bystanders) if all(g.parent != d for g in groups)]
    if others:
        chains += [_BYSTANDER_ARP, _BYSTANDER_ND, *map(_bystander_chain, others)]
    return Ruleset(sets=tuple(sets), chains=tuple(chains))


# -- sets --------------------------------------------------------------------------------------


def _pad(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def _addresses4(name: str, addresses: Iterable[IpAddress]) -> Set:
    elements = {a.packed: b"" for a in addresses if a.version == 4}
    return Set(name=name, key=(DataType.IPV4,), elements=elements)


def _addresses6(name: str, addresses: Iterable[IpAddress]) -> Set:
    elements = {a.packed: b"" for a in addresses if a.version == 6}
    return Set(name=name, key=(DataType.IPV6,), elements=elements)


def _parent_sets(end: str, own: Sequence[GuardedGroup], ours: Sequence[IpAddress]) -> list[Set]:
    pairs = [(a, group.mac) for group in own for a in group.addresses]
    v4 = [(a.packed, mac) for a, mac in pairs if a.version == 4]
    v6 = [(a.packed, mac) for a, mac in pairs if a.version == 6]
    mac = DataType.MAC
    return [
        Set(name=f"mine_{end}", key=(mac,), elements={g.mac: b"" for g in own}),
        Set(name=f"master_{end}", key=(mac,), timeout=True),
        Set(name=f"contested_{end}", key=(mac,), size=_MAX_CONTESTED),
        _addresses4(f"ours4_{end}", ours),
        _addresses6(f"ours6_{end}", ours),
        Set(name=f"mac4_{end}", key=(DataType.IPV4,), data=mac, elements=dict(v4)),
        Set(name=f"mac6_{end}", key=(DataType.IPV6,), data=mac, elements=dict(v6)),
        Set(
            name=f"claims4_{end}",
            key=(DataType.IPV4, mac, mac),
            elements={a + _pad(m) + _pad(m): b"" for a, m in v4},
        ),
        Set(
            name=f"pairs6_{end}",
            key=(DataType.IPV6, mac),
            elements={a + _pad(m): b"" for a, m in v6},
        ),
    ]


# -- chains of a parent ------------------------------------------------------------------------


def _drop(comment: str, *conditions: bytes) -> Rule:
    return Rule(comment, b"".join((*conditions, COUNT, DROP)))


def _tagged_pass() -> list[Rule]:
    """Frames of a VLAN above the device are judged on the VLAN's own interface.

    The VLAN number 0 is no VLAN: such frames have a priority only and reach the device itself.
    """
    in_vlan = bits_set(_VLAN_TAG, _VLAN_NUMBER)
    return [Rule("VLAN", equals(_ETHER_TYPE, tag) + in_vlan + ACCEPT) for tag in _VLAN_TAGS]


def _parent_chains(parent: str) -> list[Chain]:
    end = suffix(parent)
    silent = is_in(f"mine_{end}", _ETHER_SOURCE) + is_not_in(f"master_{end}", _ETHER_SOURCE)
    deaf = is_in(f"mine_{end}", _ETHER_DESTINATION)
    deaf += is_not_in(f"master_{end}", _ETHER_DESTINATION)
    leaving = (
        *_tagged_pass(),
        _drop("virtual MAC, gate closed", silent),
        Rule("contested", is_in(f"contested_{end}", _ETHER_SOURCE) + goto(f"contest_{end}")),
        Rule("ARP", equals(_ETHER_TYPE, _ARP) + goto(f"arp_{end}")),
        Rule("IPv4", equals(_ETHER_TYPE, _IP4) + goto(f"ip4_{end}")),
        Rule("IPv6", equals(_ETHER_TYPE, _IP6) + goto(f"ip6_{end}")),
    )
    arriving = (
        *_tagged_pass(),
        _drop("to virtual MAC, gate closed", deaf),
        _drop(f"to virtual MAC, {_CONTESTED}", is_in(f"contested_{end}", _ETHER_DESTINATION)),
        *_contests(end),
        *_rivals(end),
    )
    return [
        Chain(name=f"arp_{end}", rules=tuple(_arp_claims(end))),
        Chain(name=f"ip4_{end}", rules=tuple(_ip4_traffic(end))),
        Chain(name=f"nd_{end}", rules=tuple(_nd_claims(end))),
        Chain(name=f"ip6_{end}", rules=tuple(_ip6_traffic(end))),
        Chain(name=f"contest_{end}", rules=_WHILE_CONTESTED),
        Chain(name=f"out_{end}", rules=leaving, hook=Hook(parent, _EGRESS, _LAST)),
        Chain(name=f"in_{end}", rules=arriving, hook=Hook(parent, _INGRESS, _FIRST)),
    ]


def _arp_claims(end: str) -> list[Rule]:
    """Address, sender MAC and Ethernet source must fit when any one of them is ours."""
    claim = is_not_in(f"claims4_{end}", _ARP_SENDER, _ARP_SENDER_MAC, _ETHER_SOURCE)
    return [
        _drop(f"ARP: {_WRONG_MAC}", is_in(f"ours4_{end}", _ARP_SENDER), claim),
        _drop("ARP: virtual MAC, wrong address", is_in(f"mine_{end}", _ARP_SENDER_MAC), claim),
        _drop("ARP: from virtual MAC, wrong address", is_in(f"mine_{end}", _ETHER_SOURCE), claim),
    ]


def _ip4_traffic(end: str) -> list[Rule]:
    """Traffic from a virtual address leaves from its virtual MAC, or not at all.

    Adverts and bow-outs may come from the NIC's MAC whatever their source address.
    """
    advert = equals(_IP4_DESTINATION, CARP_GROUP_V4)
    advert += equals(_IP4_PROTOCOL, bytes((CARP_PROTOCOL,)))
    return [
        Rule("not from our address", is_not_in(f"mac4_{end}", _IP4_SOURCE) + ACCEPT),
        Rule("advert", advert + ACCEPT),
        Rule("give virtual MAC", write_mapped(_ETHER_SOURCE, f"mac4_{end}", _IP4_SOURCE)),
        _drop("IPv4: from our address, gate closed", is_not_in(f"master_{end}", _ETHER_SOURCE)),
        _drop(f"IPv4: from our address, {_CONTESTED}", is_in(f"contested_{end}", _ETHER_SOURCE)),
    ]


def _ip6_traffic(end: str) -> list[Rule]:
    """As IPv4; neighbour discovery is judged, never rewritten: its options would still lie."""
    discovery = transport_is(_ICMP6) + between(_ICMP6_TYPE, _FIRST_ND, _LAST_ND)
    advert = equals(_IP6_DESTINATION, CARP_GROUP_V6)
    advert += equals(_IP6_NEXT_HEADER, bytes((CARP_PROTOCOL,)))
    return [
        Rule("ND", discovery + goto(f"nd_{end}")),
        Rule("not from our address", is_not_in(f"mac6_{end}", _IP6_SOURCE) + ACCEPT),
        Rule("advert", advert + ACCEPT),
        Rule("give virtual MAC", write_mapped(_ETHER_SOURCE, f"mac6_{end}", _IP6_SOURCE)),
        _drop("IPv6: from our address, gate closed", is_not_in(f"master_{end}", _ETHER_SOURCE)),
        _drop(f"IPv6: from our address, {_CONTESTED}", is_in(f"contested_{end}", _ETHER_SOURCE)),
    ]


def _nd_claims(end: str) -> list[Rule]:
    """Every pairing of an address with a MAC that an ND message makes must be one of ours.

    Pairings: source with Ethernet source; source with the source MAC option; target with
    Ethernet source, of advertisements and of duplicate address detection; target with the
    target MAC option. Only the first option is seen, which is where the kernel puts it.
    """
    solicitation = equals(_ICMP6_TYPE, _SOLICITATION)
    advertisement = equals(_ICMP6_TYPE, _ADVERTISEMENT)
    nameless = equals(_IP6_SOURCE, _UNSPECIFIED)
    source_option = solicitation + equals(_ND_OPTION_TYPE, _SOURCE_MAC_OPTION)
    target_option = advertisement + equals(_ND_OPTION_TYPE, _TARGET_MAC_OPTION)
    return [
        *_pairing(end, "ND", b"", _IP6_SOURCE, _ETHER_SOURCE),
        *_pairing(end, "NS option", source_option, _IP6_SOURCE, _ND_OPTION_MAC),
        *_pairing(end, "DAD", solicitation + nameless, _ND_TARGET, _ETHER_SOURCE),
        *_pairing(end, "NA", advertisement, _ND_TARGET, _ETHER_SOURCE),
        *_pairing(end, "NA option", target_option, _ND_TARGET, _ND_OPTION_MAC),
    ]


def _pairing(end: str, what: str, condition: bytes, address: Field, mac: Field) -> list[Rule]:
    """Drop when the address or the MAC is ours and they do not belong together."""
    wrong = is_not_in(f"pairs6_{end}", address, mac)
    # nothing is said about "::"; solicitations from it are judged by their target
    named = differs(address, _UNSPECIFIED)
    return [
        _drop(f"{what}: {_WRONG_MAC}", condition, is_in(f"ours6_{end}", address), wrong),
        _drop(
            f"{what}: virtual MAC, wrong address",
            condition,
            is_in(f"mine_{end}", mac),
            named,
            wrong,
        ),
    ]


_ADVERTS: Final = MappingProxyType(
    {
        "IPv4": equals(_ETHER_DESTINATION, CARP_GROUP_V4_MAC)
        + protocol_is(_IP4)
        + equals(_IP4_PROTOCOL, bytes((CARP_PROTOCOL,))),
        "IPv6": equals(_ETHER_DESTINATION, CARP_GROUP_V6_MAC)
        + protocol_is(_IP6)
        + equals(_IP6_NEXT_HEADER, bytes((CARP_PROTOCOL,))),
    }
)
_WHILE_CONTESTED: Final = (
    *(Rule(f"{family} advert", advert + ACCEPT) for family, advert in _ADVERTS.items()),
    _drop(f"virtual MAC, {_CONTESTED}"),
)


def _contests(end: str) -> list[Rule]:
    """An advert of somebody else from a virtual MAC whose gate is open here.

    By now the switch sends frames for this MAC to him. Whether it goes on doing so is for the
    election; until then nobody hears the same MAC from two hosts.
    """
    is_master = is_in(f"master_{end}", _ETHER_SOURCE)
    pace = not_more_often(_CONTESTS_A_SECOND, _CONTESTS_AT_ONCE)
    note = note_in(f"contested_{end}", _ETHER_SOURCE)
    return [
        Rule(f"{family} advert of a rival", advert + is_master + pace + note)
        for family, advert in _ADVERTS.items()
    ]


def _rivals(end: str) -> list[Rule]:
    """Announcements of our addresses by others do not reach our stack.

    A gratuitous ARP has one of our addresses at both ends; requests and replies between the
    MASTER's address and this host have it at one end and pass. Likewise a neighbour
    advertisement that answers our own solicitation passes, an unsolicited one does not: the
    only truth that it could tell, the virtual MAC, never changes.
    """
    arp = protocol_is(_ARP) + is_in(f"ours4_{end}", _ARP_SENDER)
    advertisement = transport_is(_ICMP6) + equals(_ICMP6_TYPE, _ADVERTISEMENT)
    advertisement += bits_clear(_ND_FLAGS, _SOLICITED)
    return [
        _drop("ARP: rival", arp, is_in(f"ours4_{end}", _ARP_TARGET)),
        _drop("NA: rival", advertisement, is_in(f"ours6_{end}", _ND_TARGET)),
    ]


# -- chains of other devices -------------------------------------------------------------------

_DISCOVERY: Final = (
    equals(_ETHER_TYPE, _IP6) + transport_is(_ICMP6) + between(_ICMP6_TYPE, _FIRST_ND, _LAST_ND)
)


def _port_claims(parent: str) -> list[Chain]:
    """What a port may not say: claims of our addresses for another MAC than the virtual one.

    The claims of the parent and of peers behind the bridge go through ports and are true. A port
    is left to itself for a moment when its parent is deleted: then it would answer with its own.
    """
    end = suffix(parent)
    arp = [rule for rule in _arp_claims(end) if rule.comment.endswith(_WRONG_MAC)]
    nd = [rule for rule in _nd_claims(end) if rule.comment.endswith(_WRONG_MAC)]
    return [
        Chain(name=f"port_arp_{end}", rules=tuple(arp)),
        Chain(name=f"port_nd_{end}", rules=tuple(nd)),
    ]


def _port_chain(device: str, end: str) -> Chain:
    rules = (
        Rule("ARP", equals(_ETHER_TYPE, _ARP) + goto(f"port_arp_{end}")),
        Rule("ND", _DISCOVERY + goto(f"port_nd_{end}")),
    )
    return Chain(name=f"on_{suffix(device)}", rules=rules, hook=Hook(device, _EGRESS, _LAST))


def _nd_bystander_rules() -> tuple[Rule, ...]:
    dad = equals(_ICMP6_TYPE, _SOLICITATION) + equals(_IP6_SOURCE, _UNSPECIFIED)
    advertisement = equals(_ICMP6_TYPE, _ADVERTISEMENT)
    return (
        _drop("ND: our address, other device", is_in("all6", _IP6_SOURCE)),
        _drop("DAD: our address, other device", dad, is_in("all6", _ND_TARGET)),
        _drop("NA: our address, other device", advertisement, is_in("all6", _ND_TARGET)),
    )


_BYSTANDER_ARP: Final = Chain(
    name="arp", rules=(_drop("ARP: our address, other device", is_in("all4", _ARP_SENDER)),)
)
_BYSTANDER_ND: Final = Chain(name="nd", rules=_nd_bystander_rules())


def _bystander_chain(device: str) -> Chain:
    """Traffic passes unjudged, claims do not; frames with a VLAN tag have another EtherType."""
    rules = (
        Rule("ARP", equals(_ETHER_TYPE, _ARP) + goto(_BYSTANDER_ARP.name)),
        Rule("ND", _DISCOVERY + goto(_BYSTANDER_ND.name)),
    )
    return Chain(name=f"by_{suffix(device)}", rules=rules, hook=Hook(device, _EGRESS, _LAST))
