"""Instructions become the bytes that RFC 9669 says, in both byte orders."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.jail.bpf_asm import (
    AssemblyError,
    Code,
    Compare,
    Instruction,
    Register,
    Size,
    add,
    assemble,
    bits_and,
    bits_or,
    call,
    constant,
    jump,
    jump_if,
    label,
    leave,
    load,
    move,
    store,
    store_value,
)

R0, R1, R6, R10 = Register.R0, Register.R1, Register.R6, Register.R10


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (move(R0, 1), "b7 00 00 00 01 00 00 00"),
        (move(R6, R1), "bf 16 00 00 00 00 00 00"),
        (move(R0, -1), "b7 00 00 00 ff ff ff ff"),
        (add(R1, -16), "07 01 00 00 f0 ff ff ff"),
        (add(R1, R6), "0f 61 00 00 00 00 00 00"),
        (bits_and(R1, 255), "57 01 00 00 ff 00 00 00"),
        (bits_or(R1, R6), "4f 61 00 00 00 00 00 00"),
        (load(Size.WORD, R1, R6, 4), "61 61 04 00 00 00 00 00"),
        (load(Size.DOUBLE, R1, R6, 64), "79 61 40 00 00 00 00 00"),
        (load(Size.HALF, R1, R6, 2), "69 61 02 00 00 00 00 00"),
        (load(Size.BYTE, R1, R6, 1), "71 61 01 00 00 00 00 00"),
        (store(Size.WORD, R6, 40, R1), "63 16 28 00 00 00 00 00"),
        (store(Size.DOUBLE, R10, -16, R1), "7b 1a f0 ff 00 00 00 00"),
        (store_value(Size.HALF, R10, -32, 10), "6a 0a e0 ff 0a 00 00 00"),
        (store_value(Size.WORD, R10, -16, 0xFFFF0000), "62 0a f0 ff 00 00 ff ff"),
        (call(187), "85 00 00 00 bb 00 00 00"),
        (leave(), "95 00 00 00 00 00 00 00"),
        (constant(R0, 0x1122334455667788), "18 00 00 00 88 77 66 55 00 00 00 00 44 33 22 11"),
    ],
)
def test_an_instruction_has_these_bytes(instruction: Instruction, expected: str):
    assert assemble([instruction], "little").hex(" ") == expected


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (move(R6, R1), "bf 61 00 00 00 00 00 00"),
        (load(Size.WORD, R1, R6, 4), "61 16 00 04 00 00 00 00"),
        (move(R0, -2), "b7 00 00 00 ff ff ff fe"),
        (constant(R1, 0x1122334455667788), "18 10 00 00 55 66 77 88 00 00 00 00 11 22 33 44"),
    ],
)
def test_on_big_machines_numbers_and_registers_are_the_other_way_round(
    instruction: Instruction, expected: str
):
    assert assemble([instruction], "big").hex(" ") == expected


@pytest.mark.parametrize(
    ("compare", "bits", "expected"),
    [
        (Compare.EQUAL, 64, "15"),
        (Compare.ABOVE, 64, "25"),
        (Compare.NOT_EQUAL, 64, "55"),
        (Compare.BELOW, 64, "a5"),
        (Compare.EQUAL, 32, "16"),
    ],
)
def test_jumps_compare_with_numbers_and_registers(compare: Compare, bits: int, expected: str):
    code: Code = [jump_if(R1, compare, 7, "end", bits=bits), label("end"), leave()]
    assert assemble(code, "little")[:8].hex(" ") == f"{expected} 01 00 00 07 00 00 00"
    code = [jump_if(R1, compare, R6, "end", bits=bits), label("end"), leave()]
    with_register = f"{int(expected, 16) | 8:02x}"
    assert assemble(code, "little")[:8].hex(" ") == f"{with_register} 61 00 00 00 00 00 00"


def test_a_number_of_32_bits_may_have_the_highest_bit_set_in_a_jump_of_32():
    code: Code = [jump_if(R1, Compare.EQUAL, 0xFFFF0000, "end", bits=32), label("end"), leave()]
    assert assemble(code, "little")[4:8].hex(" ") == "00 00 ff ff"
    with pytest.raises(AssemblyError, match="more than 32 bits"):
        assemble([jump_if(R1, Compare.EQUAL, 0xFFFF0000, "end"), label("end"), leave()])


@given(before=st.lists(st.booleans(), max_size=40), between=st.lists(st.booleans(), max_size=40))
def test_a_jump_leads_past_what_lies_between_in_both_directions(
    before: list[bool], between: list[bool]
):
    def filler(wide: list[bool]) -> Code:
        return [constant(R0, 1) if each else move(R0, 1) for each in wide]

    forward: Code = [*filler(before), jump("there"), *filler(between), label("there"), leave()]
    back: Code = [*filler(before), label("there"), *filler(between), jump("there"), leave()]
    places = sum(2 if each else 1 for each in between)
    start = sum(2 if each else 1 for each in before)
    (offset,) = struct.unpack_from("<h", assemble(forward, "little"), start * 8 + 2)
    assert offset == places
    (offset,) = struct.unpack_from("<h", assemble(back, "little"), (start + places) * 8 + 2)
    assert offset == -places - 1


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ([jump("nowhere")], "no label nowhere"),
        ([label("a"), label("a")], "two labels a"),
        ([move(R0, 1 << 31)], "more than 32 bits"),
        ([constant(R0, 1 << 64)], "more than 64 bits"),
        ([constant(R0, -1)], "more than 64 bits"),
        ([load(Size.WORD, R0, R1, 1 << 15)], "too far"),
        ([jump("end"), *[leave()] * (1 << 15), label("end"), leave()], "too far"),
    ],
)
def test_what_cannot_be_said_is_an_error(code: Code, problem: str):
    with pytest.raises(AssemblyError, match=problem):
        assemble(code)
