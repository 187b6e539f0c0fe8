"""The program for devices, run by a little machine; the kernel's verdict is in tests/lab."""

import struct

import pytest

from carpio.jail.bpf_asm import assemble
from carpio.jail.devices import code

CHARACTER, BLOCK = 2, 1


def verdict(kind: int, major: int, minor: int, access: int = 6) -> int:
    """Run the program on a request, as the kernel hands it over."""
    context = struct.pack("=III", access << 16 | kind, major, minor)
    program = list(struct.iter_unpack("=BBhi", assemble(code())))
    registers, at = dict.fromkeys(range(11), 0), 0
    for _ in range(100):
        opcode, both, offset, number = program[at]
        target, at = both & 15, at + 1
        match opcode:
            case 0x61:
                registers[target] = struct.unpack_from("=I", context, offset)[0]
            case 0x57:
                registers[target] &= number
            case 0xB7:
                registers[target] = number
            case 0x15:
                at += offset if registers[target] == number else 0
            case 0x55:
                at += offset if registers[target] != number else 0
            case 0xA5:
                at += offset if registers[target] < number else 0
            case 0x95:
                return registers[0]
            case _:
                raise AssertionError(hex(opcode))
    raise AssertionError("no end")


def test_the_devices_of_a_small_dev_are_allowed_alone():
    allowed = {
        (major, minor)
        for major in range(300)
        for minor in range(20)
        if verdict(CHARACTER, major, minor)
    }
    small = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}
    assert allowed == small | {(major, minor) for major in range(136, 144) for minor in range(20)}


@pytest.mark.parametrize("access", [1, 2, 4, 7])
def test_disks_are_refused_whatever_their_number(access: int):
    assert not any(verdict(BLOCK, 1, minor, access) for minor in range(16))
    assert verdict(CHARACTER, 1, 3, access)
