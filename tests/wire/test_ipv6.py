from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.constants import DropReason
from carpio.wire.ipv6 import (
    Ipv6Packet,
    carp_ipv6_header,
    ipv6_header,
    parse_ipv6,
    pseudo_checksum,
)

SOURCE = IPv6Address("fe80::3").packed
GROUP = IPv6Address("ff02::12").packed
PAYLOAD = bytes(range(36))
HEADER = carp_ipv6_header(SOURCE, dscp=56, payload_length=36)


def test_r007_an_advert_travels_as_the_specification_says():
    assert HEADER.hex() == f"6e000000002470ff{SOURCE.hex()}{GROUP.hex()}"


@pytest.mark.parametrize(("dscp", "first"), [(0, "60000000"), (4, "61000000"), (63, "6fc00000")])
def test_r007_the_traffic_class_is_four_times_the_dscp(dscp: int, first: str):
    assert carp_ipv6_header(SOURCE, dscp=dscp, payload_length=36)[:4].hex() == first


def test_other_packets_have_class_0_by_default():
    built = ipv6_header(SOURCE, GROUP, protocol=58, payload_length=24)
    assert built[:8].hex() == "6000000000183aff"


def test_what_was_built_is_read_back():
    expected = Ipv6Packet(SOURCE, GROUP, 255, 112, PAYLOAD, None)
    assert parse_ipv6(b"in front" + HEADER + PAYLOAD + b"padding", 8) == expected


def test_a_cut_packet_is_marked():
    packet = parse_ipv6(HEADER + PAYLOAD[:-1])
    assert packet is not None
    assert (packet.payload, packet.defect) == (PAYLOAD[:-1], DropReason.BADLEN)


@pytest.mark.parametrize("data", [HEADER[:39], b"\x45" + HEADER[1:]], ids=["short", "version-4"])
def test_a_header_that_makes_no_sense_gives_nothing(data: bytes):
    assert parse_ipv6(data) is None


@given(st.binary(max_size=100), st.integers(0, 20))
def test_any_bytes_give_a_packet_or_nothing(data: bytes, offset: int):
    packet = parse_ipv6(b"\x60" + data, offset)
    assert packet is None or len(packet.payload) <= len(data)


def test_a_message_with_its_checksum_sums_to_zero():
    checksum = pseudo_checksum(SOURCE, GROUP, 58, b"\x88\0\0\0rest")
    assert (
        pseudo_checksum(SOURCE, GROUP, 58, b"\x88\0" + checksum.to_bytes(2, "big") + b"rest") == 0
    )


def test_the_checksum_covers_addresses_and_protocol():
    sums = {
        pseudo_checksum(SOURCE, GROUP, 58, PAYLOAD),
        pseudo_checksum(GROUP[:15] + b"\x13", GROUP, 58, PAYLOAD),
        pseudo_checksum(SOURCE, SOURCE, 58, PAYLOAD),
        pseudo_checksum(SOURCE, GROUP, 59, PAYLOAD),
        pseudo_checksum(SOURCE, GROUP, 58, PAYLOAD + b"\0\0"),
    }
    assert len(sums) == 5
