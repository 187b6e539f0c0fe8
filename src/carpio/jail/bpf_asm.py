"""eBPF instructions as values, and the bytes that the kernel takes for them.

Knows how instructions are laid out (RFC 9669), not what any program is good for.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from typing import Final, Literal, TypeAlias

from carpio.errors import CarpioError

__all__ = [
    "AssemblyError",
    "Code",
    "Compare",
    "Instruction",
    "Label",
    "Register",
    "Size",
    "add",
    "assemble",
    "bits_and",
    "bits_or",
    "call",
    "constant",
    "jump",
    "jump_if",
    "label",
    "leave",
    "load",
    "move",
    "store",
    "store_value",
]

ByteOrder: TypeAlias = Literal["little", "big"]


class AssemblyError(CarpioError):
    """Code that cannot be instructions: a mistake in a program of ours."""


@unique
class Register(IntEnum):
    """R0 is what calls and programs return, R1 to R5 are arguments and lost by calls."""

    R0 = 0
    R1 = 1
    R2 = 2
    R3 = 3
    R4 = 4
    R5 = 5
    R6 = 6
    R7 = 7
    R8 = 8
    R9 = 9
    R10 = 10
    """Where the stack ends; it cannot be written."""


@unique
class Size(Enum):
    """How much is loaded or stored, with its bits in the opcode."""

    BYTE = 0x10
    HALF = 0x08
    WORD = 0x00
    """32 bits."""
    DOUBLE = 0x18


@unique
class Compare(Enum):
    """Conditions of a jump, of numbers without sign."""

    EQUAL = 0x10
    ABOVE = 0x20
    NOT_EQUAL = 0x50
    BELOW = 0xA0


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A place that is jumped to."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction; one that `is_wide` has an immediate of 64 bits and takes two places."""

    opcode: int
    target: Register = Register.R0
    source: Register = Register.R0
    offset: int = 0
    to: str = ""
    """Label that the offset leads to."""
    immediate: int = 0
    is_wide: bool = False


Code: TypeAlias = list[Instruction | Label]

_LOAD_CONSTANT: Final = 0x18
_LOAD: Final = 0x61
_STORE_VALUE: Final = 0x62
_STORE: Final = 0x63
_ALU: Final = 0x07
_ADD: Final = 0x00
_OR: Final = 0x40
_AND: Final = 0x50
_MOVE: Final = 0xB0
_JUMP: Final = 0x05
_JUMP_OF_32: Final = 0x06
_CALL: Final = 0x85
_LEAVE: Final = 0x95
_FROM_REGISTER: Final = 0x08

_WORD: Final = 1 << 32
_HALF_WORD: Final = 1 << 31
_FARTHEST: Final = 1 << 15


def label(name: str) -> Label:
    """Mark a place."""
    return Label(name=name)


def move(target: Register, value: Register | int) -> Instruction:
    """Let `target` be a register, or a number of 32 bits, widened with its sign."""
    return _alu(_MOVE, target, value)


def add(target: Register, value: Register | int) -> Instruction:
    """Add a register, or a number of 32 bits, widened with its sign."""
    return _alu(_ADD, target, value)


def bits_or(target: Register, value: Register | int) -> Instruction:
    """Set the bits of `value`, a register or a number of 32 bits, widened with its sign."""
    return _alu(_OR, target, value)


def bits_and(target: Register, value: Register | int) -> Instruction:
    """Keep the bits of `value`, a register or a number of 32 bits, widened with its sign."""
    return _alu(_AND, target, value)


def _alu(operation: int, target: Register, value: Register | int) -> Instruction:
    opcode = _ALU | operation
    if isinstance(value, Register):
        return Instruction(opcode=opcode | _FROM_REGISTER, target=target, source=value)
    return Instruction(opcode=opcode, target=target, immediate=value)


def constant(target: Register, value: int) -> Instruction:
    """Let `target` be any number of 64 bits."""
    return Instruction(opcode=_LOAD_CONSTANT, target=target, immediate=value, is_wide=True)


