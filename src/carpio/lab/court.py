"""Judges every claim of the groups' addresses, on several networks. Pure: frames in, verdicts out.

A claim is any frame by which a neighbour could come to believe that a MAC has an address: ARP
whose sender is the address (request, reply, gratuitous), a neighbour solicitation sent from it,
duplicate address detection for it, a neighbour advertisement of it. Packets merely sent from the
address are judged in the same way and counted apart (`Kind.TRAFFIC`): the switch learns from them.

Rule 1: Ethernet source and the MAC inside (ARP sender, SLLA/TLLA option) must be the virtual MAC.
Rule 2: the host must be master at that moment by the role time line.
A virtual MAC must not speak for an address of another group either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from ipaddress import ip_interface
from typing import Final

from carpio.lab.plan import Interface
from carpio.lab.roles import HeardAdvert, Mastership, Roles
from carpio.lab.sighting import Advert, Claim, Kind, virtual_mac, vrrp_mac_v6
from carpio.lab.views import Apart, masterships_by_view
from carpio.wire.constants import Family

__all__ = ["Bench", "Docket", "Group", "Verdict", "group_of", "verdict_of"]

IPV6_LENGTH: Final = 16
JUST_BEFORE_NS: Final = 1_000_000_000
"""A claim this long before its host becomes master came too early; else the host is no master."""


@unique
class Verdict(Enum):
    """What the judge says of a claim."""

    RIGHT = "right"
    WRONG_MAC = "wrong MAC"
    NOT_MASTER = "right MAC, not master"
    BEFORE_FIRST_ADVERT = "before first advert"
    REVERSE_LIE = "reverse lie"
    """A virtual MAC that speaks for an address which is not of its group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as its judge knows it."""

    name: str
    vhid: int
    network: str
    addresses: frozenset[bytes]
    mac_v4: bytes
    mac_v6: bytes

    def mac_for(self, address: bytes) -> bytes:
        """Return the one MAC that may speak for an address."""
        return self.mac_v6 if len(address) == IPV6_LENGTH else self.mac_v4


def group_of(
    vhid: int, network: str, addresses: Iterable[Interface | str], *, is_vrrp: bool = False
) -> Group:
    """Return a group; with VRRP it has a MAC of its own for IPv6."""
    return Group(
        name=f"{vhid}@{network}",
        vhid=vhid,
        network=network,
        addresses=frozenset(ip_interface(str(address)).ip.packed for address in addresses),
        mac_v4=virtual_mac(vhid),
        mac_v6=vrrp_mac_v6(vhid) if is_vrrp else virtual_mac(vhid),
    )


def verdict_of(
    claim: Claim, host: str, time_ns: int, *, addresses: frozenset[bytes], mac: bytes, roles: Roles
) -> Verdict:
    """Judge a claim that concerns a group with these addresses, for which `mac` may speak."""
    if claim.address not in addresses:
        return Verdict.REVERSE_LIE
    if claim.ethernet_source != mac or claim.payload_mac not in (None, mac):
        return Verdict.WRONG_MAC
    if roles.is_master(host, time_ns):
        return Verdict.RIGHT
    start_ns = roles.next_start_ns(host, time_ns)
    if start_ns is not None and start_ns - time_ns <= JUST_BEFORE_NS:
        return Verdict.BEFORE_FIRST_ADVERT
    return Verdict.NOT_MASTER


class Docket:
    """The adverts of all groups, as they are heard."""

    def __init__(self, groups: Sequence[Group], *, is_vrrp: bool) -> None:
        self._names = {(group.network, group.vhid): group.name for group in groups}
        self.is_vrrp = is_vrrp
        self.adverts: dict[str, list[HeardAdvert]] = {group.name: [] for group in groups}

    def note(self, time_ns: int, host: str, network: str, advert: Advert) -> None:
        """Take in one, if it is of a group here."""
        name = self._names.get((network, advert.vhid))
        if name is not None and advert.is_vrrp == self.is_vrrp:
            self.adverts[name].append(HeardAdvert(time_ns, host, advert))


class Bench:
    """Judges claims of all groups against the roles that their adverts tell."""

    def __init__(self, groups: Sequence[Group], docket: Docket, is_apart: Apart) -> None:
        self.groups = tuple(groups)
        self.masterships: Mapping[str, tuple[Mastership, ...]] = {
            group.name: masterships_by_view(docket.adverts[group.name], is_apart)
            for group in groups
        }
        self._roles = {
            (name, family): Roles(
                [one for one in found if not docket.is_vrrp or family in one.last_heard]
            )
            for name, found in self.masterships.items()
            for family in Family
        }
        self._by_address = {
            (group.network, address): group for group in groups for address in group.addresses
        }
        self._by_mac = {
            (group.network, mac): group for group in groups for mac in (group.mac_v4, group.mac_v6)
        }

    def group_concerned(self, network: str, claim: Claim) -> Group | None:
        """Return the group that has the address, or else the MAC that speaks for another one."""
        group = self._by_address.get((network, claim.address))
        if group is not None or claim.kind is Kind.TRAFFIC:
            return group
        return self._by_mac.get((network, claim.ethernet_source)) or self._by_mac.get(
            (network, claim.payload_mac or b"")
        )

    def verdict(self, group: Group, host: str, time_ns: int, claim: Claim) -> Verdict:
        """Judge a claim that concerns the group."""
        return verdict_of(
            claim,
            host,
            time_ns,
            addresses=group.addresses,
            mac=group.mac_for(claim.address),
            roles=self._roles[group.name, _family_of(claim.address)],
        )

    def masters_at(self, group: str, time_ns: int) -> tuple[str, ...]:
        """Return who was master then, grace not counted."""
        found = (
            one.host for one in self.masterships[group] if one.start_ns <= time_ns < one.ended_at_ns
        )
        return tuple(dict.fromkeys(found))

    def is_master(self, group: str, host: str, time_ns: int) -> bool:
        """Whether the host might claim the IPv4 addresses then, as messages about ARP ask."""
        return self._roles[group, Family.IPV4].is_master(host, time_ns)


def _family_of(address: bytes) -> Family:
    return Family.IPV6 if len(address) == IPV6_LENGTH else Family.IPV4
