import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.captures import known_capture

from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import DropReason
from carpio.wire.ipv4 import Ipv4Packet, carp_ipv4_header, parse_ipv4

SOURCE = socket.inet_aton("10.77.0.2")
GROUP = socket.inet_aton("224.0.0.18")
PAYLOAD = bytes(range(36))
HEADER = carp_ipv4_header(SOURCE, dscp=56, payload_length=36)


def header(**changes: int) -> bytes:
    """Return a header with its sum, of the fields of HEADER but for `changes`."""
    names = ("first", "tos", "total", "id", "fragment", "ttl", "protocol", "checksum")
    fields = dict(zip(names, struct.unpack("!BBHHHBBH", HEADER[:12]), strict=True)) | changes
    packed = struct.pack("!BBHHHBBH", *fields.values()) + HEADER[12:]
    if "checksum" in changes:
        return packed
    blank = packed[:10] + b"\0\0" + packed[12:]
    return blank[:10] + internet_checksum(blank).to_bytes(2, "big") + blank[12:]


def test_r005_an_advert_travels_as_freebsd_sends_it():
    frame = known_capture("freebsd13-s01-one-address").frames[1]
    assert frame[14:34] == HEADER


@pytest.mark.parametrize(("dscp", "tos"), [(0, 0x00), (4, 0x10), (56, 0xE0), (63, 0xFC)])
def test_r006_the_tos_byte_is_four_times_the_dscp(dscp: int, tos: int):
    built = carp_ipv4_header(SOURCE, dscp=dscp, payload_length=36)
    assert (built[1], internet_checksum(built)) == (tos, 0)


def test_what_was_built_is_read_back():
    expected = Ipv4Packet(SOURCE, GROUP, 255, 112, PAYLOAD, None)
    assert parse_ipv4(HEADER + PAYLOAD) == expected


def test_padding_of_the_frame_is_no_payload():
    packet = parse_ipv4(b"in front" + HEADER + PAYLOAD + bytes(10), 8)
    assert packet is not None
    assert (packet.payload, packet.defect) == (PAYLOAD, None)


def test_options_are_stepped_over():
    with_options = header(first=0x46, total=60)
    with_options = with_options[:10] + b"\0\0" + with_options[12:] + b"\x94\x04\0\0"
    checksum = internet_checksum(with_options).to_bytes(2, "big")
    packet = parse_ipv4(with_options[:10] + checksum + with_options[12:] + PAYLOAD)
    assert packet is not None
    assert (packet.payload, packet.defect) == (PAYLOAD, None)


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (header(checksum=0x1234) + PAYLOAD, DropReason.BADSUM),
        (header(checksum=0) + PAYLOAD, None),
        (header(fragment=0x2000) + PAYLOAD, DropReason.BADLEN),
        (header() + PAYLOAD[:-1], DropReason.BADLEN),
        (header(total=57) + PAYLOAD, DropReason.BADLEN),
        (header(fragment=0) + PAYLOAD, None),
    ],
    ids=["wrong-sum", "sum-left-to-hardware", "first-fragment", "cut", "total-too-big", "no-DF"],
)
def test_what_no_host_would_deliver_is_marked(data: bytes, defect: DropReason | None):
    packet = parse_ipv4(data)
    assert packet is not None
    assert packet.defect is defect


def test_a_later_fragment_has_no_payload_to_read():
    packet = parse_ipv4(header(fragment=0x0003) + PAYLOAD)
    assert packet is not None
    assert (packet.payload, packet.defect) == (b"", DropReason.BADLEN)


@pytest.mark.parametrize(
    "data",
    [
        HEADER[:19],
        header(first=0x65) + PAYLOAD,
        header(first=0x44) + PAYLOAD,
        header(total=19) + PAYLOAD,
    ],
    ids=["short", "version-6", "header-of-16-bytes", "total-within-header"],
)
def test_a_header_that_makes_no_sense_gives_nothing(data: bytes):
    assert parse_ipv4(data) is None


@given(st.binary(max_size=100), st.integers(0, 20))
def test_any_bytes_give_a_packet_or_nothing(data: bytes, offset: int):
    packet = parse_ipv4(b"\x45" + data, offset)
    assert packet is None or len(packet.payload) <= len(data)
