"""One carpdev at work: its packet socket, group memberships, and frames built in advance.

Everything of a frame that does not change from advert to advert is made once; sending is one
concatenation and one system call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carpio.core.effects import SendAdvertisement
from carpio.core.model import InstanceConfig, InstanceKey, IpAddress
from carpio.runtime.inventory import Inventory
from carpio.runtime.namespace import Namespace
from carpio.runtime.packet import GroupMembership, PacketSocket
from carpio.runtime.rtobjects import Link
from carpio.wire.arp import gratuitous_arp_frame
from carpio.wire.constants import (
    CARP_GROUP_V4_MAC,
    CARP_GROUP_V6_MAC,
    CARP_LENGTH,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    Family,
)
from carpio.wire.ethernet import ethernet_header, virtual_mac
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header
from carpio.wire.ndp import unsolicited_na_frame

__all__ = ["Carpdev", "SourceAddresses", "choose_sources"]


@dataclass(frozen=True, slots=True)
class SourceAddresses:
    """The source of adverts of a carpdev (spec 2.3)."""

    ipv4: IPv4Address
    ipv6: IPv6Address


def choose_sources(
    inventory: Inventory, index: int, virtual: Iterable[IpAddress], mastered: Sequence[IpAddress]
) -> SourceAddresses:
    """Pick the first address of each family on the carpdev that is not virtual (R-010, R-011).

    With none the first address that is mastered here, with none at all 0.0.0.0 or `::`. An IPv6
    link-local address goes before others, as it does on the BSDs, where it is the oldest.
    """
    taken = set(virtual)
    own = [a.address for a in inventory.addresses_of(index) if a.is_usable]
    ipv4 = [a for a in own if isinstance(a, IPv4Address) and a not in taken]
    ipv4 += [a for a in mastered if isinstance(a, IPv4Address)]
    ipv6 = [a for a in own if isinstance(a, IPv6Address) and a not in taken]
    ipv6.sort(key=lambda a: not a.is_link_local)
    ipv6 += [a for a in mastered if isinstance(a, IPv6Address)]
    return SourceAddresses(
        ipv4=ipv4[0] if ipv4 else IPv4Address(0), ipv6=ipv6[0] if ipv6 else IPv6Address(0)
    )


class Carpdev:
    """A carpdev that exists. Made anew when the interface comes back with another index."""

    def __init__(self, namespace: Namespace, link: Link) -> None:
        """Open the packet socket. Raises PlatformError."""
        self._namespace = namespace
        self.link = link
        self.socket = PacketSocket(namespace, link.name, link.index)
        self._memberships: dict[Family, GroupMembership] = {}
        self._headers: dict[tuple[InstanceKey, Family, bool], bytes] = {}
        self._announcements: dict[InstanceKey, list[bytes]] = {}
        self._framed: dict[InstanceKey, InstanceConfig] = {}
        """Groups that have their frames."""
        self._prepared: tuple[object, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Administratively up and with a working link (spec 6.2)."""
        return self.link.is_up and self.link.has_carrier

    def prepare(
        self, instances: Sequence[InstanceConfig], sources: SourceAddresses, dscp: int
    ) -> None:
        """Build frames, filter and memberships for `instances`. Raises PlatformError."""
        wanted = (tuple(instances), sources, dscp, self.link.mac)
        if wanted == self._prepared:
            return
        addresses = [a.address for config in instances for a in config.addresses]
        self.socket.listen_for(addresses)
        self._join({Family(address.version) for address in addresses})
        known = self._framed
        if self._prepared[1:] != wanted[1:]:
            known = {}
            self._headers.clear()
        self._framed = {config.instance: config for config in instances}
        headers, frames = self._headers.items(), self._announcements.items()
        self._headers = {place: header for place, header in headers if place[0] in self._framed}
        self._announcements = {key: found for key, found in frames if key in self._framed}
        for config in instances:
            if known.get(config.instance) == config:
                continue
            for bow_out, mac in ((False, virtual_mac(config.vhid)), (True, self.link.mac)):
                for family, header in _headers(mac, sources, dscp).items():
                    self._headers[config.instance, family, bow_out] = header
            self._announcements[config.instance] = _announcements(config)
        self._prepared = wanted

    def send(self, advert: SendAdvertisement) -> int:
        """Send; return 0 or the errno of the failure."""
        header = self._headers[advert.instance, advert.family, advert.bow_out]
        return self.socket.send(header + advert.payload)

    def announce(self, instance: InstanceKey) -> None:
        """Send gratuitous ARP and unsolicited NA for each address, in attach order."""
        for frame in self._announcements[instance]:
            self.socket.send(frame)

    def close(self) -> None:
        """Leave the groups and close the socket."""
        self._join(set())
        self.socket.close()

    def _join(self, families: set[Family]) -> None:
        for family in sorted(families - set(self._memberships)):
            self._memberships[family] = GroupMembership(self._namespace, self.link.index, family)
        for family in sorted(set(self._memberships) - families):
            self._memberships.pop(family).close()


def _headers(mac: bytes, sources: SourceAddresses, dscp: int) -> dict[Family, bytes]:
    return {
        Family.IPV4: ethernet_header(CARP_GROUP_V4_MAC, mac, ETHERTYPE_IPV4)
        + carp_ipv4_header(sources.ipv4.packed, dscp=dscp, payload_length=CARP_LENGTH),
        Family.IPV6: ethernet_header(CARP_GROUP_V6_MAC, mac, ETHERTYPE_IPV6)
        + carp_ipv6_header(sources.ipv6.packed, dscp=dscp, payload_length=CARP_LENGTH),
    }


def _announcements(config: InstanceConfig) -> list[bytes]:
    """ARP for IPv4 first, then NA, each in attach order (R-090..R-092)."""
    mac = virtual_mac(config.vhid)
    frames = [
        gratuitous_arp_frame(mac, a.address.packed)
        for a in config.addresses
        if a.family is Family.IPV4
    ]
    for address in config.addresses:
        if address.family is Family.IPV6:
            # its own source: the link-local one of the carpdev does not go with the virtual MAC
            packed = address.address.packed
            frames.append(unsolicited_na_frame(mac, packed, source=packed))
    return frames
