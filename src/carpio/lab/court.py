"""Judges the claims of many groups on several networks. Pure: frames in, verdicts out.

The verdicts are those of `judge`; here each claim finds its group first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Final

from carpio.lab.judge import JUST_BEFORE_NS, Verdict
from carpio.lab.plan import Interface
from carpio.lab.roles import HeardAdvert, Mastership, Roles
from carpio.lab.sighting import Advert, Claim, Kind, virtual_mac, vrrp_mac_v6
from carpio.lab.views import Apart, masterships_by_view

__all__ = ["Bench", "Docket", "Group", "group_of"]

IPV6_LENGTH: Final = 16


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


class Docket:
    """The adverts of all groups, as they are heard."""

    def __init__(self, groups: Sequence[Group], *, is_vrrp: bool) -> None:
        self._names = {(group.network, group.vhid): group.name for group in groups}
        self._is_vrrp = is_vrrp
        self.adverts: dict[str, list[HeardAdvert]] = {group.name: [] for group in groups}

    def note(self, time_ns: int, host: str, network: str, advert: Advert) -> None:
        """Take in one, if it is of a group here."""
        name = self._names.get((network, advert.vhid))
        if name is not None and advert.is_vrrp == self._is_vrrp:
            self.adverts[name].append(HeardAdvert(time_ns, host, advert))


class Bench:
    """Judges claims of all groups against the roles that their adverts tell."""

    def __init__(self, groups: Sequence[Group], docket: Docket, is_apart: Apart) -> None:
        self.groups = tuple(groups)
        self.masterships: Mapping[str, tuple[Mastership, ...]] = {
            group.name: masterships_by_view(docket.adverts[group.name], is_apart)
            for group in groups
        }
        self._roles = {name: Roles(found) for name, found in self.masterships.items()}
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
        if claim.address not in group.addresses:
            return Verdict.REVERSE_LIE
        mac = group.mac_for(claim.address)
        if claim.ethernet_source != mac or claim.payload_mac not in (None, mac):
            return Verdict.WRONG_MAC
        roles = self._roles[group.name]
        if roles.is_master(host, time_ns):
            return Verdict.RIGHT
        start_ns = roles.next_start_ns(host, time_ns)
        if start_ns is not None and start_ns - time_ns <= JUST_BEFORE_NS:
            return Verdict.BEFORE_FIRST_ADVERT
        return Verdict.NOT_MASTER

    def masters_at(self, group: str, time_ns: int) -> tuple[str, ...]:
        """Return who was master then, grace not counted."""
        return tuple(
            one.host for one in self.masterships[group] if one.start_ns <= time_ns < one.ended_at_ns
        )

    def is_master(self, group: str, host: str, time_ns: int) -> bool:
        """Whether the host might claim the addresses then."""
        return self._roles[group].is_master(host, time_ns)
