"""What the sockets of a jail may do, as programs for the hooks of its cgroup.

The law is at the packets: what leaves must come from an address of the jail and go to no
loopback address but its own, what arrives must go to an address of the jail. The other hooks
(restrict_calls.py) make that comfortable: they turn wildcards and loopback into the primary
address, choose sources, and refuse with an error what would otherwise only be silent.

A policy is compiled into the instructions, so a program has no state: another policy is another
program in its place.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping
from typing import Final

from carpio.jail.bpf import Hook, Program
from carpio.jail.bpf_asm import (
    Code,
    Compare,
    Instruction,
    Register,
    Size,
    add,
    assemble,
    call,
    jump,
    jump_if,
    label,
    leave,
    load,
    move,
)
from carpio.jail.policy import FamilyPolicy, Mode, Policy
from carpio.jail.restrict_calls import RULES, Rules
from carpio.jail.restrict_parts import (
    CONTEXT,
    IP4,
    IP6,
    MAPPED,
    MAPPED_WORD,
    Place,
    fetch,
    find,
    go_if_loopback,
    native,
)

__all__ = ["NAMES", "programs"]

NAMES: Final[Mapping[Hook, str]] = {hook: f"carpio_{hook.name.lower()}" for hook in Hook}
"""What the program of a hook is called."""

R0, R1, R2, R3, R4 = Register.R0, Register.R1, Register.R2, Register.R3, Register.R4
R7, R8, STACK = Register.R7, Register.R8, Register.R10
WORD, DOUBLE = Size.WORD, Size.DOUBLE

# Functions of the kernel (linux/bpf.h).
_SKB_LOAD_BYTES: Final = 26
_SK_FULLSOCK: Final = 95
_SET_RETVAL: Final = 187

# Offsets in bpf_sock...
_FAMILY: Final = 4
_TYPE: Final = 8
_PROTOCOL: Final = 12
# ... and __sk_buff.
_ETHERTYPE: Final = 16
_SKB_SOCKET: Final = 168

_ETHERTYPES: Final = {4: native(b"\x08\x00"), 6: native(b"\x86\xdd")}
_UDPLITE: Final = 136
_ICMP: Final = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)


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
            return _rules_for(policy.ip4, IP4, RULES[hook])
        case Hook.BIND6 | Hook.CONNECT6 | Hook.SENDMSG6:
            return [
                load(WORD, R1, CONTEXT, 16),
                jump_if(R1, Compare.NOT_EQUAL, MAPPED_WORD, "not mapped", bits=32),
                load(DOUBLE, R1, CONTEXT, 8),
                jump_if(R1, Compare.NOT_EQUAL, 0, "not mapped"),
                *_rules_for(policy.ip4, MAPPED, RULES[hook]),
                label("not mapped"),
                *_rules_for(policy.ip6, IP6, RULES[hook]),
            ]


def _rules_for(family: FamilyPolicy, place: Place, rules: Rules) -> Code:
    match family.effective:
        case Mode.INHERIT:
            return [jump("allow")]
        case Mode.DISABLE:
            return [jump("no such family")]
        case Mode.NEW:
            return [*fetch(place), *rules(family, place)]


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
    loopback, good = f"{place.name} loopback", f"{place.name} destination"
    return [
        *_from_packet(source + size, place, size),
        *go_if_loopback(place, loopback),
        jump(good),
        label(loopback),
        *find(family.addresses, place, found=good, missing="refuse"),
        label(good),
        *own,
        *look,
    ]


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
