"""Whole programs on a machine on paper: what they answer, and that nothing in them is dead."""

from __future__ import annotations

import errno
import itertools
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from tests.helpers.bpf_machine import Machine, Pointer, Value
from tests.helpers.jail_restrict import only

from carpio.jail.bpf import Hook
from carpio.jail.policy import FamilyPolicy, Mode, Policy
from carpio.jail.restrict_programs import programs

FREE = FamilyPolicy(mode=Mode.INHERIT)
BOTH = only("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")
MODES = (
    FREE,
    FamilyPolicy(mode=Mode.DISABLE),
    FamilyPolicy(mode=Mode.NEW, addresses=(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))),
)
MODES6 = (
    *MODES[:2],
    FamilyPolicy(mode=Mode.NEW, addresses=(IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2"))),
)
SKB_LOAD_BYTES, BIND, SK_FULLSOCK, SET_RETVAL = 26, 64, 95, 187


class Call:
    """One call of a hook: context, socket, and what the program did."""

    def __init__(
        self,
        hook: Hook,
        policy: Policy,
        *,
        with_errors: bool = True,
        bind_answer: int = 0,
        packet: bytes = b"",
    ) -> None:
        (program,) = (
            each for each in programs(policy, with_errors=with_errors) if each.hook is hook
        )
        self.context = bytearray(192)
        self.sock = bytearray(80)
        self.error = 0
        self.bound: bytes | None = None
        self._bind_answer, self._packet = bind_answer, packet
        helpers = {
            SKB_LOAD_BYTES: self._load, BIND: self._bind,
            SK_FULLSOCK: lambda machine: machine.registers[1], SET_RETVAL: self._set,
        }  # fmt: skip
        pointers = {64: Pointer(self.sock), 168: Pointer(self.sock)}
        if hook not in (Hook.INGRESS, Hook.EGRESS):
            pointers.pop(168)
        self.machine = Machine(program.code, helpers, pointers)

    def _load(self, machine: Machine) -> Value:
        _, offset, to, size = machine.registers[1:5]
        assert isinstance(offset, int)
        assert isinstance(size, int)
        assert isinstance(to, Pointer)
        part = self._packet[offset : offset + size]
        if len(part) < size:
            return (1 << 64) - errno.EFAULT
        to.region[to.offset : to.offset + size] = part
        return 0

    def _bind(self, machine: Machine) -> Value:
        where, size = machine.registers[2:4]
        assert isinstance(where, Pointer)
        assert isinstance(size, int)
        self.bound = bytes(where.region[where.offset : where.offset + size])
        return self._bind_answer % (1 << 64)

    def _set(self, machine: Machine) -> Value:
        value = machine.registers[1]
        assert isinstance(value, int)
        self.error = (1 << 64) - value
        return 0

    def with_address(self, text: str) -> Call:
        address = ip_address(text)
        start = 4 if address.version == 4 else 8
        self.context[start : start + len(address.packed)] = address.packed
        return self

    @property
    def address4(self) -> str:
        return str(IPv4Address(bytes(self.context[4:8])))

    @property
    def address6(self) -> str:
        return str(IPv6Address(bytes(self.context[8:24])))

    def run(self) -> int:
        return self.machine.run(self.context)


def policies() -> Iterator[Policy]:
    for ip4, ip6, raw in itertools.product(MODES, MODES6, (False, True)):
        yield Policy(ip4=ip4, ip6=ip6, allows_raw=raw)


def test_nothing_is_attached_where_nothing_is_restricted():
    assert list(programs(Policy(), with_errors=True)) == []
    of_ip6 = programs(Policy(ip4=FREE, ip6=MODES6[2]), with_errors=True)
    assert {each.hook for each in of_ip6} == set(Hook) - {
        Hook.BIND4, Hook.CONNECT4, Hook.SENDMSG4
    }  # fmt: skip
    of_ip4 = programs(Policy(ip4=MODES[2], ip6=FREE), with_errors=True)
    assert {each.hook for each in of_ip4} == set(Hook)


@pytest.mark.parametrize("with_errors", [False, True])
def test_all_instructions_can_be_reached_and_all_jumps_lead_to_some(with_errors: bool):
    for policy in policies():
        for program in programs(policy, with_errors=with_errors):
            machine = Machine(program.code, {})
            assert reachable(program.code) == machine.places(), (program.hook, policy)


def reachable(code: bytes) -> set[int]:
    """Return the instructions that a path leads to, as the kernel looks for them."""
    found: set[int] = set()
    left = [0]
    while left:
        place = left.pop()
        if place in found:
            continue
        found.add(place)
        opcode, _, offset, _ = struct.unpack_from("=BBhi", code, place * 8)
        following = place + (2 if opcode == 0x18 else 1)
        if opcode & 7 in (5, 6) and opcode not in (0x85, 0x95):
            left.append(following + offset)
        if opcode not in (0x05, 0x95):
            left.append(following)
    return found


def test_names_are_short_enough_for_the_kernel():
    assert all(len(each.name) <= 15 for each in programs(BOTH, with_errors=True))


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.2", "192.0.2.2"), ("0.0.0.0", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1"), ("192.0.2.3", None), ("255.255.255.255", None),
        ("2001:db8::2", "2001:db8::2"), ("::", "2001:db8::1"), ("::1", "2001:db8::1"),
        ("2001:db8::3", None), ("fe80::1", None), ("::ffff:192.0.2.2", "::ffff:192.0.2.2"),
        ("::ffff:0.0.0.0", "::ffff:192.0.2.1"), ("::ffff:192.0.2.3", None),
        ("::192.0.2.1", None), ("1::ffff:192.0.2.1", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_errors", [False, True])
def test_bind(asked: str, got: str | None, with_errors: bool):
    is_ip4 = ":" not in asked
    hook = Hook.BIND4 if is_ip4 else Hook.BIND6
    call = Call(hook, BOTH, with_errors=with_errors).with_address(asked)
    assert call.run() == (got is not None)
    if got is None:
        assert call.error == (errno.EADDRNOTAVAIL if with_errors else 0)
    else:
        place = slice(4, 8) if is_ip4 else slice(8, 24)
        assert call.context[place] == ip_address(got).packed
        assert call.error == 0


def test_loopback_addresses_of_the_list_are_the_jails():
    policy = only("127.0.0.8", "127.0.0.9", "::1")
    for hook in (Hook.BIND4, Hook.CONNECT4, Hook.SENDMSG4):
        for asked, got in (("127.0.0.9", "127.0.0.9"), ("127.0.0.1", "127.0.0.8")):
            call = Call(hook, policy).with_address(asked)
            assert call.run() == 1
            assert call.address4 == got
    for destination, leaves in (("127.0.0.9", 1), ("127.0.0.1", 0)):
        assert packet_call(Hook.EGRESS, policy, "127.0.0.8", destination).run() == leaves
    assert packet_call(Hook.EGRESS, policy, "::1", "::1").run() == 1
    sending = Call(Hook.SENDMSG4, policy).with_address("198.51.100.9")
    sending.context[40:44] = IPv4Address("127.0.0.9").packed
    assert sending.run() == 1
    assert sending.context[40:44] == IPv4Address("127.0.0.9").packed


@pytest.mark.parametrize(
    ("asked", "leads_to", "source"),
    [
        ("198.51.100.9", "198.51.100.9", "192.0.2.1"), ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.2", "192.0.2.2", "192.0.2.2"), ("2001:db8:9::9", "2001:db8:9::9", "2001:db8::1"),
        ("::1", "2001:db8::1", "2001:db8::1"), ("::", "2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.9", "::ffff:198.51.100.9", "::ffff:192.0.2.1"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ],
)  # fmt: skip
def test_connect_binds_the_socket_to_its_source(asked: str, leads_to: str, source: str):
    is_ip4 = ":" not in asked
    call = Call(Hook.CONNECT4 if is_ip4 else Hook.CONNECT6, BOTH).with_address(asked)
    assert call.run() == 1
    assert call.context[slice(4, 8) if is_ip4 else slice(8, 24)] == ip_address(leads_to).packed
    packed = ip_address(source).packed
    assert call.bound == (
        struct.pack("=H2x4s8x", socket.AF_INET, packed)
        if is_ip4
        else struct.pack("=H6x16s4x", socket.AF_INET6, packed)
    )


@pytest.mark.parametrize(("hook", "offset"), [(Hook.CONNECT4, 24), (Hook.CONNECT6, 40)])
def test_connect_leaves_a_bound_socket_alone(hook: Hook, offset: int):
    for where in (offset, 44):  # address, port
        call = Call(hook, BOTH)
        call.context[4:24] = bytes(range(1, 21))
        call.sock[where] = 1
        assert call.run() == 1
        assert call.bound is None


def test_connect_fails_as_binding_does():
    call = Call(Hook.CONNECT4, BOTH, bind_answer=-errno.ENODEV).with_address("198.51.100.9")
    assert (call.run(), call.error) == (0, errno.ENODEV)


@pytest.mark.parametrize(
    ("named", "source"),
    [
        (None, "192.0.2.1"), ("192.0.2.2", "192.0.2.2"), ("192.0.2.9", None),
        ("127.0.0.6", "192.0.2.1"),
    ],
)  # fmt: skip
def test_a_datagram_of_ipv4_has_its_source(named: str | None, source: str | None):
    call = Call(Hook.SENDMSG4, BOTH).with_address("198.51.100.9")
    call.context[40:44] = IPv4Address(named or 0).packed
    assert call.run() == (source is not None)
    if source is not None:
        assert call.context[40:44] == IPv4Address(source).packed


@pytest.mark.parametrize(
    ("named", "source"),
    [
        (None, "2001:db8::1"), ("2001:db8::2", "2001:db8::2"), ("2001:db8::9", None),
        ("::1", "2001:db8::1"),
    ],
)  # fmt: skip
def test_a_datagram_of_ipv6_has_its_source(named: str | None, source: str | None):
    call = Call(Hook.SENDMSG6, BOTH).with_address("2001:db8:9::9")
    call.context[44:60] = IPv6Address(named or 0).packed
    assert call.run() == (source is not None)
    if source is not None:
        assert call.context[44:60] == IPv6Address(source).packed
    assert call.address6 == "2001:db8:9::9"


STREAM, DGRAM, RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW


@pytest.mark.parametrize(
    ("kind", "protocol", "plain", "with_raw"),
    [
        (STREAM, 6, 0, 0), (DGRAM, 17, 0, 0), (DGRAM, 136, 0, 0),
        (RAW, 1, errno.EACCES, 0), (RAW, 6, errno.EACCES, 0), (DGRAM, 1, errno.EACCES, 0),
        (DGRAM, 58, errno.EACCES, 0),
        *((kind, protocol, errno.EPROTONOSUPPORT, errno.EPROTONOSUPPORT)
          for kind, protocol in ((STREAM, 262), (STREAM, 132), (DGRAM, 115), (6, 33))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_sockets_of_some_kinds_are_made(
    family: int, kind: int, protocol: int, plain: int, with_raw: int
):
    for allows_raw, expected in ((False, plain), (True, with_raw)):
        policy = Policy(ip4=BOTH.ip4, ip6=BOTH.ip6, allows_raw=allows_raw)
        call = Call(Hook.SOCKET, policy)
        struct.pack_into("=III", call.context, 4, family, kind, protocol)
        assert call.run() == (expected == 0)
        assert call.error == expected


def test_a_disabled_family_has_no_sockets_and_no_packets():
    policy = Policy(ip4=MODES[1], ip6=FREE, allows_raw=True)
    for family, is_made in ((socket.AF_INET, 0), (socket.AF_INET6, 1)):
        call = Call(Hook.SOCKET, policy)
        struct.pack_into("=III", call.context, 4, family, STREAM, 6)
        assert call.run() == is_made
    for hook in (Hook.INGRESS, Hook.EGRESS):
        assert packet_call(hook, policy, "192.0.2.1", "192.0.2.1").run() == 0
        assert packet_call(hook, policy, "2001:db8::9", "2001:db8::9").run() == 1


def packet_call(hook: Hook, policy: Policy, source: str, destination: str) -> Call:
    addresses = ip_address(source).packed + ip_address(destination).packed
    is_ip4 = len(addresses) == 8
    call = Call(hook, policy, packet=bytes(12 if is_ip4 else 8) + addresses)
    call.context[16:18] = b"\x08\x00" if is_ip4 else b"\x86\xdd"
    struct.pack_into("=II", call.sock, 8, STREAM, 6)
    return call


@pytest.mark.parametrize(
    ("source", "destination", "leaves", "arrives"),
    [
        ("192.0.2.2", "198.51.100.9", 1, 0), ("192.0.2.3", "198.51.100.9", 0, 0),
        ("198.51.100.9", "192.0.2.1", 0, 1), ("192.0.2.1", "192.0.2.2", 1, 1),
        ("192.0.2.1", "127.0.0.1", 0, 0), ("127.0.0.1", "127.0.0.1", 0, 0),
        ("2001:db8::2", "2001:db8:9::9", 1, 0), ("2001:db8:9::9", "2001:db8::2", 0, 1),
        ("2001:db8::1", "::1", 0, 0), ("192.0.2.1", "224.0.0.1", 1, 0),
    ],
)  # fmt: skip
def test_packets_leave_and_arrive_by_the_addresses_of_the_jail(
    source: str, destination: str, leaves: int, arrives: int
):
    assert packet_call(Hook.EGRESS, BOTH, source, destination).run() == leaves
    assert packet_call(Hook.INGRESS, BOTH, source, destination).run() == arrives


@pytest.mark.parametrize(("kind", "protocol"), [(RAW, 6), (DGRAM, 1), (DGRAM, 58)])
def test_packets_of_raw_and_icmp_sockets_are_free_if_those_are_allowed(kind: int, protocol: int):
    allowed = Policy(ip4=BOTH.ip4, ip6=BOTH.ip6, allows_raw=True)
    for policy, answer in ((allowed, 1), (BOTH, 0)):
        call = packet_call(Hook.EGRESS, policy, "192.0.2.9", "198.51.100.9")
        struct.pack_into("=II", call.sock, 8, kind, protocol)
        assert call.run() == answer
    call = packet_call(Hook.EGRESS, allowed, "192.0.2.9", "198.51.100.9")
    assert call.run() == 0


def test_a_packet_too_short_for_its_addresses_is_refused_and_other_protocols_are_not():
    call = Call(Hook.EGRESS, BOTH, packet=bytes(10))
    call.context[16:18] = b"\x08\x00"
    assert call.run() == 0
    call = Call(Hook.EGRESS, BOTH)
    call.context[16:18] = b"\x08\x06"
    assert call.run() == 1
