"""What `bind`, `connect` and sending of datagrams may do in a jail, one address family at a time.

The code leaves by the labels `allow`, `not an address of the jail` and `error of R0`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from carpio.jail.bpf import Hook
from carpio.jail.bpf_asm import (
    Code,
    Compare,
    Register,
    Size,
    add,
    bits_or,
    call,
    jump,
    jump_if,
    label,
    load,
    move,
    store,
    store_value,
)
from carpio.jail.policy import FamilyPolicy
from carpio.jail.restrict_parts import (
    CONTEXT,
    IP4,
    MAPPED,
    MAPPED_WORD,
    Place,
    find,
    go_if_loopback,
    put,
    set_to,
)

__all__ = ["RULES", "Rules"]

Rules: TypeAlias = Callable[[FamilyPolicy, Place], Code]
"""Code for a family with a list; the address of the call is in the registers of the place."""

R0, R1, R2, R3 = Register.R0, Register.R1, Register.R2, Register.R3
R7, R8, R9, STACK = Register.R7, Register.R8, Register.R9, Register.R10
WORD, DOUBLE = Size.WORD, Size.DOUBLE

_BIND: Final = 64
"""A function of the kernel (linux/bpf.h)."""

# Offsets in bpf_sock_addr...
_SOURCE4: Final = 40
_SOURCE6: Final = (44, 48, 52, 56)
_SOCKET: Final = 64
# ... and bpf_sock.
_BOUND4: Final = (24,)
_BOUND6: Final = (28, 32, 36, 40)
_BOUND_PORT: Final = 44


def _bind(family: FamilyPolicy, place: Place) -> Code:
    foreign, turn = f"{place.name} foreign", f"{place.name} turn"
    return [
        *find(family.addresses, place, found="allow", missing=foreign),
        label(foreign),
        *go_if_loopback(place, turn),
        jump("not an address of the jail"),
        label(turn),
        *set_to(place, family.addresses[0]),
        *put(place),
        jump("allow"),
    ]


def _turned(family: FamilyPolicy, place: Place) -> Code:
    """Let a destination that is loopback be the primary address, unless the jail has it."""
    loopback, turn = f"{place.name} loopback", f"{place.name} turn"
    turned = f"{place.name} turned"
    return [
        *go_if_loopback(place, loopback),
        jump(turned),
        label(loopback),
        *find(family.addresses, place, found=turned, missing=turn),
        label(turn),
        *set_to(place, family.addresses[0]),
        *put(place),
        label(turned),
    ]


def _source_for(family: FamilyPolicy, place: Place) -> Code:
    """Turn the destination in the registers into the source for it."""
    chosen, primary = f"{place.name} source", f"{place.name} primary"
    choice = find(family.addresses, place, found=chosen, missing=primary)
    return [
        *(choice if family.saddrsel else []),
        label(primary),
        *set_to(place, family.addresses[0]),
        label(chosen),
    ]


def _connect(family: FamilyPolicy, place: Place) -> Code:
    """Bind a socket that is not bound yet, so that its packets come from the jail's address."""
    bound = _BOUND4 if place is IP4 else _BOUND6
    return [
        *_turned(family, place),
        load(DOUBLE, R9, CONTEXT, _SOCKET),
        # A socket that got a port without an address cannot be bound any more; where its
        # packets come from is seen when they leave.
        load(WORD, R1, R9, _BOUND_PORT),
        *_with_more(R9, bound),
        jump_if(R1, Compare.NOT_EQUAL, 0, "allow"),
        *_source_for(family, place),
        *_socket_address(place),
        move(R1, CONTEXT),
        move(R2, STACK),
        add(R2, _ADDRESS_AT),
        call(_BIND),
        jump_if(R0, Compare.EQUAL, 0, "allow"),
        jump("error of R0"),
    ]


def _with_more(base: Register, offsets: tuple[int, ...]) -> Code:
    """Add the bits of words to R1; R2 is lost."""
    return [item for offset in offsets for item in (load(WORD, R2, base, offset), bits_or(R1, R2))]


_ADDRESS_AT: Final = -32
"""Where on the stack a socket address is made."""


def _socket_address(place: Place) -> Code:
    """Make a socket address of the address in the registers, port 0, with its length in R3."""
    family = socket.AF_INET if place is IP4 else socket.AF_INET6
    code: Code = [
        *(store_value(DOUBLE, STACK, _ADDRESS_AT + offset, 0) for offset in (0, 8, 16, 24)),
        store_value(Size.HALF, STACK, _ADDRESS_AT, family),
        move(R3, 16 if place is IP4 else 28),
    ]
    if place is IP4:
        return [*code, store(WORD, STACK, _ADDRESS_AT + 4, R7)]
    if place is MAPPED:
        return [
            *code,
            store_value(WORD, STACK, _ADDRESS_AT + 16, MAPPED_WORD),
            store(WORD, STACK, _ADDRESS_AT + 20, R7),
        ]
    return [*code, store(DOUBLE, STACK, _ADDRESS_AT + 8, R7), store(DOUBLE, STACK, -16, R8)]


def _send(family: FamilyPolicy, place: Place) -> Code:
    """Give a datagram its source; what the socket or the caller named must be of the jail."""
    if place is MAPPED:  # the kernel asks SENDMSG4 about those
        return [jump("not an address of the jail")]
    choose, write = f"{place.name} choose", f"{place.name} write"
    foreign, own = f"{place.name} foreign", f"{place.name} own"
    return [
        *_turned(family, place),
        *_named_source(place, choose),
        *find(family.addresses, place, found="allow", missing=foreign),
        label(foreign),
        *go_if_loopback(place, own, also_unspecified=False),
        jump("not an address of the jail"),
        label(own),
        *set_to(place, family.addresses[0]),
        jump(write),
        label(choose),
        *_source_for(family, place),
        label(write),
        *_put_source(place),
        jump("allow"),
    ]


def _named_source(place: Place, none: str) -> Code:
    """Read the source into the registers; go to `none`, without touching them, if there is none."""
    if place is IP4:
        return [
            load(WORD, R1, CONTEXT, _SOURCE4),
            jump_if(R1, Compare.EQUAL, 0, none, bits=32),
            move(R7, R1),
        ]
    code: Code = []
    for place_on_stack, offset in zip((-16, -12, -8, -4), _SOURCE6, strict=True):
        code += [load(WORD, R1, CONTEXT, offset), store(WORD, STACK, place_on_stack, R1)]
    return [
        *code,
        load(DOUBLE, R1, STACK, -16),
        load(DOUBLE, R2, STACK, -8),
        move(R3, R1),
        bits_or(R3, R2),
        jump_if(R3, Compare.EQUAL, 0, none),
        move(R7, R1),
        move(R8, R2),
    ]


def _put_source(place: Place) -> Code:
    if place is IP4:
        return [store(WORD, CONTEXT, _SOURCE4, R7)]
    code: Code = [store(DOUBLE, STACK, -16, R7), store(DOUBLE, STACK, -8, R8)]
    for place_on_stack, offset in zip((-16, -12, -8, -4), _SOURCE6, strict=True):
        code += [load(WORD, R1, STACK, place_on_stack), store(WORD, CONTEXT, offset, R1)]
    return code


RULES: Final[Mapping[Hook, Rules]] = {
    Hook.BIND4: _bind,
    Hook.BIND6: _bind,
    Hook.CONNECT4: _connect,
    Hook.CONNECT6: _connect,
    Hook.SENDMSG4: _send,
    Hook.SENDMSG6: _send,
}
