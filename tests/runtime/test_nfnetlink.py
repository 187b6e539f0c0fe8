"""Framing of netfilter netlink, without a kernel."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.runtime import nfnetlink
from carpio.runtime.nfnetlink import attribute, attributes, be32, be64, nested, number, repeated

NETDEV, NFTABLES = 5, 10


def notification(
    kind: int, table: bytes, *, family: int = NETDEV, subsystem: int = NFTABLES
) -> bytes:
    """One event as the kernel sends it."""
    body = struct.pack(">BBH", family, 0, 1) + attribute(1, table + b"\0")
    return struct.pack("=IHHII", 16 + len(body), subsystem << 8 | kind, 0, 0, 77) + body


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40)), max_size=8))
def test_attributes_are_read_as_they_were_written(pairs: list[tuple[int, bytes]]) -> None:
    assert list(repeated(b"".join(attribute(kind, value) for kind, value in pairs))) == pairs


@given(st.binary(max_size=80))
def test_any_bytes_read_as_some_attributes(data: bytes) -> None:
    assert all(len(value) <= len(data) for value in attributes(data).values())


def test_an_attribute_is_padded_to_four_bytes_but_its_length_is_not() -> None:
    assert attribute(3, b"abcde") == struct.pack("=HH", 9, 3) + b"abcde\0\0\0"


def test_a_nested_attribute_is_marked_and_reads_under_its_own_number() -> None:
    packed = nested(4, be32(1, 7), be64(2, 9))
    assert struct.unpack_from("=H", packed, 2)[0] == 0x8004
    inner = attributes(attributes(packed)[4])
    assert (number(inner[1]), number(inner[2])) == (7, 9)


def test_numbers_are_big_endian_and_negative_ones_are_twos_complement() -> None:
    assert be32(1, 258)[4:] == b"\0\0\1\2"
    assert be32(1, -4)[4:] == b"\xff\xff\xff\xfc"


def test_a_missing_number_is_zero() -> None:
    assert number(b"") == 0


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (notification(2, b"carpio"), {"carpio"}),
        (notification(2, b"other") + notification(12, b"carpio"), {"other", "carpio"}),
        (notification(2, b"carpio", family=2), set()),
        (notification(2, b"carpio", subsystem=1), set()),
        (notification(2, b"carpio")[:10], set()),
        (b"", set()),
    ],
    ids=["one", "two in one datagram", "another family", "another subsystem", "cut", "empty"],
)
def test_notifications_name_the_netdev_tables_they_speak_of(data: bytes, names: set[str]) -> None:
    assert nfnetlink.touched_tables(data) == names
