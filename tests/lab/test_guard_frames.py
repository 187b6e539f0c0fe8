"""Each rule of the guard on a real cable: what must not pass does not, and would without it."""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from tests.helpers.guard_lab import (
    BROADCAST,
    OTHER_VIP4,
    OTHER_VMAC,
    PARENT4,
    PARENT6,
    PARENT_MAC,
    PEER4,
    PEER6,
    PEER_MAC,
    VIP4,
    VIP6,
    VMAC,
    GuardLab,
    arp,
    eventually,
    group,
    guard_lab,
    ip4,
    ip6,
    na,
    ns,
    rival,
    tagged,
)

from carpio.runtime.guard import Gate, Guard

pytestmark = pytest.mark.lab

THIEF = bytes.fromhex("0200000000ee")
GATE = Gate("p0", VMAC, 60_000)
GROUPS = (group(), group(mac=OTHER_VMAC, addresses=(OTHER_VIP4, "fe80::1")))
ARP, IP4, IP6 = 0x0806, 0x0800, 0x86DD


@pytest.fixture(scope="module")
def lab() -> Iterator[GuardLab]:
    with guard_lab() as made:
        yield made


@pytest.fixture
def guard(lab: GuardLab) -> Iterator[Guard]:
    made = lab.guard()
    made.claim()
    made.install(GROUPS, bystanders=["q0"])
    yield made
    made.remove()


def garp(mac: bytes, address: str = VIP4, ether: bytes | None = None) -> bytes:
    return arp(ether=ether or mac, sender_mac=mac, sender=address, target=address)


LIES = {
    "gratuitous ARP with the NIC's MAC": garp(PARENT_MAC),
    "ARP reply with the NIC's MAC": arp(
        ether=PARENT_MAC,
        sender_mac=PARENT_MAC,
        sender=VIP4,
        target=PEER4,
        operation=2,
        to=PEER_MAC,
    ),
    "ARP request sent from the address with the NIC's MAC": arp(
        ether=PARENT_MAC, sender_mac=PARENT_MAC, sender=VIP4, target=PEER4
    ),
    "ARP with the virtual MAC inside the NIC's frame": garp(VMAC, ether=PARENT_MAC),
    "ARP with the NIC's MAC inside the virtual MAC's frame": garp(PARENT_MAC, ether=VMAC),
    "ARP of another group's address": garp(VMAC, OTHER_VIP4),
    "ARP of the NIC's address with the virtual MAC": garp(VMAC, PARENT4),
    "ARP of the NIC's address inside the virtual MAC's frame": garp(
        PARENT_MAC, PARENT4, ether=VMAC
    ),
    "ARP of the NIC's address with the virtual MAC inside the NIC's frame": garp(
        VMAC, PARENT4, ether=PARENT_MAC
    ),
    "NA with the NIC's MAC": na(ether=PARENT_MAC, target=VIP6, option=PARENT_MAC),
    "NA without option with the NIC's MAC": na(ether=PARENT_MAC, target=VIP6),
    "NA from another source with the NIC's MAC": na(ether=PARENT_MAC, target=VIP6, source=PARENT6),
    "NA with the NIC's MAC as option": na(ether=VMAC, target=VIP6, option=PARENT_MAC),
    "NA for the NIC's address from the virtual MAC": na(
        ether=VMAC, source=VIP6, target=PARENT6, option=VMAC
    ),
    "NA without option for the NIC's address from the virtual MAC": na(
        ether=VMAC, source=VIP6, target=PARENT6
    ),
    "NA for the NIC's address with the virtual MAC as option": na(
        ether=PARENT_MAC, target=PARENT6, option=VMAC
    ),
    "NA for a link-local address of the group": na(ether=PARENT_MAC, target="fe80::1"),
    "NS sent from the address with the NIC's MAC": ns(
        ether=PARENT_MAC, source=VIP6, target=PEER6, option=PARENT_MAC
    ),
    "NS without option sent from the address with the NIC's MAC": ns(
        ether=PARENT_MAC, source=VIP6, target=PEER6
    ),
    "NS with the NIC's MAC as option": ns(ether=VMAC, source=VIP6, target=PEER6, option=PARENT_MAC),
    "NS of the NIC's address with the virtual MAC as option": ns(
        ether=PARENT_MAC, source=PARENT6, target=PEER6, option=VMAC
    ),
    "NS of the NIC's address from the virtual MAC": ns(ether=VMAC, source=PARENT6, target=PEER6),
    "duplicate address detection by the NIC": ns(ether=PARENT_MAC, source="::", target=VIP6),
    "duplicate address detection of a stranger's address by the virtual MAC": ns(
        ether=VMAC, source="::", target="fd77::dead"
    ),
}

