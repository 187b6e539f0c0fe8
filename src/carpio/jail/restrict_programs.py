"""What the sockets of a jail may do, as programs for the hooks of its cgroup.

The law is at the packets: what leaves must come from an address of the jail and go to no
loopback address, what arrives must go to an address of the jail. The other hooks make that
comfortable: they turn wildcards and loopback into the primary address, choose sources, and
refuse with an error what would otherwise only be silent.

A policy is compiled into the instructions, so a program has no state: another policy is another
program in its place.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from carpio.jail.bpf import Hook, Program
from carpio.jail.bpf_asm import (
    Code,
    Compare,
    Instruction,
    Register,
    Size,
    add,
    assemble,
    bits_or,
    call,
    jump,
    jump_if,
    label,
    leave,
    load,
    move,
    store,
    store_value,
)
from carpio.jail.policy import FamilyPolicy, Mode, Policy
from carpio.jail.restrict_parts import (
    CONTEXT,
    IP4,
    IP6,
    MAPPED,
    Place,
    fetch,
    find,
    go_if_loopback,
    native,
    put,
    set_to,
)

__all__ = ["NAMES", "programs"]

NAMES: Final[Mapping[Hook, str]] = {hook: f"carpio_{hook.name.lower()}" for hook in Hook}
"""What the program of a hook is called."""

R0, R1, R2, R3, R4 = Register.R0, Register.R1, Register.R2, Register.R3, Register.R4
R7, R8, R9, STACK = Register.R7, Register.R8, Register.R9, Register.R10
BYTES, WORD, DOUBLE = Size.BYTE, Size.WORD, Size.DOUBLE

# Functions of the kernel (linux/bpf.h).
_SKB_LOAD_BYTES: Final = 26
_BIND: Final = 64
_SK_FULLSOCK: Final = 95
_SET_RETVAL: Final = 187

# Offsets in the contexts (linux/bpf.h): bpf_sock_addr...
_SOURCE4: Final = 40
_SOURCE6: Final = (44, 48, 52, 56)
_SOCKET: Final = 64
# ... bpf_sock ...
_FAMILY: Final = 4
_TYPE: Final = 8
_PROTOCOL: Final = 12
_BOUND4: Final = (24,)
_BOUND6: Final = (28, 32, 36, 40)
_BOUND_PORT: Final = 44
# ... and __sk_buff.
_ETHERTYPE: Final = 16
_SKB_SOCKET: Final = 168

_ETHERTYPES: Final = {4: native(b"\x08\x00"), 6: native(b"\x86\xdd")}
_MAPPED_WORD: Final = native(b"\0\0\xff\xff")
_UDPLITE: Final = 136
_ICMP: Final = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)

_Rules: TypeAlias = Callable[[FamilyPolicy, Place], Code]


def programs(policy: Policy, *, with_errors: bool) -> Iterator[Program]:
    """Yield what restricts a jail; nothing for a hook where all is allowed.

    `with_errors`: errors may be chosen (bpf_set_retval, Linux 6.0); else all are EPERM.
    """
    if policy.is_free:
        return
    for hook in Hook:
        if hook in _OF_IP4 and policy.ip4.mode is Mode.INHERIT:
            continue
        code = [move(CONTEXT, R1), *_body(hook, policy)]
        code += _endings(code, with_errors=with_errors)
        yield Program(hook=hook, name=NAMES[hook], code=assemble(code))


_OF_IP4: Final = frozenset({Hook.BIND4, Hook.CONNECT4, Hook.SENDMSG4})


def _body(hook: Hook, policy: Policy) -> Code:
    match hook:
        case Hook.INGRESS | Hook.EGRESS:
            return _packet(policy, is_egress=hook is Hook.EGRESS)
        case Hook.SOCKET:
            return _socket(policy)
        case Hook.BIND4 | Hook.CONNECT4 | Hook.SENDMSG4:
            return _rules_for(policy.ip4, IP4, _RULES[hook])
        case Hook.BIND6 | Hook.CONNECT6 | Hook.SENDMSG6:
            return [
                load(WORD, R1, CONTEXT, 16),
                jump_if(R1, Compare.NOT_EQUAL, _MAPPED_WORD, "not mapped", bits=32),
                load(DOUBLE, R1, CONTEXT, 8),
                jump_if(R1, Compare.NOT_EQUAL, 0, "not mapped"),
                *_rules_for(policy.ip4, MAPPED, _RULES[hook]),
                label("not mapped"),
                *_rules_for(policy.ip6, IP6, _RULES[hook]),
            ]


def _rules_for(family: FamilyPolicy, place: Place, rules: _Rules) -> Code:
    match family.effective:
        case Mode.INHERIT:
            return [jump("allow")]
        case Mode.DISABLE:
            return [jump("no such family")]
        case Mode.NEW:
            return [*fetch(place), *rules(family, place)]


# -- bind, connect, send -----------------------------------------------------------------------


def _bind(family: FamilyPolicy, place: Place) -> Code:
    turn = f"{place.name} turn"
    return [
        *go_if_loopback(place, turn),
        *find(family.addresses, place, found="allow", missing="not an address of the jail"),
        label(turn),
        *set_to(place, family.addresses[0]),
        *put(place),
        jump("allow"),
    ]


def _turned(family: FamilyPolicy, place: Place) -> Code:
    """Let a destination that is loopback be the primary address."""
    turn, turned = f"{place.name} turn", f"{place.name} turned"
    return [
        *go_if_loopback(place, turn),
        jump(turned),
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
            store_value(WORD, STACK, _ADDRESS_AT + 16, _MAPPED_WORD),
            store(WORD, STACK, _ADDRESS_AT + 20, R7),
        ]
    return [*code, store(DOUBLE, STACK, _ADDRESS_AT + 8, R7), store(DOUBLE, STACK, -16, R8)]


def _send(family: FamilyPolicy, place: Place) -> Code:
    """Give a datagram its source; what the socket or the caller named must be of the jail."""
    if place is MAPPED:  # the kernel asks SENDMSG4 about those
        return [jump("not an address of the jail")]
    choose, write = f"{place.name} choose", f"{place.name} write"
    loopback = f"{place.name} own"
    return [
        *_turned(family, place),
        *_named_source(place, choose),
        *go_if_loopback(place, loopback, also_unspecified=False),
        *find(family.addresses, place, found="allow", missing="not an address of the jail"),
        label(loopback),
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


_RULES: Final[Mapping[Hook, _Rules]] = {
    Hook.BIND4: _bind,
    Hook.BIND6: _bind,
    Hook.CONNECT4: _connect,
    Hook.CONNECT6: _connect,
    Hook.SENDMSG4: _send,
    Hook.SENDMSG6: _send,
}


# -- making sockets ----------------------------------------------------------------------------


def _socket(policy: Policy) -> Code:
    return [
        load(WORD, R1, CONTEXT, _FAMILY),
        jump_if(R1, Compare.EQUAL, socket.AF_INET, "ip4"),
        *_kinds(policy.ip6, policy),
        label("ip4"),
        *_kinds(policy.ip4, policy),
    ]


def _kinds(family: FamilyPolicy, policy: Policy) -> Code:
    """Allow what the other hooks know how to restrict: TCP and UDP; and raw sockets or not."""
    match family.effective:
        case Mode.INHERIT:
            return [jump("allow")]
        case Mode.DISABLE:
            return [jump("no such protocol")]
        case Mode.NEW:
            pass
    known = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, _UDPLITE)
    raw = "allow" if policy.allows_raw else "no right"
    return [
        load(WORD, R1, CONTEXT, _TYPE),
        jump_if(R1, Compare.EQUAL, socket.SOCK_RAW, raw),
        load(WORD, R1, CONTEXT, _PROTOCOL),
        *(jump_if(R1, Compare.EQUAL, each, "allow") for each in known),
        *(jump_if(R1, Compare.EQUAL, each, raw) for each in _ICMP),
        jump("no such protocol"),
    ]


# -- packets -----------------------------------------------------------------------------------


def _packet(policy: Policy, *, is_egress: bool) -> Code:
    return [
        *(_allow_raw() if policy.allows_raw else []),
        load(WORD, R1, CONTEXT, _ETHERTYPE),
        jump_if(R1, Compare.EQUAL, _ETHERTYPES[4], "ip4"),
        jump_if(R1, Compare.EQUAL, _ETHERTYPES[6], "ip6"),
        jump("allow"),
        label("ip4"),
        *_addresses_of_packet(policy.ip4, IP4, is_egress=is_egress),
        label("ip6"),
        *_addresses_of_packet(policy.ip6, IP6, is_egress=is_egress),
    ]


def _allow_raw() -> Code:
    """Allow all to raw and ICMP sockets."""
    return [
        load(DOUBLE, R1, CONTEXT, _SKB_SOCKET),
        jump_if(R1, Compare.EQUAL, 0, "allow"),
        call(_SK_FULLSOCK),
        jump_if(R0, Compare.EQUAL, 0, "allow"),
        load(WORD, R1, R0, _TYPE),
        jump_if(R1, Compare.EQUAL, socket.SOCK_RAW, "allow"),
        load(WORD, R1, R0, _PROTOCOL),
        *(jump_if(R1, Compare.EQUAL, each, "allow") for each in _ICMP),
    ]


def _addresses_of_packet(family: FamilyPolicy, place: Place, *, is_egress: bool) -> Code:
    match family.effective:
        case Mode.INHERIT:
            return [jump("allow")]
        case Mode.DISABLE:
            return [jump("refuse")]
        case Mode.NEW:
            pass
    size = 16 if place.is_ip6 else 4
    source = 8 if place.is_ip6 else 12
    own = _from_packet(source if is_egress else source + size, place, size)
    look = find(family.addresses, place, found="allow", missing="refuse")
    if not is_egress:
        return [*own, *look]
    destination = _from_packet(source + size, place, size)
    return [*destination, *go_if_loopback(place, "refuse"), *own, *look]


def _from_packet(offset: int, place: Place, size: int) -> Code:
    """Read an address of the packet's header into the registers."""
    code: Code = [
        move(R1, CONTEXT),
        move(R2, offset),
        move(R3, STACK),
        add(R3, -16),
        move(R4, size),
        call(_SKB_LOAD_BYTES),
        jump_if(R0, Compare.NOT_EQUAL, 0, "refuse"),
    ]
    if place.is_ip6:
        return [*code, load(DOUBLE, R7, STACK, -16), load(DOUBLE, R8, STACK, -8)]
    return [*code, load(WORD, R7, STACK, -16)]


# -- ends --------------------------------------------------------------------------------------


_ERRORS: Final[Mapping[str, int]] = {
    "no such family": errno.EAFNOSUPPORT,
    "no such protocol": errno.EPROTONOSUPPORT,
    "not an address of the jail": errno.EADDRNOTAVAIL,
    "no right": errno.EACCES,
}


def _endings(code: Code, *, with_errors: bool) -> Code:
    """Return what the labels of ends lead to that are used: the kernel takes no dead code."""
    used = {item.to for item in code if isinstance(item, Instruction)}
    refusals = [name for name in (*_ERRORS, "error of R0") if name in used]
    ends: Code = []
    if with_errors:
        for name in refusals:
            error = [move(R1, -_ERRORS[name])] if name in _ERRORS else [move(R1, R0)]
            ends += [label(name), *error, jump("error")]
        if refusals:
            ends += [label("error"), call(_SET_RETVAL)]
    else:
        ends += [label(name) for name in refusals]
    if refusals or "refuse" in used:
        ends += [label("refuse"), move(R0, 0), leave()]
    return [*ends, label("allow"), move(R0, 1), leave()] if "allow" in used else ends
