"""An assembler for nf_tables rules: conditions and actions as bytes that can be concatenated.

A rule is the concatenation of expressions, evaluated left to right; the first condition that
does not hold ends the rule. Each expression here loads what it needs, so any order is right.
Formats and numbers: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from carpio.runtime.nfnetlink import attribute, be32, be64, nested, text

__all__ = [
    "ACCEPT",
    "COUNT",
    "DROP",
    "Base",
    "DataType",
    "Field",
    "between",
    "bits_clear",
    "bits_set",
    "differs",
    "equals",
    "goto",
    "is_in",
    "is_not_in",
    "not_more_often",
    "note_in",
    "protocol_is",
    "transport_is",
    "write_mapped",
]

_FIRST_REGISTER: Final = 8
"""NFT_REG32_00, the first of sixteen registers of four bytes."""
_VERDICT_REGISTER: Final = 0
_META_PROTOCOL: Final = 1
_META_L4PROTO: Final = 16
_NF_DROP: Final = 0
_NF_ACCEPT: Final = 1
_NFT_GOTO: Final = -4
_LOOKUP_INVERTED: Final = 1
_DYNSET_ADD: Final = 0
_PACKETS: Final = 0
_SECOND: Final = 1


class _Comparison(IntEnum):
    EQUAL = 0
    DIFFERENT = 1
    AT_MOST = 3
    AT_LEAST = 5


class Base(IntEnum):
    """What an offset counts from."""

    LINK = 0
    NETWORK = 1
    TRANSPORT = 2


class DataType(Enum):
    """Types of set keys: the number by which nft(8) prints them, and their length in bytes."""

    IPV4 = (7, 4)
    IPV6 = (8, 16)
    MAC = (9, 6)

    @property
    def number(self) -> int:
        """The type's number in libnftables; the kernel only stores it."""
        return self.value[0]

    @property
    def length(self) -> int:
        """Bytes of a value."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch of bytes in a packet."""

    base: Base
    offset: int
    length: int


def _expression(name: str, *parts: bytes) -> bytes:
    # NFTA_LIST_ELEM: NFTA_EXPR_NAME, NFTA_EXPR_DATA
    return nested(1, text(1, name), nested(2, *parts))


def _data(value: bytes) -> bytes:
    return attribute(1, value)  # NFTA_DATA_VALUE


def _load(field: Field, register: int = _FIRST_REGISTER) -> bytes:
    # NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN
    place = be32(2, field.base) + be32(3, field.offset) + be32(4, field.length)
    return _expression("payload", be32(1, register), place)


def _load_all(fields: tuple[Field, ...]) -> bytes:
    """Load the parts of a key side by side, each at a four-byte boundary."""
    loads, register = b"", _FIRST_REGISTER
    for field in fields:
        loads += _load(field, register)
        register += (field.length + 3) // 4
    return loads


def _compare(how: _Comparison, value: bytes) -> bytes:
    # NFTA_CMP_SREG, _OP, _DATA
    return _expression("cmp", be32(1, _FIRST_REGISTER), be32(2, how), nested(3, _data(value)))


def equals(field: Field, value: bytes) -> bytes:
    """The field has this value."""
    return _load(field) + _compare(_Comparison.EQUAL, value)


def differs(field: Field, value: bytes) -> bytes:
    """The field has another value."""
    return _load(field) + _compare(_Comparison.DIFFERENT, value)


def between(field: Field, low: bytes, high: bytes) -> bytes:
    """The field lies between the two values, both included."""
    at_least, at_most = _Comparison.AT_LEAST, _Comparison.AT_MOST
    return _load(field) + _compare(at_least, low) + _compare(at_most, high)


def bits_clear(field: Field, mask: bytes) -> bytes:
    """None of the bits of `mask` is set in the field."""
    return _load_masked(field, mask) + _compare(_Comparison.EQUAL, bytes(len(mask)))


def bits_set(field: Field, mask: bytes) -> bytes:
    """One or more of the bits of `mask` are set in the field."""
    return _load_masked(field, mask) + _compare(_Comparison.DIFFERENT, bytes(len(mask)))