TRUTHS = {
    "gratuitous ARP": garp(VMAC),
    "ARP request from the address": arp(ether=VMAC, sender_mac=VMAC, sender=VIP4, target=PEER4),
    "NA": na(ether=VMAC, target=VIP6, option=VMAC),
    "NA without option": na(ether=VMAC, target=VIP6),
    "NS from the address": ns(ether=VMAC, source=VIP6, target=PEER6, option=VMAC),
    "duplicate address detection by the virtual MAC": ns(ether=VMAC, source="::", target=VIP6),
    "advert": ip4(ether=VMAC, source=PARENT4, destination="224.0.0.18", protocol=112),
    "advert from the address": ip4(ether=VMAC, source=VIP4, destination="224.0.0.18", protocol=112),
    "IPv6 advert": ip6(ether=VMAC, source="fe80::2", destination="ff02::12", protocol=112),
    "forwarded IPv4": ip4(ether=VMAC, source="192.0.2.7"),
    "forwarded IPv6": ip6(ether=VMAC, source="2001:db8::7"),
}

INNOCENT = {
    "ARP of the NIC": garp(PARENT_MAC, PARENT4),
    "ARP request of the NIC for the address": arp(
        ether=PARENT_MAC, sender_mac=PARENT_MAC, sender=PARENT4, target=VIP4
    ),
    "NA of the NIC": na(ether=PARENT_MAC, target=PARENT6, option=PARENT_MAC),
    "NS of the NIC for the address": ns(
        ether=PARENT_MAC, source=PARENT6, target=VIP6, option=PARENT_MAC
    ),
    "duplicate address detection of the NIC's address": ns(
        ether=PARENT_MAC, source="::", target=PARENT6
    ),
    "IPv4 of the NIC": ip4(ether=PARENT_MAC, source=PARENT4),
    "IPv6 of the NIC": ip6(ether=PARENT_MAC, source=PARENT6),
    "another virtual router's MAC": ip4(ether=bytes.fromhex("00005e000163"), source="192.0.2.8"),
    "bow-out": ip4(ether=PARENT_MAC, source=PARENT4, destination="224.0.0.18", protocol=112),
    "bow-out from the address": ip4(
        ether=PARENT_MAC, source=VIP4, destination="224.0.0.18", protocol=112
    ),
    "bow-out from 0.0.0.0": ip4(
        ether=PARENT_MAC, source="0.0.0.0", destination="224.0.0.18", protocol=112
    ),
    "IPv6 bow-out from the address": ip6(
        ether=PARENT_MAC, source=VIP6, destination="ff02::12", protocol=112
    ),
}


@pytest.mark.parametrize("frame", LIES.values(), ids=LIES.keys())
def test_a_lie_does_not_leave_even_while_master(lab: GuardLab, guard: Guard, frame: bytes) -> None:
    guard.open([GATE])
    assert lab.leaving(frame) == []
    guard.remove()
    assert lab.leaving(frame) == [frame]


