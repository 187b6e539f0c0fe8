"""Whole frames of a carpdev as they leave, its source addresses, its group memberships."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface

import pytest
from tests.helpers.netns import Netns

from carpio.core.effects import SendAdvertisement
from carpio.core.model import InstanceConfig, Vhid, VirtualAddress
from carpio.runtime.carpdev import Carpdev, SourceAddresses, choose_sources
from carpio.runtime.inventory import Inventory, take
from carpio.runtime.rtobjects import IFA_F_TENTATIVE, Address
from carpio.wire.auth import Key
from carpio.wire.constants import Family
from carpio.wire.ipv6 import parse_ipv6

VMAC = bytes.fromhex("00005e000107")
VIPS = ("10.1.0.102/24", "2001:db8:1::102/64", "10.1.0.101/24", "2001:db8:1::101/64")
SOURCES = SourceAddresses(ipv4=IPv4Address("10.1.0.1"), ipv6=IPv6Address("fe80::1"))
PAYLOAD = bytes(range(36))


# -- source addresses ----------------------------------------------------------------------


def sources(*own: str, tentative: str = "", mastered: tuple[str, ...] = ()) -> tuple[str, str]:
    """Choose among `own` addresses of interface 2, where the `VIPS` are virtual."""
    addresses = tuple(
        Address(
            index=2,
            address=ip_address(text),
            prefix_length=24,
            flags=IFA_F_TENTATIVE if text == tentative else 0,
        )
        for text in own
    )
    look = Inventory(links=(), addresses=addresses, rules=(), backup_routes=())
    virtual = [ip_interface(text).ip for text in VIPS]
    chosen = choose_sources(look, 2, virtual, [ip_address(text) for text in mastered])
    return str(chosen.ipv4), str(chosen.ipv6)


def test_r010_the_source_is_the_first_address_that_is_not_virtual() -> None:
    own = ("10.1.0.101", "10.1.0.9", "10.1.0.8", "2001:db8:1::101", "2001:db8:1::9", "fe80::9")
    assert sources(*own) == ("10.1.0.9", "fe80::9")


def test_r010_without_a_link_local_address_the_first_global_one_is_the_source() -> None:
    assert sources("2001:db8:1::9", "2001:db8:1::8")[1] == "2001:db8:1::9"


def test_r010_an_address_that_is_still_tentative_is_no_source() -> None:
    assert sources("fe80::9", "2001:db8:1::9", tentative="fe80::9")[1] == "2001:db8:1::9"


def test_r010_an_own_address_goes_before_a_mastered_one() -> None:
    mastered = ("10.1.0.102", "2001:db8:1::102")
    assert sources("10.1.0.9", "fe80::9", mastered=mastered) == ("10.1.0.9", "fe80::9")


def test_r011_without_own_addresses_a_mastered_one_is_the_source() -> None:
    mastered = ("10.1.0.102", "2001:db8:1::102", "10.1.0.101")
    assert sources("10.1.0.101", mastered=mastered) == ("10.1.0.102", "2001:db8:1::102")


def test_r011_without_any_the_source_is_unspecified() -> None:
    assert sources("10.1.0.101", "2001:db8:1::101") == ("0.0.0.0", "::")


# -- frames --------------------------------------------------------------------------------


def config(*addresses: str) -> InstanceConfig:
    return InstanceConfig(
        vhid=Vhid(7),
        carpdev="eth0",
        key=Key.from_passphrase("x"),
        addresses=tuple(
            VirtualAddress(it.ip, it.network.prefixlen) for it in map(ip_interface, addresses)
        ),
    )


@contextmanager
def carpdev_in(netns: Netns, *addresses: str) -> Iterator[Carpdev]:
    """Yield the carpdev `eth0`, ready to send for group 7."""
    with closing(netns.routes()) as routes:
        link = take(routes).link("eth0")
    assert link is not None
    carpdev = Carpdev(netns.namespace, link)
    try:
        carpdev.prepare([config(*addresses)], SOURCES, dscp=56)
        yield carpdev
    finally:
        carpdev.close()


@contextmanager
def other_end(netns: Netns) -> Iterator[socket.socket]:
    """Yield what hears all frames at the other end of the cable."""

    def listen() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind(("wire0", 3))
        made.settimeout(2)
        return made

    with netns.namespace.call(listen) as ear:
        yield ear


def heard(ear: socket.socket, number: int) -> list[bytes]:
    """Return the next frames from group 7 or with its address: CARP, ARP and NA."""
    frames: list[bytes] = []
    while len(frames) < number:
        frame = ear.recv(2048)
        kind = frame[12:14]
        is_ipv4 = kind == b"\x08\x00" and frame[23:24] == b"\x70"
        is_ipv6 = kind == b"\x86\xdd" and (frame[20:21] == b"\x70" or frame[54:55] == b"\x88")
        if kind == b"\x08\x06" or is_ipv4 or is_ipv6:
            frames.append(frame)
    return frames


@pytest.mark.lab
@pytest.mark.parametrize("bow_out", [False, True], ids=["advert", "bow-out"])
def test_r008_r009_an_advert_goes_to_the_groups_from_the_virtual_mac_and_a_bow_out_from_the_nics(
    netns: Netns, bow_out: bool
) -> None:
    with carpdev_in(netns, *VIPS) as carpdev, other_end(netns) as ear:
        source = carpdev.link.mac if bow_out else VMAC
        for family in Family:
            advert = SendAdvertisement(config(*VIPS).instance, family, PAYLOAD, bow_out=bow_out)
            assert carpdev.send(advert) == 0
        ipv4, ipv6 = heard(ear, 2)
    assert ipv4[:14] == bytes.fromhex("01005e000012") + source + b"\x08\x00"
    assert ipv4[15] == 0xE0
    assert ipv4[26:34] == IPv4Address("10.1.0.1").packed + bytes((224, 0, 0, 18))
    assert ipv4[34:] == PAYLOAD
    assert ipv6[:14] == bytes.fromhex("333300000012") + source + b"\x86\xdd"
    assert ipv6[22:54] == IPv6Address("fe80::1").packed + IPv6Address("ff02::12").packed
    assert ipv6[54:] == PAYLOAD


@pytest.mark.lab
def test_r090_announcements_are_arp_then_na_each_in_attach_order(netns: Netns) -> None:
    with carpdev_in(netns, *VIPS) as carpdev, other_end(netns) as ear:
        carpdev.announce(config(*VIPS).instance)
        frames = heard(ear, 4)
    assert {frame[6:12] for frame in frames} == {VMAC}
    assert [frame[12:14] for frame in frames] == [b"\x08\x06"] * 2 + [b"\x86\xdd"] * 2
    assert [str(IPv4Address(frame[28:32])) for frame in frames[:2]] == ["10.1.0.102", "10.1.0.101"]
    told = [parse_ipv6(frame, 14) for frame in frames[2:]]
    targets = [str(IPv6Address(packet.payload[8:24])) for packet in told if packet is not None]
    assert targets == ["2001:db8:1::102", "2001:db8:1::101"]


# -- memberships ---------------------------------------------------------------------------


def memberships(netns: Netns) -> set[str]:
    shown = netns.ip("maddr", "show", "dev", "eth0").split()
    return {"224.0.0.18", "ff02::12", "ff02::1:ff00:0"} & set(shown)


@pytest.mark.lab
def test_r152_the_groups_of_a_family_are_joined_with_its_first_address_and_left_with_its_last(
    netns: Netns,
) -> None:
    both = {"224.0.0.18", "ff02::12", "ff02::1:ff00:0"}
    with carpdev_in(netns) as carpdev:
        assert memberships(netns) == set()
        for addresses, joined in (
            (VIPS[:1], {"224.0.0.18"}),
            (VIPS, both),
            (VIPS[1:2], both - {"224.0.0.18"}),
            ((), set()),
            (VIPS, both),
        ):
            carpdev.prepare([config(*addresses)], SOURCES, dscp=56)
            assert memberships(netns) == joined
    assert memberships(netns) == set()