def load(size: Size, target: Register, base: Register, offset: int) -> Instruction:
    """Let `target` be what lies `offset` bytes behind `base`; shorter ones are widened with 0."""
    return Instruction(opcode=_LOAD | size.value, target=target, source=base, offset=offset)


def store(size: Size, base: Register, offset: int, value: Register) -> Instruction:
    """Write the low bits of a register `offset` bytes behind `base`."""
    return Instruction(opcode=_STORE | size.value, target=base, source=value, offset=offset)


def store_value(size: Size, base: Register, offset: int, value: int) -> Instruction:
    """Write a number of 32 bits, as wide as `size`, `offset` bytes behind `base`."""
    return Instruction(
        opcode=_STORE_VALUE | size.value, target=base, offset=offset, immediate=_signed(value)
    )


def jump(to: str) -> Instruction:
    """Go on at a label."""
    return Instruction(opcode=_JUMP, to=to)


def jump_if(
    left: Register, compare: Compare, right: Register | int, to: str, *, bits: int = 64
) -> Instruction:
    """Go on at a label when the comparison holds.

    With `bits=32` only the low halves count, and a number may be anything of 32 bits; else it is
    widened with its sign.
    """
    opcode = compare.value | (_JUMP_OF_32 if bits == 32 else _JUMP)
    if isinstance(right, Register):
        return Instruction(opcode=opcode | _FROM_REGISTER, target=left, source=right, to=to)
    immediate = _signed(right) if bits == 32 else right
    return Instruction(opcode=opcode, target=left, immediate=immediate, to=to)


def call(helper: int) -> Instruction:
    """Call a function of the kernel by its number."""
    return Instruction(opcode=_CALL, immediate=helper)


def leave() -> Instruction:
    """End the program; R0 is its answer."""
    return Instruction(opcode=_LEAVE)


def _signed(value: int) -> int:
    """Return the number of 32 bits that has the same bits and a sign."""
    return value - _WORD if _HALF_WORD <= value < _WORD else value


# -- bytes -------------------------------------------------------------------------------------


def assemble(code: Iterable[Instruction | Label], byteorder: ByteOrder = sys.byteorder) -> bytes:
    """Return the instructions as bytes. Raises AssemblyError."""
    items = list(code)
    places = _places(items)
    found, place = bytearray(), 0
    for item in items:
        if isinstance(item, Instruction):
            place += 2 if item.is_wide else 1
            found += _encoded(item, _offset(item, place, places), byteorder)
    return bytes(found)


def _places(items: Iterable[Instruction | Label]) -> Mapping[str, int]:
    places: dict[str, int] = {}
    place = 0
    for item in items:
        if isinstance(item, Instruction):
            place += 2 if item.is_wide else 1
        elif item.name in places:
            raise AssemblyError(f"two labels {item.name}")
        else:
            places[item.name] = place
    return places


def _offset(item: Instruction, following: int, places: Mapping[str, int]) -> int:
    """Return the offset; of a jump it counts from the instruction that follows."""
    if item.to and item.to not in places:
        raise AssemblyError(f"no label {item.to}")
    offset = places[item.to] - following if item.to else item.offset
    if not -_FARTHEST <= offset < _FARTHEST:
        raise AssemblyError(f"offset {offset} is too far")
    return offset


def _encoded(item: Instruction, offset: int, byteorder: ByteOrder) -> bytes:
    low, high = item.target, item.source
    if byteorder == "big":
        low, high = high, low
    head = (item.opcode, high << 4 | low, offset)
    order = "<" if byteorder == "little" else ">"
    if not item.is_wide:
        if not -_HALF_WORD <= item.immediate < _HALF_WORD:
            raise AssemblyError(f"{item.immediate} has more than 32 bits")
        return struct.pack(f"{order}BBhi", *head, item.immediate)
    if not 0 <= item.immediate < _WORD * _WORD:
        raise AssemblyError(f"{item.immediate} has more than 64 bits")
    upper, lower = divmod(item.immediate, _WORD)
    return struct.pack(f"{order}BBhIBBhI", *head, lower, 0, 0, 0, upper)
