from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.arp import ArpMessage, gratuitous_arp_frame
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC, DropReason, Family
from carpio.wire.ethernet import ethernet_header, virtual_mac
from carpio.wire.header import encode_advertisement
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header, ipv6_header
from carpio.wire.ndp import NeighbourMessage, unsolicited_na_frame
from carpio.wire.packet import Datagram, dissect, dissect_ip, dissect_typed

MAC = virtual_mac(1)
VIP = IPv4Address("10.77.0.1")
SOURCE = IPv4Address("10.77.0.2")
SOURCE6 = IPv6Address("fe80::2")
ADVERT = encode_advertisement(1, 0, 1, bytes(8), bytes(20))
PACKET4 = carp_ipv4_header(SOURCE.packed, dscp=56, payload_length=36) + ADVERT
PACKET6 = carp_ipv6_header(SOURCE6.packed, dscp=56, payload_length=36) + ADVERT
FRAME4 = ethernet_header(CARP_GROUP_V4_MAC, MAC, 0x0800) + PACKET4
FRAME6 = ethernet_header(CARP_GROUP_V6_MAC, MAC, 0x86DD) + PACKET6
ANNOUNCEMENTS = (
    gratuitous_arp_frame(MAC, VIP.packed),
    unsolicited_na_frame(MAC, SOURCE6.packed, SOURCE6.packed),
)


def test_an_ipv4_advert_becomes_a_datagram():
    assert dissect(FRAME4 + bytes(6)) == Datagram(
        family=Family.IPV4,
        source=SOURCE.packed,
        destination=IPv4Address("224.0.0.18").packed,
        ttl=255,
        ethernet_source=MAC,
        vlan=None,
        payload=ADVERT,
    )


def test_an_ipv6_advert_becomes_a_datagram():
    assert dissect(FRAME6) == Datagram(
        family=Family.IPV6,
        source=SOURCE6.packed,
        destination=IPv6Address("ff02::12").packed,
        ttl=255,
        ethernet_source=MAC,
        vlan=None,
        payload=ADVERT,
    )


@pytest.mark.parametrize(("frame", "source"), [(FRAME4, SOURCE), (FRAME6, SOURCE6)])
def test_the_source_is_to_be_had_as_an_address(frame: bytes, source):
    packet = dissect(frame)
    assert isinstance(packet, Datagram)
    assert packet.source_address == source


def test_a_tagged_advert_tells_its_vlan():
    packet = dissect(FRAME4[:12] + bytes.fromhex("8100600a") + FRAME4[12:])
    assert isinstance(packet, Datagram)
    assert (packet.vlan, packet.payload) == (10, ADVERT)


def test_announcements_become_messages_with_their_claims():
    arp, advertisement = map(dissect, ANNOUNCEMENTS)
    assert isinstance(arp, ArpMessage)
    assert isinstance(advertisement, NeighbourMessage)
    assert [*arp.claims(), *advertisement.claims()] == [(VIP.packed, MAC), (SOURCE6.packed, MAC)]


def test_a_neighbour_message_that_was_forwarded_does_not_count():
    frame = ANNOUNCEMENTS[1]
    assert dissect(frame[:21] + b"\xfe" + frame[22:]) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        FRAME4[:13],
        FRAME4[:12] + b"\x86\xdd" + FRAME4[14:],
        FRAME6[:12] + b"\x08\x00" + FRAME6[14:],
        FRAME4[:12] + b"\x88\xcc" + FRAME4[14:],
        FRAME4[:23] + b"\x11" + FRAME4[24:],
        FRAME6[:20] + b"\x11" + FRAME6[21:],
        FRAME6[:14]
        + ipv6_header(bytes(16), bytes(16), protocol=60, payload_length=44)
        + bytes.fromhex("7000010400000000")
        + ADVERT,
        FRAME4[:24] + b"\xee" + FRAME4[25:],
        FRAME4[:-1],
        FRAME6[:-1],
    ],
    ids=[
        "empty",
        "runt",
        "ipv4-called-ipv6",
        "ipv6-called-ipv4",
        "lldp",
        "udp",
        "udp6",
        "behind-an-extension-header",
        "wrong-header-sum",
        "cut",
        "cut6",
    ],
)
def test_what_is_no_advert_gives_nothing(frame: bytes):
    assert dissect(frame) is None


@pytest.mark.parametrize(
    ("frame", "defect"),
    [
        (FRAME4[:24] + b"\xee" + FRAME4[25:], DropReason.BADSUM),
        (FRAME4[:-1], DropReason.BADLEN),
        (FRAME6[:-1], DropReason.BADLEN),
    ],
)
def test_for_the_decoder_a_defect_is_told(frame: bytes, defect: DropReason):
    packet = dissect_typed(frame, 12, MAC)
    assert isinstance(packet, Datagram)
    assert packet.defect is defect


@pytest.mark.parametrize("packet", [PACKET4, PACKET6])
def test_a_packet_without_ethernet_is_read_by_its_version(packet: bytes):
    datagram = dissect_ip(b"head" + packet, 4)
    assert isinstance(datagram, Datagram)
    assert (datagram.payload, datagram.ethernet_source) == (ADVERT, b"")


@pytest.mark.parametrize("data", [b"", b"\x50" + bytes(60)])
def test_what_is_no_packet_gives_nothing(data: bytes):
    assert dissect_ip(data) is None


@given(st.sampled_from((FRAME4, FRAME6, *ANNOUNCEMENTS)), st.data())
def test_a_damaged_frame_gives_a_packet_or_nothing(frame: bytes, data):
    damaged = bytearray(frame[: data.draw(st.integers(0, len(frame)))])
    for place in data.draw(st.lists(st.integers(0, len(frame)), max_size=4)):
        if place < len(damaged):
            damaged[place] = data.draw(st.integers(0, 255))
    packet = dissect(bytes(damaged))
    assert packet is None or isinstance(packet, (Datagram, ArpMessage, NeighbourMessage))


@given(st.binary(max_size=120))
def test_any_bytes_give_a_packet_or_nothing(frame: bytes):
    assert dissect(frame) is None or len(frame) >= 34