@pytest.mark.parametrize("frame", TRUTHS.values(), ids=TRUTHS.keys())
def test_the_virtual_mac_speaks_only_while_its_gate_is_open(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    assert lab.leaving(frame) == []
    guard.open([GATE])
    assert lab.leaving(frame) == [frame]
    guard.close([("p0", VMAC)])
    assert lab.leaving(frame) == []
    guard.remove()
    assert lab.leaving(frame) == [frame]


@pytest.mark.parametrize("frame", INNOCENT.values(), ids=INNOCENT.keys())
def test_what_claims_nothing_passes_unchanged_with_gate_open_or_closed(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    assert lab.leaving(frame) == [frame]
    guard.open([GATE])
    assert lab.leaving(frame) == [frame]


@pytest.mark.parametrize(
    "frame",
    [
        ip4(ether=PARENT_MAC, source=VIP4),
        ip4(ether=PARENT_MAC, source=VIP4, destination="224.0.0.251"),
        ip4(ether=OTHER_VMAC, source=VIP4),
        ip6(ether=PARENT_MAC, source=VIP6),
        ip6(ether=PARENT_MAC, source=VIP6, protocol=58, payload=b"\x80" + bytes(19)),
    ],
    ids=["IPv4", "IPv4 multicast", "IPv4 by another group", "IPv6", "ping"],
)
def test_traffic_from_the_address_is_given_the_virtual_mac_or_dropped(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    guard.open([Gate("p0", OTHER_VMAC, 60_000)])
    assert lab.leaving(frame) == []
    guard.open([GATE])
    assert lab.leaving(frame) == [frame[:6] + VMAC + frame[12:]]
    guard.remove()
    assert lab.leaving(frame) == [frame]


@pytest.mark.parametrize(
    "frame",
    [
        garp(PARENT_MAC),
        na(ether=PARENT_MAC, target=VIP6, option=PARENT_MAC),
        na(ether=PARENT_MAC, target=VIP6, source=PARENT6),
        ns(ether=PARENT_MAC, source="::", target=VIP6),
        ns(ether=PARENT_MAC, source=VIP6, target="fd78::2"),
    ],
    ids=["ARP", "NA", "NA from another source", "DAD", "NS"],
)
def test_a_device_that_is_no_parent_claims_none_of_our_addresses(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    guard.open([GATE])
    assert lab.leaving(frame, device="q0") == []
    guard.remove()
    assert lab.leaving(frame, device="q0") == [frame]


@pytest.mark.parametrize(
    "frame",
    [
        ip4(ether=PARENT_MAC, source=VIP4),
        ip6(ether=PARENT_MAC, source=VIP6),
        garp(PARENT_MAC, "10.78.0.1"),
        na(ether=PARENT_MAC, target="fe80::1"),
    ],
    ids=["IPv4 from the address", "IPv6 from the address", "own ARP", "own link-local address"],
)
def test_a_device_that_is_no_parent_is_free_to_do_the_rest(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    assert lab.leaving(frame, device="q0") == [frame]


def test_frames_of_a_vlan_are_left_to_the_guard_of_the_vlan(lab: GuardLab, guard: Guard) -> None:
    leaving, lie = garp(VMAC), garp(PARENT_MAC)
    arriving = ip4(ether=PEER_MAC, source=PEER4, destination=VIP4, to=VMAC)
    # the receiver takes the tag off
    assert lab.leaving(tagged(leaving)) == [leaving]
    assert lab.leaving(tagged(lie), device="q0") == [lie]
    assert lab.arriving(tagged(arriving), protocol=IP4) == [arriving]


def test_two_parents_with_the_same_virtual_mac_have_a_gate_and_addresses_each(
    lab: GuardLab, guard: Guard
) -> None:
    guard.install([group(addresses=(VIP4,)), group("q0", addresses=("10.78.0.100",))])
    guard.open([Gate("q0", VMAC, 60_000)])
    assert lab.leaving(garp(VMAC)) == []
    assert lab.leaving(garp(VMAC, "10.78.0.100"), device="q0") == [garp(VMAC, "10.78.0.100")]
    assert lab.leaving(garp(VMAC), device="q0") == []
    stray = ip4(ether=PARENT_MAC, source=VIP4)
    assert lab.leaving(stray, device="q0") == [stray]


def test_frames_to_the_virtual_mac_arrive_only_while_its_gate_is_open(
    lab: GuardLab, guard: Guard
) -> None:
    frame = ip4(ether=PEER_MAC, source=PEER4, destination=VIP4, to=VMAC)
    assert lab.arriving(frame, protocol=IP4) == []
    guard.open([GATE])
    assert lab.arriving(frame, protocol=IP4) == [frame]
    guard.close([("p0", VMAC)])
    assert lab.arriving(frame, protocol=IP4) == []
    guard.remove()
    assert lab.arriving(frame, protocol=IP4) == [frame]


# -- a rival advertises from a virtual MAC -----------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
def test_a_virtual_mac_is_silent_from_the_advert_of_a_rival_until_he_is_dismissed(
    lab: GuardLab, guard: Guard, family: int
) -> None:
    claims = [frame for frame in TRUTHS.values() if frame[:1] == b"\xff"]
    stray = ip4(ether=PARENT_MAC, source=VIP4)
    asked = ip4(ether=PEER_MAC, source=PEER4, destination=VIP4, to=VMAC)
    own_adverts = [rival(family=4), rival(family=6)]
    guard.open([GATE, Gate("p0", OTHER_VMAC, 60_000)])
    assert lab.leaving(*claims) == claims
    lab.arriving(rival(family=family), protocol=IP4 if family == 4 else IP6)
    assert guard.contested() == {("p0", VMAC)}
    assert lab.leaving(*claims, stray) == []
    assert lab.arriving(asked, protocol=IP4) == []
    assert lab.leaving(*own_adverts) == own_adverts, "they tell the rival that he is wrong"
    other = garp(OTHER_VMAC, OTHER_VIP4)
    assert lab.leaving(other) == [other]
    guard.dismiss([("p0", VMAC), ("p0", OTHER_VMAC)])
    assert guard.contested() == set()
    assert lab.leaving(*claims, stray) == [*claims, stray[:6] + VMAC + stray[12:]]
    assert lab.arriving(asked, protocol=IP4) == [asked]


@pytest.mark.parametrize(
    "frame",
    [
        ip4(ether=PEER_MAC, source=PEER4, destination="224.0.0.18", protocol=112, to=BROADCAST),
        rival(PEER_MAC),
        rival(OTHER_VMAC),
        ip4(ether=VMAC, source=PEER4, destination="224.0.0.18", protocol=112),
        ip4(ether=VMAC, source=PEER4, to=rival()[:6]),
        garp(VMAC),
        tagged(rival()),
    ],
    ids=["bow-out", "NIC", "another group", "not to the group", "no advert", "ARP", "VLAN"],
)
def test_what_is_no_advert_from_an_open_virtual_mac_silences_nobody(
    lab: GuardLab, guard: Guard, frame: bytes
) -> None:
    guard.open([GATE])
    lab.arriving(frame, protocol=IP4)
    assert guard.contested() == set()
    lab.arriving(rival(), protocol=IP4)
    assert guard.contested() == {("p0", VMAC)}, "nothing would be"


def test_a_gate_opens_uncontested(lab: GuardLab, guard: Guard) -> None:
    lab.arriving(rival(), protocol=IP4)
    assert guard.contested() == set(), "behind a closed gate there is nothing to silence"
    guard.open([GATE])
    lab.arriving(rival(), protocol=IP4)
    assert guard.contested() == {("p0", VMAC)}
    guard.refresh([GATE])
    assert guard.contested() == {("p0", VMAC)}, "winding is no judgement"
    guard.open([GATE])
    assert guard.contested() == set()


def test_a_flood_of_adverts_does_not_silence_for_ever(lab: GuardLab, guard: Guard) -> None:
    guard.open([GATE])
    began = time.monotonic()
    contests = 0
    for _ in range(1500):
        lab.arriving(rival(), protocol=IP4)
        if guard.contested():
            contests += 1
            guard.dismiss([("p0", VMAC)])
    assert 600 <= contests <= 600 + 100 * (time.monotonic() - began) + 1


@pytest.mark.parametrize("mac", [VMAC, THIEF], ids=["MASTER", "thief"])
def test_announcements_of_our_addresses_by_others_do_not_arrive(
    lab: GuardLab, guard: Guard, mac: bytes
) -> None:
    neighbour = na(ether=mac, target=VIP6, option=mac)
    assert lab.arriving(garp(mac), protocol=ARP) == []
    assert lab.arriving(neighbour, protocol=IP6) == []
    guard.open([GATE])
    assert lab.arriving(garp(mac), protocol=ARP) == []
    assert lab.arriving(neighbour, protocol=IP6) == []
    guard.remove()
    assert lab.arriving(garp(mac), protocol=ARP) == [garp(mac)]
    assert lab.arriving(neighbour, protocol=IP6) == [neighbour]


def test_a_backup_hears_the_masters_questions_and_answers(lab: GuardLab, guard: Guard) -> None:
    question = arp(ether=VMAC, sender_mac=VMAC, sender=VIP4, target=PARENT4)
    answer = arp(
        ether=VMAC, sender_mac=VMAC, sender=VIP4, target=PARENT4, operation=2, to=PARENT_MAC
    )
    assert lab.arriving(question, answer, protocol=ARP) == [question, answer]
    solicited = na(
        ether=VMAC, target=VIP6, solicited=True, destination=PARENT6, to=PARENT_MAC, option=VMAC
    )
    asked = ns(ether=VMAC, source=VIP6, target=PARENT6, option=VMAC)
    probe = ns(ether=THIEF, source="::", target=VIP6)
    assert lab.arriving(solicited, asked, probe, protocol=IP6) == [solicited, asked, probe]


def test_an_ipv6_announcement_cannot_change_what_a_backup_host_knows(
    lab: GuardLab, guard: Guard
) -> None:
    def known() -> str:
        return lab.ip("-6", "neigh", "show", "to", VIP6, "dev", "p0")

    lab.ip("-6", "neigh", "replace", VIP6, "lladdr", VMAC.hex(":"), "nud", "reachable", "dev", "p0")
    lab.arriving(na(ether=THIEF, target=VIP6, option=THIEF), protocol=IP6)
    assert VMAC.hex(":") in known()
    guard.remove()
    lab.arriving(na(ether=THIEF, target=VIP6, option=THIEF), protocol=IP6)
    assert eventually(lambda: THIEF.hex(":") in known())
    lab.ip("-6", "neigh", "del", VIP6, "dev", "p0")


# -- the kernel itself is provoked: every setting has its default ------------------------------


@pytest.fixture
def host(lab: GuardLab) -> Iterator[GuardLab]:
    """The host, rid of what a provocation has put there."""
    yield lab
    for command in (
        ("addr", "del", f"{VIP4}/32", "dev", "p0"),
        ("addr", "del", f"{VIP4}/24", "dev", "p0"),
        ("addr", "del", f"{VIP6}/64", "dev", "p0"),
        ("link", "del", "carp1"),
        ("neigh", "flush", "all"),
    ):
        with suppress(subprocess.CalledProcessError):  # this test did not need it
            lab.ip(*command)


def claims(frames: list[bytes]) -> list[bytes]:
    """The frames that carry an address of the group as the one who speaks."""
    v4, v6 = IPv4Address(VIP4).packed, IPv6Address(VIP6).packed
    return [
        f
        for f in frames
        if (f[12:14] == b"\x08\x06" and f[28:32] == v4)
        or (f[12:14] == b"\x08\x00" and f[26:30] == v4)
        or (f[12:14] == b"\x86\xdd" and f[22:38] == v6)
        or (f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] in (135, 136) and f[62:78] == v6)
    ]


ASK4 = arp(ether=PEER_MAC, sender_mac=PEER_MAC, sender=PEER4, target=VIP4)
ASK6 = ns(ether=PEER_MAC, source=PEER6, target=VIP6, option=PEER_MAC, to=BROADCAST)


def provoke_parent_with_address(lab: GuardLab) -> list[bytes]:
    lab.ip("addr", "add", f"{VIP4}/32", "dev", "p0")
    return lab.answers(ASK4)


def provoke_parent_with_address6(lab: GuardLab) -> list[bytes]:
    lab.ip("addr", "add", f"{VIP6}/64", "dev", "p0", "nodad")
    # a work queue joins the group to which the question goes
    assert eventually(lambda: "ff02::1:ff00:100" in lab.ip("maddr", "show", "dev", "p0"))
    ask = ns(ether=PEER_MAC, source=PEER6, target=VIP6, option=PEER_MAC, to=_group_mac(VIP6))
    return lab.answers(ask)


def provoke_duplicate_address_detection(lab: GuardLab) -> list[bytes]:
    heard = lab.listen()
    lab.ip("addr", "add", f"{VIP6}/64", "dev", "p0")
    assert eventually(lambda: VIP6 not in lab.ip("-6", "addr", "show", "dev", "p0", "tentative"))
    return heard()


def provoke_child_down(lab: GuardLab) -> list[bytes]:
    lab.child()
    return lab.answers(ASK4)


def provoke_child_up(lab: GuardLab) -> list[bytes]:
    lab.child()
    lab.ip("link", "set", "carp1", "up")
    ask = ns(ether=PEER_MAC, source=PEER6, target=VIP6, option=PEER_MAC, to=_group_mac(VIP6))
    return lab.answers(ASK4, ask)


def provoke_other_device(lab: GuardLab) -> list[bytes]:
    lab.ip("addr", "add", f"{VIP4}/32", "dev", "p0")
    ask = arp(ether=PEER_MAC, sender_mac=PEER_MAC, sender="10.78.0.2", target=VIP4)
    return lab.answers(ask, device="q0")


def provoke_local_origin(lab: GuardLab) -> list[bytes]:
    lab.ip("addr", "add", f"{VIP4}/24", "dev", "p0")
    heard = lab.listen()
    with lab.in_host(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.bind((VIP4, 0))
        sender.sendto(b"hello", ("10.77.0.77", 9))
    return heard()


def provoke_announcement(lab: GuardLab) -> list[bytes]:
    lab.run("sysctl", "-qw", "net.ipv4.conf.p0.arp_notify=1")
    lab.ip("addr", "add", f"{VIP4}/32", "dev", "p0")
    heard = lab.listen()
    lab.ip("link", "set", "p0", "address", "02:00:00:00:00:03")
    lab.ip("link", "set", "p0", "address", PARENT_MAC.hex(":"))
    lab.run("sysctl", "-qw", "net.ipv4.conf.p0.arp_notify=0")
    return heard()


def _group_mac(address: str) -> bytes:
    return b"\x33\x33\xff" + IPv6Address(address).packed[-3:]


@pytest.mark.parametrize(
    "provoke",
    [
        provoke_parent_with_address,
        provoke_parent_with_address6,
        provoke_duplicate_address_detection,
        provoke_child_down,
        provoke_child_up,
        provoke_other_device,
        provoke_local_origin,
        provoke_announcement,
    ],
)
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
def test_the_kernel_claims_an_address_only_without_guard(
    host: GuardLab, guard: Guard, provoke: Callable[[GuardLab], list[bytes]], guarded: bool
) -> None:
    if not guarded:
        guard.remove()
    assert bool(claims(provoke(host))) is not guarded


def test_a_child_that_is_up_without_grant_is_silent_and_with_it_answers(
    host: GuardLab, guard: Guard
) -> None:
    host.child()
    host.run("sysctl", "-qw", "net.ipv4.conf.p0.arp_ignore=1")
    heard = host.listen()
    host.ip("link", "set", "carp1", "up")
    assert claims(host.answers(ASK4)) == []
    assert [f for f in heard() if f[6:12] == VMAC] == []
    guard.open([GATE])
    # a macvlan gets broadcasts from a work queue: its answer may come after the end
    answers = claims(host.answers(ASK4))
    assert eventually(lambda: bool(answers.extend(claims(heard())) or answers))
    assert {f[6:12] for f in answers} == {VMAC}
    host.run("sysctl", "-qw", "net.ipv4.conf.p0.arp_ignore=0")


def test_a_service_on_the_address_answers_from_the_virtual_mac(
    host: GuardLab, guard: Guard
) -> None:
    host.child()
    host.ip("link", "set", "carp1", "up")
    host.ip("neigh", "replace", PEER4, "lladdr", PEER_MAC.hex(":"), "dev", "p0")
    guard.open([GATE])
    heard = host.listen()
    with host.in_host(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.bind((VIP4, 0))
        sender.sendto(b"hello", (PEER4, 9))
    assert [f[6:12] for f in claims(heard())] == [VMAC]


def test_a_refused_send_is_reported_to_the_sender(lab: GuardLab, guard: Guard) -> None:
    def opener() -> socket.socket:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    with lab.in_host(opener) as sender:
        sender.bind(("p0", 0))
        with pytest.raises(OSError) as refusal:
            sender.send(garp(PARENT_MAC))
    assert refusal.value.errno == errno.ENOBUFS
    assert guard.counters() == {"arp_p0: ARP: our address, wrong MAC": 1}
