"""Parts of the programs that restrict a jail: addresses in registers, and looking them up.

R6 is the context of the program. An address of IPv4 is in R7, one of IPv6 in R7 and R8, as the
packet has it, read in the byte order of the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from carpio.jail.bpf_asm import (
    Code,
    Compare,
    Register,
    Size,
    bits_and,
    constant,
    jump,
    jump_if,
    label,
    load,
    move,
    store,
)
from carpio.jail.policy import Address

__all__ = [
    "CONTEXT",
    "IP4",
    "IP6",
    "MAPPED",
    "MAPPED_WORD",
    "Place",
    "fetch",
    "find",
    "go_if_loopback",
    "native",
    "put",
    "set_to",
]

CONTEXT: Final = Register.R6
_LOOPBACK: Final = b"\x7f\0\0\0"
_LOOPBACK_MASK: Final = b"\xff\0\0\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the address of a call is, in the context (bpf_sock_addr) and in registers."""

    name: str
    """Begins the labels of code that deals with it."""
    registers: tuple[Register, ...]
    offsets: tuple[int, ...]
    size: Size

    @property
    def is_ip6(self) -> bool:
        """Return whether it is an address of IPv6."""
        return len(self.registers) == 2


IP4: Final = Place(name="ip4", registers=(Register.R7,), offsets=(4,), size=Size.WORD)
IP6: Final = Place(
    name="ip6", registers=(Register.R7, Register.R8), offsets=(8, 16), size=Size.DOUBLE
)
MAPPED: Final = Place(name="mapped", registers=(Register.R7,), offsets=(20,), size=Size.WORD)
"""The last four bytes of `::ffff:a.b.c.d`."""


def native(part: bytes) -> int:
    """Return the number that a load of these bytes gives."""
    return int.from_bytes(part, sys.byteorder)


MAPPED_WORD: Final = native(b"\0\0\xff\xff")
"""What is before those."""


def _parts(address: Address) -> tuple[int, ...]:
    packed = address.packed
    return (native(packed),) if len(packed) == 4 else (native(packed[:8]), native(packed[8:]))


def fetch(place: Place) -> Code:
    """Read the address of the call into its registers."""
    pairs = zip(place.registers, place.offsets, strict=True)
    return [load(place.size, register, CONTEXT, offset) for register, offset in pairs]


def put(place: Place) -> Code:
    """Let the registers be the address of the call."""
    pairs = zip(place.registers, place.offsets, strict=True)
    return [store(place.size, CONTEXT, offset, register) for register, offset in pairs]


def set_to(place: Place, address: Address) -> Code:
    """Let the registers be an address."""
    pairs = zip(place.registers, _parts(address), strict=True)
    return [constant(register, part) for register, part in pairs]


def go_if_loopback(place: Place, to: str, *, also_unspecified: bool = True) -> Code:
    """Go on at a label for a loopback address, or the one of zeros. R0 and R1 are lost."""
    if place.is_ip6:
        high, low = place.registers
        own = _parts(IPv6Address("::1"))[1]
        past = f"{to}, not"
        return [
            jump_if(high, Compare.NOT_EQUAL, 0, past),
            *([jump_if(low, Compare.EQUAL, 0, to)] if also_unspecified else []),
            constant(Register.R0, own),
            jump_if(low, Compare.EQUAL, Register.R0, to),
            label(past),
        ]
    (register,) = place.registers
    mask = int.from_bytes(_LOOPBACK_MASK, sys.byteorder, signed=True)
    return [
        *([jump_if(register, Compare.EQUAL, 0, to, bits=32)] if also_unspecified else []),
        move(Register.R1, register),
        bits_and(Register.R1, mask),
        jump_if(Register.R1, Compare.EQUAL, native(_LOOPBACK), to, bits=32),
    ]


def find(addresses: Sequence[Address], place: Place, *, found: str, missing: str) -> Code:
    """Go to one label or the other: whether the address in the registers is of the list.

    A binary search; R0 is lost.
    """
    return _tree(sorted(map(_parts, addresses)), place, found, missing, f"{place.name} {found}?")


def _tree(
    numbers: Sequence[tuple[int, ...]], place: Place, found: str, missing: str, name: str
) -> Code:
    if not numbers:
        return [jump(missing)]
    middle = len(numbers) // 2
    below, above = f"{name}<", f"{name}>"
    code: Code = []
    *earlier, last = zip(place.registers, numbers[middle], strict=True)
    for register, number in earlier:
        code += [
            constant(Register.R0, number),
            jump_if(register, Compare.ABOVE, Register.R0, above),
            jump_if(register, Compare.BELOW, Register.R0, below),
        ]
    register, number = last
    code += [
        constant(Register.R0, number),
        jump_if(register, Compare.EQUAL, Register.R0, found),
        jump_if(register, Compare.ABOVE, Register.R0, above),
        label(below),
        *_tree(numbers[:middle], place, found, missing, below),
        label(above),
        *_tree(numbers[middle + 1 :], place, found, missing, above),
    ]
    return code
