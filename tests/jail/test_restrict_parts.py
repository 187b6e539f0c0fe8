"""Addresses in registers: whatever is looked for is found, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.bpf_machine import Machine

from carpio.jail.bpf_asm import Code, Register, assemble, label, leave, move
from carpio.jail.policy import Address
from carpio.jail.restrict_parts import (
    CONTEXT,
    IP4,
    IP6,
    MAPPED,
    Place,
    fetch,
    find,
    go_if_loopback,
    put,
    set_to,
)

V4 = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
V6 = st.builds(IPv6Address, st.integers(0, 2**128 - 1))
ANY = st.one_of(
    st.tuples(st.just(IP4), st.lists(V4, max_size=30, unique=True), V4),
    st.tuples(st.just(MAPPED), st.lists(V4, max_size=30, unique=True), V4),
    st.tuples(st.just(IP6), st.lists(V6, max_size=30, unique=True), V6),
)


def context_of(place: Place, address: Address) -> bytearray:
    """Return a context that has the address where the place says."""
    context = bytearray(72)
    start = place.offsets[0]
    context[start : start + len(address.packed)] = address.packed
    return context


def answer(place: Place, address: Address, code: Code) -> int:
    """Run code with an address in the registers; 1 for the label `yes`, 0 for `no`."""
    ends: Code = [
        label("no"), move(Register.R0, 0), leave(), label("yes"), move(Register.R0, 1), leave(),
    ]  # fmt: skip
    program = assemble([move(CONTEXT, Register.R1), *fetch(place), *code, *ends])
    return Machine(program, {}).run(context_of(place, address))


@given(case=ANY)
def test_an_address_is_found_when_it_is_of_the_list_and_else_not(
    case: tuple[Place, list[Address], Address],
):
    place, addresses, other = case
    code = find(addresses, place, found="yes", missing="no")
    assert all(answer(place, each, code) == 1 for each in addresses)
    assert answer(place, other, code) == (other in addresses)


@given(number=st.integers(0, 2**128 - 1), bit=st.integers(0, 127))
def test_a_single_bit_makes_another_address(number: int, bit: int):
    own, other = IPv6Address(number), IPv6Address(number ^ 1 << bit)
    code = find([own, IPv6Address("2001:db8::1")], IP6, found="yes", missing="no")
    assert answer(IP6, own, code) == 1
    assert answer(IP6, other, code) == (other == IPv6Address("2001:db8::1"))


def test_the_search_in_a_full_list_is_short():
    addresses = [IPv4Address(n * 65537) for n in range(1, 256)]
    code = find(addresses, IP4, found="yes", missing="no")
    ends: Code = [label("no"), label("yes"), move(Register.R0, 0), leave()]
    program = assemble([move(CONTEXT, Register.R1), *fetch(IP4), *code, *ends])
    for address in (addresses[0], addresses[127], addresses[254], IPv4Address("10.0.0.1")):
        machine = Machine(program, {})
        machine.run(context_of(IP4, address))
        assert len(machine.reached) <= 4 + 3 * 9


@pytest.mark.parametrize(
    ("text", "loopback", "unspecified"),
    [
        ("127.0.0.1", True, False), ("127.255.255.255", True, False), ("0.0.0.0", False, True),
        ("126.255.255.255", False, False), ("128.0.0.0", False, False), ("1.0.0.127", False, False),
        ("::1", True, False), ("::", False, True), ("::2", False, False), ("1::1", False, False),
        ("::1:0:0:1", False, False), ("::100", False, False),
    ],
)  # fmt: skip
def test_loopback_and_zeros_are_known(text: str, loopback: bool, unspecified: bool):
    address = ip_address(text)
    for place in (IP4, MAPPED) if address.version == 4 else (IP6,):
        strict = go_if_loopback(place, "yes", also_unspecified=False)
        both = go_if_loopback(place, "yes")
        assert answer(place, address, strict) == loopback
        assert answer(place, address, both) == (loopback or unspecified)


@given(case=ANY)
def test_an_address_that_is_put_is_in_the_context(case: tuple[Place, list[Address], Address]):
    place, _, address = case
    code = [move(CONTEXT, Register.R1), *set_to(place, address), *put(place), leave()]
    context = bytearray(72)
    Machine(assemble(code), {}).run(context)
    assert context == context_of(place, address)
