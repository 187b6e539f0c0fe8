"""The assembler: expressions decoded again, by their place in the rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from carpio.runtime import nfnetlink_rules as rules
from carpio.runtime.nfnetlink import attributes, number, repeated
from carpio.runtime.nfnetlink_rules import Base, DataType, Field

SOURCE = Field(Base.LINK, 6, 6)
ADDRESS = Field(Base.NETWORK, 12, 4)


def decode(expressions: bytes) -> list[tuple[str, dict[int, bytes]]]:
    """(name, attributes) of each expression."""
    found = []
    for kind, item in repeated(expressions):
        assert kind == 1  # NFTA_LIST_ELEM
        parts = attributes(item)
        found.append((parts[1].rstrip(b"\0").decode(), attributes(parts[2])))
    return found


def value_of(data: bytes) -> bytes:
    """The value inside nested data."""
    return attributes(data)[1]


@pytest.mark.parametrize(
    ("condition", "operation"), [(rules.equals, 0), (rules.differs, 1)], ids=["equals", "differs"]
)
def test_a_comparison_loads_the_field_first(
    condition: Callable[[Field, bytes], bytes], operation: int
) -> None:
    (load, where), (compare, how) = decode(condition(SOURCE, b"abcdef"))
    assert (load, compare) == ("payload", "cmp")
    # NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN
    assert [number(where[kind]) for kind in (1, 2, 3, 4)] == [8, 0, 6, 6]
    assert (number(how[1]), number(how[2]), value_of(how[3])) == (8, operation, b"abcdef")


def test_a_range_is_two_comparisons_with_one_load() -> None:
    load, low, high = decode(rules.between(SOURCE, b"\x05", b"\x09"))
    assert load[0] == "payload"
    assert (number(low[1][2]), value_of(low[1][3])) == (5, b"\x05")
    assert (number(high[1][2]), value_of(high[1][3])) == (3, b"\x09")


def test_bits_are_masked_and_compared_with_zero() -> None:
    _load, (name, mask), (_cmp, how) = decode(rules.bits_clear(SOURCE, b"\x40"))
    assert name == "bitwise"
    assert (number(mask[3]), value_of(mask[4]), value_of(mask[5])) == (1, b"\x40", b"\0")
    assert (number(how[2]), value_of(how[3])) == (0, b"\0")


def test_the_parts_of_a_key_lie_side_by_side_at_four_byte_boundaries() -> None:
    *loads, (name, lookup) = decode(rules.is_in("claims", ADDRESS, SOURCE, ADDRESS))
    assert [number(load[1]) for _name, load in loads] == [8, 9, 11]
    assert (name, lookup[1], number(lookup[2])) == ("lookup", b"claims\0", 8)
    assert 5 not in lookup


def test_a_negative_lookup_is_inverted() -> None:
    _load, (_name, lookup) = decode(rules.is_not_in("claims", SOURCE))
    assert number(lookup[5]) == 1


def test_a_mapped_write_goes_through_a_register_and_touches_no_checksum() -> None:
    _load, (_name, lookup), (name, store) = decode(rules.write_mapped(SOURCE, "macs", ADDRESS))
    assert (lookup[1], number(lookup[2]), number(lookup[3])) == (b"macs\0", 8, 8)
    assert name == "payload"
    # NFTA_PAYLOAD_BASE, _OFFSET, _LEN, _SREG, _CSUM_TYPE
    assert [number(store[kind]) for kind in (2, 3, 4, 5, 6)] == [0, 6, 6, 8, 0]
    assert 1 not in store


def test_the_transport_protocol_is_one_byte() -> None:
    (_meta, meta), (_cmp, how) = decode(rules.transport_is(58))
    assert (number(meta[2]), value_of(how[3])) == (16, b"\x3a")


@pytest.mark.parametrize(
    ("verdict", "code", "chain"),
    [
        (rules.DROP, 0, None),
        (rules.ACCEPT, 1, None),
        (rules.goto("next"), 0xFFFFFFFC, b"next\0"),
    ],
    ids=["drop", "accept", "goto"],
)
def test_a_verdict_goes_to_register_zero(verdict: bytes, code: int, chain: bytes | None) -> None:
    ((name, immediate),) = decode(verdict)
    data = attributes(attributes(immediate[2])[2])
    assert (name, number(immediate[1])) == ("immediate", 0)
    assert (number(data[1]), data.get(2)) == (code, chain)


def test_key_types_are_those_of_nft() -> None:
    assert [(t.number, t.length) for t in DataType] == [(7, 4), (8, 16), (9, 6)]
