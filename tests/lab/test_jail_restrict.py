"""What processes in a cgroup can do with sockets, asked of the kernel and of a host beyond a wire.

The host is 10.99.0.1 to .3 and fd99::1 to ::3; left alone it calls from .1 and ::3. The jail has
.2 and .3, ::2 and ::1, so that its primary addresses are never what the kernel would take.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.helpers.jail_restrict import Agent, cgroup2, namespaces, only
from tests.helpers.lab import need

from carpio.errors import PlatformError
from carpio.jail import bpf
from carpio.jail.bpf_asm import Register, Size, assemble, leave, load
from carpio.jail.policy import FamilyPolicy, Mode, Policy
from carpio.jail.restrict import restrict, supported
from carpio.jail.restrict_programs import programs

pytestmark = pytest.mark.lab

BOTH = only("10.99.0.2", "10.99.0.3", "fd99::2", "fd99::1")
FREE = FamilyPolicy(mode=Mode.INHERIT)
Jail = Callable[[Policy], Agent]


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[str, str]]:
    need("ip", "mount")
    with namespaces() as names:
        yield names


@pytest.fixture
def cgroup(tmp_path: Path, places: tuple[str, str]) -> Iterator[Path]:
    with cgroup2(tmp_path) as made:
        yield made


@pytest.fixture
def jail(places: tuple[str, str], cgroup: Path) -> Iterator[Jail]:
    """Start a process under a policy."""
    agents: list[Agent] = []

    def start(policy: Policy) -> Agent:
        restrict(cgroup, policy)
        agents.append(Agent(places[0], cgroup))
        return agents[-1]

    yield start
    for agent in agents:
        agent.close()


@pytest.fixture
def host(places: tuple[str, str]) -> Iterator[Agent]:
    agent = Agent(places[0])
    yield agent
    agent.close()


@pytest.fixture
def peer(places: tuple[str, str]) -> Iterator[Agent]:
    agent = Agent(places[1])
    yield agent
    agent.close()


def test_this_kernel_can_restrict():
    need()
    assert supported() is None


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ("-all", r"no cgroup2: Operation not permitted; .*carpio\.unrestricted"),
        ("-all,+sys_admin,-bpf", None),  # which is enough for BPF, too
        ("-all,+bpf,+net_admin", r"no cgroup2: Operation not permitted"),
    ],
)
def test_rights_that_are_missing_are_told(kept: str, reason: str | None):
    need("setpriv")
    script = "from carpio.jail.restrict import supported; print(supported())"
    command = ("setpriv", "--bounding-set", kept, "--inh-caps=-all", sys.executable, "-c", script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.match(reason or "None", done.stdout)


# -- bind --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("family", "asked", "got"),
    [
        ("V4", "10.99.0.2", "10.99.0.2"),
        ("V4", "10.99.0.3", "10.99.0.3"),
        ("V4", "10.99.0.1", "EADDRNOTAVAIL"),
        ("V4", "224.0.0.251", "EADDRNOTAVAIL"),
        ("V4", "0.0.0.0", "10.99.0.2"),
        ("V4", "127.0.0.1", "10.99.0.2"),
        ("V4", "127.9.9.9", "10.99.0.2"),
        ("V6", "fd99::2", "fd99::2"),
        ("V6", "fd99::1", "fd99::1"),
        ("V6", "fd99::3", "EADDRNOTAVAIL"),
        ("V6", "::", "fd99::2"),
        ("V6", "::1", "fd99::2"),
        ("V6", "::ffff:10.99.0.3", "::ffff:10.99.0.3"),
        ("V6", "::ffff:10.99.0.1", "EADDRNOTAVAIL"),
        ("V6", "::ffff:0.0.0.0", "::ffff:10.99.0.2"),
        ("V6", "::ffff:127.0.0.1", "::ffff:10.99.0.2"),
    ],
)
def test_bind_takes_addresses_of_the_jail_and_turns_wildcards_and_loopback_into_the_first(
    jail: Jail, make: str, family: str, asked: str, got: str
):
    inside = jail(BOTH)
    told = inside(f"bound({make}({family}), '{asked}').getsockname()[0]")
    assert told == got
    foreign = {"V4": ("10.99.0.1",), "V6": ("fd99::3", "::ffff:10.99.0.1")}[family]
    assert [inside(f"bound({make}({family}), '{each}')") for each in foreign] == [
        "EADDRNOTAVAIL"
    ] * len(foreign)


def test_a_wildcard_listener_answers_at_the_first_address_and_no_other(jail: Jail, peer: Agent):
    inside = jail(BOTH)
    inside("listener = listening(tcp(), '0.0.0.0', 8001)")
    assert peer("connected(tcp(), '10.99.0.2', 8001).getpeername()[0]") == "10.99.0.2"
    assert peer("connected(tcp(), '10.99.0.1', 8001)") == "ECONNREFUSED"
    assert peer("connected(tcp(), '10.99.0.3', 8001)") == "ECONNREFUSED"


def test_two_jails_of_one_host_may_listen_at_the_same_port(
    jail: Jail, places: tuple[str, str], tmp_path: Path
):
    (tmp_path / "other").mkdir()
    inside = jail(only("10.99.0.2"))
    assert inside("listener = listening(tcp(), '0.0.0.0', 8002)") is None
    with cgroup2(tmp_path / "other") as second:
        restrict(second, only("10.99.0.3"))
        neighbour = Agent(places[0], second)
        try:
            told = neighbour("l = listening(tcp(), '0.0.0.0', 8002); l.getsockname()[0]")
        finally:
            neighbour.close()
    assert told == "10.99.0.3"


def test_a_socket_that_listens_without_being_bound_is_not_reached_at_other_addresses(
    jail: Jail, peer: Agent
):
    inside = jail(BOTH)
    port = inside("listener = tcp(); listener.listen(); listener.getsockname()[1]")
    assert peer(f"connected(tcp(), '10.99.0.1', {port})") == "no answer"
    assert peer(f"connected(tcp(), '10.99.0.3', {port}).getpeername()[0]") == "10.99.0.3"


# -- connect -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("family", "destination", "source"),
    [
        ("V4", "10.99.0.9", "10.99.0.2"),
        ("V6", "fd99::9", "fd99::2"),
        ("V6", "::ffff:10.99.0.9", "10.99.0.2"),
    ],
)
def test_a_connection_to_elsewhere_comes_from_the_primary_address(
    jail: Jail, peer: Agent, make: str, family: str, destination: str, source: str
):
    at = "V6" if destination == "fd99::9" else "V4"
    wildcard = "::" if at == "V6" else "0.0.0.0"
    inside = jail(BOTH)
    if make == "tcp":
        peer(f"listener = listening(tcp({at}), '{wildcard}', 7001)")
        inside(f"connection = connected(tcp({family}), '{destination}', 7001)")
        assert peer("caller(listener)") == source
    else:
        peer(f"receiver = bound(udp({at}), '{wildcard}', 7001)")
        inside(f"sender = connected(udp({family}), '{destination}', 7001); sender.send(b'x')")
        assert peer("receiver.recvfrom(9)[1][0]") == source


def test_a_bound_socket_connects_from_where_it_is_bound(jail: Jail, peer: Agent):
    inside = jail(BOTH)
    peer("listener = listening(tcp(), '0.0.0.0', 7002)")
    inside("connection = connected(bound(tcp(), '10.99.0.3'), '10.99.0.9', 7002)")
    assert peer("caller(listener)") == "10.99.0.3"
    assert inside("connected(bound(tcp(), '0.0.0.0'), '10.99.0.9', 7002)") is None
    assert peer("caller(listener)") == "10.99.0.2"


@pytest.mark.parametrize(
    ("family", "loopback", "primary"),
    [
        ("V4", "127.0.0.1", "10.99.0.2"),
        ("V4", "127.3.2.1", "10.99.0.2"),
        ("V4", "0.0.0.0", "10.99.0.2"),
        ("V6", "::1", "fd99::2"),
        ("V6", "::", "fd99::2"),
        ("V6", "::ffff:127.0.0.1", "::ffff:10.99.0.2"),
    ],
)
def test_loopback_leads_to_the_jail_itself_and_not_to_the_host(
    jail: Jail, host: Agent, family: str, loopback: str, primary: str
):
    inside = jail(BOTH)
    wildcard = "::" if ":" in primary and "." not in primary else "0.0.0.0"
    at = "V6" if wildcard == "::" else "V4"
    own = "::1" if at == "V6" else "127.0.0.1"
    host(f"listener = listening(tcp({at}), '{own}', 8003)")
    assert inside(f"connected(tcp({family}), '{loopback}', 8003)") == "ECONNREFUSED"
    inside(f"listener = listening(tcp({at}), '{wildcard}', 8003)")
    assert inside(f"c = connected(tcp({family}), '{loopback}', 8003); c.getpeername()[0]") == (
        primary
    )
    assert inside("caller(listener)") == primary.removeprefix("::ffff:")


def test_a_loopback_address_of_the_list_is_an_address_as_any(jail: Jail, host: Agent):
    inside = jail(only("127.0.0.8", "127.0.0.9"))
    host("listener = listening(tcp(), '127.0.0.1', 8007)")
    inside("listener = listening(tcp(), '127.0.0.9', 8007)")
    assert inside("c = connected(tcp(), '127.0.0.9', 8007); c.getpeername()[0]") == "127.0.0.9"
    assert inside("caller(listener)") == "127.0.0.9"
    assert inside("connected(tcp(), '127.0.0.1', 8007)") == "ECONNREFUSED"
    assert inside("bound(udp(), '127.0.0.1').getsockname()[0]") == "127.0.0.8"


@pytest.mark.parametrize(("saddrsel", "source"), [(True, "10.99.0.3"), (False, "10.99.0.2")])
def test_saddrsel_says_where_a_connection_to_another_address_of_the_jail_comes_from(
    jail: Jail, saddrsel: bool, source: str
):
    inside = jail(only("10.99.0.2", "10.99.0.3", saddrsel=saddrsel))
    inside("listener = listening(tcp(), '10.99.0.3', 8004)")
    inside("connection = connected(tcp(), '10.99.0.3', 8004)")
    assert inside("caller(listener)") == source
    inside("receiver = bound(udp(), '10.99.0.3', 8004); udp().sendto(b'x', ('10.99.0.3', 8004))")
    assert inside("receiver.recvfrom(9)[1][0]") == source


def test_a_primary_address_that_the_host_lacks_is_told_at_once(jail: Jail):
    inside = jail(only("10.99.0.77", "fd99::77"))
    assert inside("connected(tcp(), '10.99.0.9', 7003)") == "EADDRNOTAVAIL"
    assert inside("connected(tcp(V6), 'fd99::9', 7003)") == "EADDRNOTAVAIL"


def test_a_socket_may_be_connected_again_as_resolvers_do(jail: Jail, peer: Agent):
    inside = jail(BOTH)
    peer("receiver = bound(udp(), '0.0.0.0', 7004)")
    inside("s = connected(udp(), '10.99.0.3', 9)")
    inside("ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)")  # AF_UNSPEC
    assert inside("s.connect(('10.99.0.9', 7004)); s.send(b'x')") == 1
    assert str(peer("receiver.recvfrom(9)[1][0]")) in ("10.99.0.2", "10.99.0.3")


@pytest.mark.parametrize(
    ("destination", "source"), [("10.99.0.9", "10.99.0.2"), ("127.0.0.1", "10.99.0.2")]
)
def test_a_connection_that_begins_with_data_is_no_way_around(
    jail: Jail, peer: Agent, destination: str, source: str
):
    inside = jail(BOTH)
    listener = peer if destination == "10.99.0.9" else inside
    listener("listener = listening(tcp(), '0.0.0.0', 7011)")
    inside(f"s = tcp(); s.sendto(b'x', 0x20000000, ('{destination}', 7011))")  # MSG_FASTOPEN
    assert listener("caller(listener)") == source


SOCKADDR_IN = "struct.pack('=H', 2) + struct.pack('!H4s8x', {}, socket.inet_aton('{}'))"


def test_an_ipv6_socket_that_is_given_an_address_of_ipv4_is_no_way_around(jail: Jail, peer: Agent):
    inside = jail(BOTH)
    peer("receiver = bound(udp(), '0.0.0.0', 7012)")
    inside(f"where = {SOCKADDR_IN.format(7012, '10.99.0.9')}; s = udp(V6)")
    assert inside("ctypes.CDLL(None).connect(s.fileno(), where, 16)") == 0
    inside("s.send(b'x')")
    assert peer("receiver.recvfrom(9)[1][0]") == "10.99.0.2"
    inside("t = udp(V6); ctypes.CDLL(None).sendto(t.fileno(), b'x', 1, 0, where, 16)")
    assert peer("receiver.recvfrom(9)[1][0]") == "10.99.0.2"


def test_names_are_looked_up_and_sorted_as_ever(jail: Jail):
    inside = jail(only("10.99.0.2"))
    assert inside("socket.getaddrinfo('10.99.0.9', 80)[0][4][0]") == "10.99.0.9"
    assert inside("socket.create_connection(('localhost', 9))") == "ECONNREFUSED"


# -- datagrams ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "destination", "source"),
    [
        ("V4", "10.99.0.9", "10.99.0.2"),
        ("V6", "fd99::9", "fd99::2"),
        ("V6", "::ffff:10.99.0.9", "10.99.0.2"),
    ],
)
def test_a_datagram_comes_from_the_primary_address_and_its_answer_arrives(
    jail: Jail, peer: Agent, family: str, destination: str, source: str
):
    at = "V6" if destination == "fd99::9" else "V4"
    inside = jail(BOTH)
    peer(f"receiver = bound(udp({at}), '{'::' if at == 'V6' else '0.0.0.0'}', 7005)")
    assert inside(f"s = udp({family}); s.sendto(b'x', ('{destination}', 7005))") == 1
    assert peer("message, where = receiver.recvfrom(9); where[0]") == source
    peer("receiver.sendto(b'answer', where)")
    assert inside("s.recv(9)") == b"answer"


def test_a_datagram_to_loopback_reaches_the_jail_itself(jail: Jail, host: Agent):
    inside = jail(BOTH)
    host("receiver = bound(udp(), '127.0.0.1', 8005); receiver.settimeout(0.3)")
    inside("receiver = bound(udp(), '127.0.0.1', 8005)")
    assert inside("udp().sendto(b'x', ('127.0.0.1', 8005))") == 1
    assert inside("receiver.recvfrom(9)[1][0]") == "10.99.0.2"
    assert inside("r6 = bound(udp(V6), '::1', 8005); udp(V6).sendto(b'x', ('::1', 8005))") == 1
    assert inside("r6.recvfrom(9)[1][0]") == "fd99::2"
    assert host("receiver.recv(9)") == "no answer"


FROM = "socket.IPPROTO_IP, 8, struct.pack('i4s4s', 0, socket.inet_aton('{}'), bytes(4))"
FROM6 = "socket.IPPROTO_IPV6, 50, struct.pack('16si', socket.inet_pton(V6, '{}'), 0)"


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize(
    ("family", "message", "own", "foreign", "destination"),
    [
        ("V4", FROM, "10.99.0.3", "10.99.0.1", "10.99.0.9"),
        ("V6", FROM6, "fd99::1", "fd99::3", "fd99::9"),
    ],
)
def test_a_source_that_the_sender_names_must_be_of_the_jail(
    jail: Jail,
    peer: Agent,
    connected: bool,
    family: str,
    message: str,
    own: str,
    foreign: str,
    destination: str,
):
    inside = jail(BOTH)
    peer(f"r = bound(udp({family}), '{'::' if family == 'V6' else '0.0.0.0'}', 7006)")
    inside(f"s = udp({family}); where = ('{destination}', 7006)")
    if connected:
        inside("s.connect(where); where = None")
    send = "s.sendmsg([b'x'], [({})], 0, *([where] if where else []))"
    assert inside(send.format(message.format(own))) == 1
    assert peer("r.recvfrom(9)[1][0]") == own
    assert inside(send.format(message.format(foreign))) == "EADDRNOTAVAIL"


def test_a_socket_that_got_its_port_by_sending_cannot_leave_from_a_foreign_address(
    jail: Jail, peer: Agent
):
    inside = jail(BOTH)
    peer("receiver = bound(udp(), '0.0.0.0', 7007); receiver.settimeout(0.3)")
    inside("s = udp(); s.sendto(b'x', ('10.99.0.9', 9)); s.connect(('10.99.0.9', 7007))")
    assert inside("s.getsockname()[0]") == "10.99.0.1"
    assert inside("s.send(b'x')") == "EPERM"
    assert peer("receiver.recv(9)") == "no answer"


def test_a_socket_that_got_its_port_by_sending_hears_nothing_for_other_addresses(
    jail: Jail, peer: Agent
):
    inside = jail(BOTH)
    port = inside("s = udp(); s.sendto(b'x', ('10.99.0.9', 9)); s.getsockname()[1]")
    peer(f"s = udp(); s.sendto(b'foreign', ('10.99.0.1', {port}))")
    peer(f"s.sendto(b'own', ('10.99.0.3', {port}))")
    assert inside("s.recv(9)") == b"own"


# -- families and kinds ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "v4", "v6"),
    [
        (only("10.99.0.2"), None, "EPROTONOSUPPORT"),
        (only("fd99::2"), "EPROTONOSUPPORT", None),
        (only(), "EPROTONOSUPPORT", "EPROTONOSUPPORT"),
        (Policy(ip4=FamilyPolicy(mode=Mode.DISABLE)), "EPROTONOSUPPORT", None),
    ],
)
def test_a_family_without_addresses_has_no_sockets(
    jail: Jail, policy: Policy, v4: str | None, v6: str | None
):
    inside = jail(policy)
    for make in ("tcp", "udp"):
        assert inside(f"{make}(V4)") == v4
        assert inside(f"{make}(V6)") == v6


def test_ipv6_sockets_are_no_way_to_an_ipv4_that_is_disabled(jail: Jail, peer: Agent):
    inside = jail(only("fd99::2"))
    peer("listener = listening(tcp(), '0.0.0.0', 7008)")
    assert inside("connected(tcp(V6), '::ffff:10.99.0.9', 7008)") == "EAFNOSUPPORT"
    assert inside("bound(tcp(V6), '::ffff:10.99.0.1')") == "EAFNOSUPPORT"
    assert inside("udp(V6).sendto(b'x', ('::ffff:10.99.0.9', 7008))") == "EAFNOSUPPORT"


def test_ipv6_of_the_host_is_no_way_to_ipv4_addresses_that_are_not_the_jails(
    jail: Jail, peer: Agent
):
    mixed = Policy(ip4=BOTH.ip4, ip6=FREE)
    inside = jail(mixed)
    inside("listener = listening(tcp(V6), '::', 8006)")
    assert peer("connected(tcp(V6), 'fd99::3', 8006).getpeername()[0]") == "fd99::3"
    assert peer("connected(tcp(), '10.99.0.3', 8006).getpeername()[0]") == "10.99.0.3"
    assert peer("connected(tcp(), '10.99.0.1', 8006)") == "no answer"


def test_ipv4_with_only_a_restricted_ipv6_is_free(jail: Jail):
    inside = jail(Policy(ip4=FREE, ip6=BOTH.ip6))
    assert inside("bound(tcp(), '10.99.0.1').getsockname()[0]") == "10.99.0.1"
    assert inside("bound(tcp(V6), '::ffff:10.99.0.1').getsockname()[0]") == "::ffff:10.99.0.1"
    assert inside("bound(tcp(V6), 'fd99::3')") == "EADDRNOTAVAIL"


def test_inherit_restricts_nothing_and_takes_back_what_was(jail: Jail, cgroup: Path):
    inside = jail(BOTH)
    assert inside("bound(tcp(), '10.99.0.1')") == "EADDRNOTAVAIL"
    restrict(cgroup, Policy())
    assert inside("bound(tcp(), '0.0.0.0').getsockname()[0]") == "0.0.0.0"
    assert inside("bound(tcp(), '10.99.0.1').getsockname()[0]") == "10.99.0.1"
    assert inside("bound(udp(V6), '::1').getsockname()[0]") == "::1"
    assert inside("socket.socket(V4, socket.SOCK_RAW, 1)") is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("V4, socket.SOCK_RAW, socket.IPPROTO_ICMP", "EACCES"),
        ("V6, socket.SOCK_RAW, socket.IPPROTO_UDP", "EACCES"),
        ("V4, socket.SOCK_STREAM, 262", "EPROTONOSUPPORT"),  # MPTCP
    ],
)
def test_without_raw_sockets_there_are_those_of_tcp_and_udp(jail: Jail, kind: str, error: str):
    assert jail(BOTH)(f"socket.socket({kind})") == error


def test_with_raw_sockets_they_may_do_all(jail: Jail, peer: Agent):
    inside = jail(only("10.99.0.2", "fd99::2", allows_raw=True))
    peer("raw = socket.socket(V4, socket.SOCK_RAW, 253)")
    inside("raw = socket.socket(V4, socket.SOCK_RAW, 253); raw.bind(('10.99.0.1', 0))")
    assert inside("raw.sendto(b'x', ('10.99.0.9', 0))") == 1
    assert peer("raw.recvfrom(99)[1][0]") == "10.99.0.1"
    peer("raw.sendto(b'answer', ('10.99.0.1', 0))")
    assert inside("raw.recv(99)[20:]") == b"answer"
    assert inside("bound(tcp(), '10.99.0.1')") == "EADDRNOTAVAIL"
    assert inside("s = udp(); s.sendto(b'x', ('10.99.0.9', 9)); s.connect(('10.99.0.9', 9))") is (
        None
    )
    assert inside("s.send(b'x')") == "EPERM"


def test_packet_sockets_are_not_concerned(jail: Jail):
    inside = jail(only("10.99.0.2"))
    inside("s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0003); s.bind(('h0', 0))")
    assert inside("s.send(b'\\xff' * 12 + b'\\x88\\xb5' + bytes(46))") == 60


def test_cgroups_below_obey_too(jail: Jail, cgroup: Path, places: tuple[str, str]):
    jail(only("10.99.0.2"))
    below = cgroup / "below"
    below.mkdir()
    agent = Agent(places[0], below)
    try:
        told = agent("bound(tcp(), '10.99.0.1')")
        restrict(cgroup, only("10.99.0.3"))
        again = agent("bound(tcp(), '0.0.0.0').getsockname()[0]")
    finally:
        agent.close()
        below.rmdir()
    assert (told, again) == ("EADDRNOTAVAIL", "10.99.0.3")


# -- changes -----------------------------------------------------------------------------------


def test_a_list_is_replaced_while_processes_run(jail: Jail, cgroup: Path, peer: Agent):
    inside = jail(only("10.99.0.2"))
    peer("receiver = bound(udp(), '0.0.0.0', 7009); receiver.settimeout(0.5)")
    inside("old = bound(udp(), '10.99.0.2'); where = ('10.99.0.9', 7009)")
    restrict(cgroup, only("10.99.0.3", "10.99.0.2"))
    assert inside("old.sendto(b'x', where)") == 1
    assert peer("receiver.recvfrom(9)[1][0]") == "10.99.0.2"
    assert inside("bound(tcp(), '0.0.0.0').getsockname()[0]") == "10.99.0.3"
    restrict(cgroup, only("10.99.0.3"))
    assert inside("old.sendto(b'x', where)") == "EADDRNOTAVAIL"
    assert peer("receiver.recvfrom(9)") == "no answer"
    assert inside("bound(tcp(), '10.99.0.2')") == "EADDRNOTAVAIL"
    restrict(cgroup, only("fd99::1"))
    assert inside("bound(udp(), '10.99.0.3')") == "EPROTONOSUPPORT"


def test_a_connection_from_an_address_that_was_taken_away_goes_silent(
    jail: Jail, cgroup: Path, peer: Agent
):
    inside = jail(BOTH)
    peer("listener = listening(tcp(), '0.0.0.0', 7010)")
    inside("s = connected(tcp(), '10.99.0.9', 7010)")
    peer("other = listener.accept()[0]")
    inside("s.send(b'before')")
    assert peer("other.recv(9)") == b"before"
    restrict(cgroup, only("10.99.0.3"))
    inside("s.send(b'after')")
    peer("other.settimeout(0.5)")
    assert peer("other.recv(9)") == "no answer"


def test_255_addresses_of_each_family_are_all_known(jail: Jail):
    v4 = [f"10.98.{n % 7}.{n}" for n in range(1, 256)]
    v6 = [f"fd98:{n % 5 + 1}::{n:x}" for n in range(1, 256)]
    inside = jail(only(*v4, *v6))
    # The host has none of them: IP_FREEBIND.
    inside("def free(make):\n    s = make; s.setsockopt(socket.SOL_IP, 15, 1); return s")
    told = inside(
        "found = []\n"
        f"for address in {v4!r}:\n"
        "    found.append(bound(free(udp()), address).getsockname()[0])\n"
        f"tuple(found) == tuple({v4!r})"
    )
    assert told == 1
    told = inside(
        "found = []\n"
        f"for address in {v6!r}:\n"
        "    found.append(bound(free(udp(V6)), address).getsockname()[0])\n"
        f"tuple(found) == tuple({v6!r})"
    )
    assert told == 1
    assert inside("bound(free(udp()), '10.98.0.0')") == "EADDRNOTAVAIL"
    assert inside("bound(free(udp(V6)), 'fd98:1::2')") == "EADDRNOTAVAIL"


def test_where_errors_cannot_be_chosen_all_are_a_lack_of_permission(jail: Jail, cgroup: Path):
    inside = jail(Policy())
    with ExitStack() as stack:
        for program in programs(only("10.99.0.2"), with_errors=False):
            loaded = bpf.load(program)
            stack.callback(os.close, loaded)
            directory = os.open(cgroup, os.O_RDONLY)
            stack.callback(os.close, directory)
            bpf.attach(directory, program.hook, loaded)
    assert inside("bound(tcp(), '10.99.0.1')") == "EPERM"
    assert inside("bound(tcp(), '0.0.0.0').getsockname()[0]") == "10.99.0.2"
    assert inside("tcp(V6)") == "EPERM"
    restrict(cgroup, only("10.99.0.3"))
    assert inside("bound(tcp(), '0.0.0.0').getsockname()[0]") == "10.99.0.3"


def test_a_program_that_the_kernel_does_not_believe_in_is_told_with_its_reason():
    need()
    code = assemble([load(Size.WORD, Register.R0, Register.R9, 0), leave()])
    with pytest.raises(OSError, match="R9 !read_ok"):
        bpf.load(bpf.Program(hook=bpf.Hook.BIND4, name="wrong", code=code))


def test_what_is_no_cgroup_is_told_with_a_remedy(tmp_path: Path):
    need()
    with pytest.raises(PlatformError, match=r"restricting a jail.*carpio\.unrestricted"):
        restrict(tmp_path, BOTH)
    with pytest.raises(PlatformError, match="No such file"):
        restrict(tmp_path / "gone", BOTH)