def _load_masked(field: Field, mask: bytes) -> bytes:
    # NFTA_BITWISE_SREG, _DREG, _LEN, _MASK, _XOR
    masked = _expression(
        "bitwise",
        be32(1, _FIRST_REGISTER),
        be32(2, _FIRST_REGISTER),
        be32(3, len(mask)),
        nested(4, _data(mask)),
        nested(5, _data(bytes(len(mask)))),
    )
    return _load(field) + masked


def protocol_is(ether_type: bytes) -> bytes:
    """The protocol behind any VLAN tags."""
    # NFTA_META_DREG, _KEY
    load = _expression("meta", be32(1, _FIRST_REGISTER), be32(2, _META_PROTOCOL))
    return load + _compare(_Comparison.EQUAL, ether_type)


def transport_is(protocol: int) -> bytes:
    """The transport protocol, behind any IPv6 extension headers."""
    # NFTA_META_DREG, _KEY
    load = _expression("meta", be32(1, _FIRST_REGISTER), be32(2, _META_L4PROTO))
    return load + _compare(_Comparison.EQUAL, bytes((protocol,)))


def is_in(set_name: str, *fields: Field) -> bytes:
    """The fields together are an element of the set."""
    # NFTA_LOOKUP_SET, _SREG
    return _load_all(fields) + _expression("lookup", text(1, set_name), be32(2, _FIRST_REGISTER))


def is_not_in(set_name: str, *fields: Field) -> bytes:
    """The fields together are not an element of the set."""
    # NFTA_LOOKUP_SET, _SREG, _FLAGS
    return _load_all(fields) + _expression(
        "lookup", text(1, set_name), be32(2, _FIRST_REGISTER), be32(5, _LOOKUP_INVERTED)
    )


def note_in(set_name: str, field: Field) -> bytes:
    """Make what the field holds an element of the set, as a packet that gets here does."""
    # NFTA_DYNSET_SET_NAME, _OP, _SREG_KEY
    place = text(1, set_name) + be32(3, _DYNSET_ADD) + be32(4, _FIRST_REGISTER)
    return _load(field) + _expression("dynset", place)


def not_more_often(per_second: int, burst: int) -> bytes:
    """Hold for no more packets than so many a second, after a burst."""
    # NFTA_LIMIT_RATE, _UNIT, _BURST, _TYPE
    rate = be64(1, per_second) + be64(2, _SECOND) + be32(3, burst) + be32(4, _PACKETS)
    return _expression("limit", rate)


def write_mapped(target: Field, map_name: str, key: Field) -> bytes:
    """The map knows the key; write what it maps to over `target`. No checksum is touched."""
    register = be32(2, _FIRST_REGISTER)
    # NFTA_LOOKUP_SET, _SREG, _DREG
    found = _expression("lookup", text(1, map_name), register, be32(3, _FIRST_REGISTER))
    # NFTA_PAYLOAD_BASE, _OFFSET, _LEN, _SREG, _CSUM_TYPE, _CSUM_OFFSET, _CSUM_FLAGS
    place = be32(2, target.base) + be32(3, target.offset) + be32(4, target.length)
    no_checksum = be32(6, 0) + be32(7, 0) + be32(8, 0)
    store = _expression("payload", place, be32(5, _FIRST_REGISTER), no_checksum)
    return _load(key) + found + store


def _verdict(code: int, chain: str = "") -> bytes:
    # NFTA_IMMEDIATE_DREG, _DATA: NFTA_DATA_VERDICT: NFTA_VERDICT_CODE, _CHAIN
    target = text(2, chain) if chain else b""
    data = nested(2, nested(2, be32(1, code), target))
    return _expression("immediate", be32(1, _VERDICT_REGISTER), data)


def goto(chain: str) -> bytes:
    """Go on in `chain`, without return."""
    return _verdict(_NFT_GOTO, chain)


DROP: Final = _verdict(_NF_DROP)
ACCEPT: Final = _verdict(_NF_ACCEPT)
# NFTA_COUNTER_BYTES, _PACKETS
COUNT: Final = _expression("counter", be64(1, 0), be64(2, 0))
