from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from tests.helpers.guard_lab import arp, ip4, ip6, na, ns, tagged
from tests.helpers.netns import Netns

from carpio.errors import PlatformError
from carpio.runtime.packet import GroupMembership, PacketSocket
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC, Family

pytestmark = pytest.mark.lab

PEER = bytes.fromhex("020000000009")
ELSEWHERE = bytes.fromhex("0200000000ee")
VIP4, VIP6 = "10.1.0.9", "2001:db8:1::9"
MARKER = arp(ether=PEER, sender_mac=PEER, sender=VIP4, target="10.9.9.9")
"""A claim, sent last: what was to be heard was heard before it."""


@pytest.fixture
def wire(netns: Netns) -> Iterator[socket.socket]:
    """The other end of the cable."""
    opened = netns.namespace.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    opened.bind(("wire0", 0))
    yield opened
    opened.close()


@pytest.fixture
def ears(netns: Netns) -> Iterator[PacketSocket]:
    """A carpdev's socket that listens for two addresses."""
    opened = PacketSocket(netns.namespace, "eth0", netns.index("eth0"))
    opened.listen_for([ip_address(VIP4), ip_address(VIP6)])
    yield opened
    opened.close()


def is_heard(wire: socket.socket, ears: PacketSocket, frame: bytes) -> bool:
    ears.receive(10_000)
    wire.send(frame)
    wire.send(MARKER)
    heard = ears.receive(10_000)
    assert heard[-1] == MARKER
    return frame in heard


def advert4(to: bytes = CARP_GROUP_V4_MAC) -> bytes:
    return ip4(ether=PEER, source="10.1.0.2", destination="224.0.0.18", protocol=112, to=to)


HEARD = {
    "IPv4 advert": advert4(),
    "IPv6 advert": ip6(
        ether=PEER, source="fe80::9", destination="ff02::12", protocol=112, to=CARP_GROUP_V6_MAC
    ),
    "ARP request of an address": arp(ether=PEER, sender_mac=PEER, sender=VIP4, target="10.1.0.7"),
    "gratuitous ARP": arp(ether=PEER, sender_mac=PEER, sender=VIP4, target=VIP4),
    "ARP reply": arp(ether=PEER, sender_mac=PEER, sender=VIP4, target="10.1.0.7", operation=2),
    "neighbour advertisement": na(ether=PEER, target=VIP6, option=PEER),
    "duplicate address detection": ns(ether=PEER, source="::", target=VIP6),
}
UNHEARD = {
    "ARP request for an address": arp(ether=PEER, sender_mac=PEER, sender="10.1.0.2", target=VIP4),
    "other IPv4": ip4(ether=PEER, source="10.1.0.2", destination="224.0.0.18", protocol=17),
    "other IPv6": ip6(ether=PEER, source="fe80::9", destination="ff02::12", protocol=17),
    "solicitation of an address": ns(ether=PEER, source="2001:db8:1::2", target=VIP6, option=PEER),
    "advertisement of another address": na(ether=PEER, target="2001:db8:1::77", option=PEER),
    "detection of another address": ns(ether=PEER, source="::", target="2001:db8:1::77"),
    "tagged advert": tagged(advert4()),
    "advert to another MAC": advert4(to=ELSEWHERE),
}


@pytest.mark.parametrize("frame", HEARD.values(), ids=HEARD)
def test_what_concerns_the_group_is_heard(
    wire: socket.socket, ears: PacketSocket, frame: bytes
) -> None:
    assert is_heard(wire, ears, frame)


@pytest.mark.parametrize("frame", UNHEARD.values(), ids=UNHEARD)
def test_what_does_not_concern_the_group_stays_in_the_kernel(
    wire: socket.socket, ears: PacketSocket, frame: bytes
) -> None:
    assert not is_heard(wire, ears, frame)


def test_own_frames_are_not_heard(wire: socket.socket, ears: PacketSocket) -> None:
    assert ears.send(advert4()) == 0
    wire.send(MARKER)
    assert [frame for frame in ears.receive(100) if frame == advert4()] == []


def test_new_socket_hears_no_claims_until_it_is_told_addresses(
    netns: Netns, wire: socket.socket
) -> None:
    fresh = PacketSocket(netns.namespace, "eth0", netns.index("eth0"))
    wire.send(MARKER)
    wire.send(advert4())
    assert MARKER not in fresh.receive(100)
    fresh.close()


@pytest.mark.parametrize("number", [1, 119, 120, 121, 300])
def test_last_of_many_addresses_is_heard(
    wire: socket.socket, ears: PacketSocket, number: int
) -> None:
    last4, last6 = ip_address("10.2.0.0") + number, ip_address("2001:db8:2::") + number
    ears.listen_for(
        address
        for base in (ip_address("10.2.0.1"), ip_address("2001:db8:2::1"))
        for address in (base + offset for offset in range(number))
    )
    claims = (
        arp(ether=PEER, sender_mac=PEER, sender=str(last4), target=str(last4)),
        na(ether=PEER, target=str(last6), option=PEER),
    )
    for claim in (*claims, advert4()):
        wire.send(claim)
    heard = ears.receive(100)
    assert [frame in heard for frame in (*claims, advert4())] == [True, True, True]


def test_burst_is_read_in_pieces_in_order(wire: socket.socket, ears: PacketSocket) -> None:
    ears.receive(10_000)
    frames = [
        arp(ether=PEER, sender_mac=PEER, sender=VIP4, target=f"10.1.0.{number}")
        for number in range(10, 20)
    ]
    for frame in frames:
        wire.send(frame)
    assert ears.receive(4) == frames[:4]
    assert ears.receive(100) == frames[4:]
    assert ears.receive(100) == []


def test_frame_leaves_as_it_was_given(wire: socket.socket, ears: PacketSocket) -> None:
    hearing = wire.dup()
    hearing.bind(("wire0", 3))
    hearing.settimeout(2)
    assert ears.send(advert4()) == 0
    while (frame := hearing.recv(2048)) != advert4():
        assert frame
    hearing.close()


def test_send_on_a_dead_link_returns_the_errno(netns: Netns, ears: PacketSocket) -> None:
    netns.ip("link", "set", "eth0", "down")
    assert ears.send(advert4()) == 100  # ENETDOWN
    assert ears.receive(100) is not None


def test_interface_that_is_gone_is_an_error_with_its_name(netns: Netns) -> None:
    with pytest.raises(PlatformError, match="eth9: opening the packet socket"):
        PacketSocket(netns.namespace, "eth9", 99)


def test_groups_are_joined_and_left(netns: Netns) -> None:
    index = netns.index("eth0")
    groups = {Family.IPV4: ["224.0.0.18"], Family.IPV6: ["ff02::12", "ff02::1:ff00:0"]}

    def joined() -> list[str]:
        return netns.ip("maddr", "show", "dev", "eth0").split()

    for family, addresses in groups.items():
        assert not set(addresses) & set(joined())
        membership = GroupMembership(netns.namespace, index, family)
        assert set(addresses) <= set(joined())
        membership.close()
        assert not set(addresses) & set(joined())
