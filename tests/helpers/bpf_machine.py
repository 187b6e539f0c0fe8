"""A machine that runs eBPF programs, so that they can be tried without the kernel.

Knows the instructions that carpio uses. Memory is in regions; a pointer is a region and an offset.
Every instruction of a program that no run has reached can be told.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Machine", "Pointer"]

MASK = (1 << 64) - 1
SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}


@dataclass(frozen=True)
class Pointer:
    """A place in a region of memory."""

    region: bytearray
    offset: int = 0


Value = int | Pointer
Helper = Callable[["Machine"], Value]


@dataclass
class Machine:
    """One program; `reached` are the instructions that any run came by."""

    code: bytes
    helpers: Mapping[int, Helper]
    pointers: Mapping[int, Pointer] = field(default_factory=dict)
    """What is loaded from these offsets of the context instead of its bytes."""
    registers: list[Value] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)

    def run(self, context: bytearray) -> int:
        """Run with a context and return the answer."""
        stack = bytearray(512)
        self.registers = [0] * 11
        self.registers[1] = Pointer(context)
        self.registers[10] = Pointer(stack, len(stack))
        place = 0
        for _ in range(100_000):
            self.reached.add(place)
            opcode, registers, offset, immediate = struct.unpack_from("=BBhi", self.code, place * 8)
            low, high = registers & 15, registers >> 4
            target, source = (low, high) if sys.byteorder == "little" else (high, low)
            place += 1
            if opcode == 0x95:
                answer = self.registers[0]
                assert isinstance(answer, int)
                return answer
            if opcode == 0x18:
                upper = struct.unpack_from("=I", self.code, place * 8 + 4)[0]
                self.registers[target] = upper << 32 | immediate & 0xFFFFFFFF
                place += 1
            elif opcode == 0x85:
                self.registers[0] = self.helpers[immediate](self)
                self.registers[1:6] = [0xDEAD] * 5
            elif opcode & 7 in (5, 6):
                place += offset if self._holds(opcode, target, source, immediate) else 0
            else:
                self._compute(opcode, target, source, offset, immediate, context)
        raise AssertionError("the program does not end")

    def _holds(self, opcode: int, target: int, source: int, immediate: int) -> bool:
        if opcode == 0x05:
            return True
        left = self.registers[target]
        right = self.registers[source] if opcode & 8 else immediate & MASK
        if isinstance(left, Pointer):
            assert right == 0, "only asked whether it is null"
            return opcode & 0xF0 == 0x50
        assert isinstance(right, int)
        if opcode & 7 == 6:
            left, right = left & 0xFFFFFFFF, right & 0xFFFFFFFF
        match opcode & 0xF0:
            case 0x10:
                return left == right
            case 0x50:
                return left != right
            case 0x20:
                return left > right
            case 0xA0:
                return left < right
        raise AssertionError(f"jump {opcode:#x}")

    def _compute(
        self,
        opcode: int,
        target: int,
        source: int,
        offset: int,
        immediate: int,
        context: bytearray,
    ) -> None:
        if opcode & 7 == 7:
            self.registers[target] = self._alu(opcode, target, source, immediate)
            return
        size = SIZES[opcode & 0x18]
        if opcode & 7 == 1:
            base = self.registers[source]
            assert isinstance(base, Pointer)
            if base.region is context and base.offset + offset in self.pointers:
                self.registers[target] = self.pointers[base.offset + offset]
            else:
                data = self._slice(base, offset, size)
                self.registers[target] = int.from_bytes(data, sys.byteorder)
            return
        base = self.registers[target]
        value = self.registers[source] if opcode & 7 == 3 else immediate
        assert isinstance(base, Pointer)
        assert isinstance(value, int)
        self._slice(base, offset, size)
        start = base.offset + offset
        low = value & (1 << size * 8) - 1
        base.region[start : start + size] = low.to_bytes(size, sys.byteorder)

    def _slice(self, base: Pointer, offset: int, size: int) -> bytes:
        start = base.offset + offset
        assert start >= 0, "before the region"
        assert start + size <= len(base.region), "behind the region"
        return bytes(base.region[start : start + size])

    def _alu(self, opcode: int, target: int, source: int, immediate: int) -> Value:
        right = self.registers[source] if opcode & 8 else immediate & MASK
        if opcode & 0xF0 == 0xB0:
            return right
        left = self.registers[target]
        assert isinstance(right, int)
        if isinstance(left, Pointer):
            assert opcode & 0xF0 == 0x00
            signed = right - (1 << 64) if right >> 63 else right
            return Pointer(left.region, left.offset + signed)
        match opcode & 0xF0:
            case 0x00:
                return left + right & MASK
            case 0x40:
                return left | right
            case 0x50:
                return left & right
        raise AssertionError(f"operation {opcode:#x}")

    def places(self) -> set[int]:
        """Return where instructions begin."""
        found, place = set(), 0
        while place < len(self.code) // 8:
            found.add(place)
            place += 2 if self.code[place * 8] == 0x18 else 1
        return found
