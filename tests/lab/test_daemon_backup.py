"""The address as a service address: usable before and after takeover, mute while BACKUP."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.helpers import lab as frames
from tests.helpers.daemon_lab import (
    QUICK,
    VIP4,
    VIP6,
    VMAC,
    Ear,
    Node,
    asks_arp,
    bound,
    claims_in,
    config,
    eventually,
    group,
    need_lab,
    pings,
    serves,
    start,
    throw,
)

from carpio.lab.sighting import Kind
from carpio.lab.topology import Host, Lab
from carpio.wire.ipv6 import pseudo_checksum

pytestmark = pytest.mark.lab

ROUTER = {4: "10.77.0.254", 6: "2001:db8:77::fe"}
SERVICES = pytest.mark.parametrize(("vip", "port"), [(VIP4, 7001), (VIP6, 7002)])


@dataclass(frozen=True, slots=True)
class Pair:
    lab: Lab
    master: Node
    backup: Node


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """`a` is MASTER and `b` is BACKUP, both by election."""
    need_lab("nft")
    with Lab(sysctls=QUICK, out=tmp_path_factory.mktemp("backup")) as lab:
        master = start(lab["a"])
        backup = start(lab["b"], config(group(advskew=100)))
        master.wait_for("MASTER")
        eventually(lambda: backup.status().last_advert is not None, what="the BACKUP hears")
        assert backup.is_in("BACKUP")
        yield Pair(lab, master, backup)


def router_address(vip: str) -> str:
    return ROUTER[6 if ":" in vip else 4]


def speak_for_the_address(host: Host) -> None:
    """Try every way in which a host could speak for the addresses, but an advertisement."""
    nic = host.mac
    for vip in (VIP4, VIP6):
        with bound(host, vip) as sender:
            for _ in range(3):
                sender.sendto(b"from a BACKUP", (router_address(vip), 9))
                time.sleep(0.05)  # the neighbour may have to be found first
        pings(host, router_address(vip), source=vip, timeout_s=0.1)
    throw(
        host,
        *(frames.arp(mac=mac, source=mac, operation=op) for mac in (nic, VMAC) for op in (1, 2)),
        *(frames.arp(mac=mac, source=mac, target=frames.VIP) for mac in (nic, VMAC)),
        frames.arp(source=nic),
        *(frames.na(source=mac, tlla=mac) for mac in (nic, VMAC)),
        *(frames.ns(frames.VIP6, bytes(16), source=mac, slla=mac) for mac in (nic, VMAC)),
        *(frames.ns(bytes(16), frames.VIP6, source=mac) for mac in (nic, VMAC)),
        *(frames.ipv4(17, frames.VIP, bytes(8), source=mac) for mac in (nic, VMAC)),
    )


@SERVICES
def test_backup_host_reaches_the_service_of_the_master_over_the_wire(
    pair: Pair, vip: str, port: int
) -> None:
    own = str(pair.backup.host.addresses[1 if ":" in vip else 0].ip)
    with (
        bound(pair.master.host, vip, port) as server,
        bound(pair.backup.host, own) as client,
        Ear(pair.lab, pair.backup.host) as ear,
    ):
        assert serves(server, client)
        asked = [frame for frame in ear.take() if b"question" in frame]
    assert asked
    assert {frame[:6] for frame in asked} == {VMAC}


@SERVICES
def test_backup_host_without_a_chosen_source_reaches_the_master_too(
    pair: Pair, vip: str, port: int
) -> None:
    anywhere = "::" if ":" in vip else "0.0.0.0"
    with bound(pair.master.host, vip, port) as server, bound(pair.backup.host, anywhere) as client:
        assert serves(server, client)


@SERVICES
def test_master_host_reaches_its_own_service_without_the_wire(
    pair: Pair, vip: str, port: int
) -> None:
    anywhere = "::" if ":" in vip else "0.0.0.0"
    with (
        bound(pair.master.host, vip, port) as server,
        bound(pair.master.host, anywhere) as client,
        Ear(pair.lab, pair.master.host) as ear,
    ):
        assert serves(server, client)
        assert not [frame for frame in ear.take() if b"question" in frame]


@SERVICES
def test_question_from_the_master_s_address_reaches_the_backup_host(
    pair: Pair, vip: str, port: int
) -> None:
    own = str(pair.backup.host.addresses[1 if ":" in vip else 0].ip)
    with bound(pair.backup.host, own, port) as server, bound(pair.master.host, vip) as client:
        assert serves(server, client)


def detect_duplicates(lab: Lab) -> None:
    """Ask from the router, as a host would that is about to take the IPv6 address."""
    probe = frames.ns(bytes(16), frames.VIP6, source=lab.router.mac)
    group = bytes.fromhex("ff0200000000000000000001ff") + frames.VIP6[-3:]
    checksum = pseudo_checksum(probe[22:38], group, 58, probe[54:]).to_bytes(2, "big")
    ethernet = b"\x33\x33" + group[-4:] + probe[6:14]
    throw(lab.router, ethernet + probe[14:38] + group + probe[54:56] + checksum + probe[58:])


def test_r098_dad_probe_is_answered_by_the_master_alone(pair: Pair) -> None:
    time.sleep(1.6)  # an announcement that follows a takeover must not be taken for an answer
    with Ear(pair.lab, pair.master.host) as master, Ear(pair.lab, pair.backup.host) as backup:
        master.take(0.2)
        backup.take(0)
        detect_duplicates(pair.lab)
        answers = [claim for claim in claims_in(master.take()) if claim.kind is Kind.NA]
        silence = claims_in(backup.take())
    assert answers, "the MASTER defends its address"
    assert {claim.ethernet_source for claim in answers} == {VMAC}
    assert {claim.payload_mac for claim in answers} == {VMAC}
    assert silence == []


def test_r096_backup_answers_for_its_own_address_with_its_own_mac(pair: Pair) -> None:
    host = pair.backup.host
    (own4,) = [a.ip for a in host.addresses if a.version == 4]
    with Ear(pair.lab, host) as ear:
        asks_arp(pair.lab.router, str(own4))
        answers = claims_in(ear.take(), frozenset([own4.packed]))
    replies = [claim for claim in answers if claim.kind is Kind.ARP_REPLY]
    assert replies
    assert {(c.ethernet_source, c.payload_mac) for c in replies} == {(host.mac, host.mac)}


def test_backup_answers_nothing_and_sends_nothing_until_its_guard_is_removed(pair: Pair) -> None:
    backup = pair.backup
    with Ear(pair.lab, backup.host) as ear:
        asks_arp(pair.lab.router, VIP4)
        speak_for_the_address(backup.host)
        assert claims_in(ear.take()) == []

        backup.daemon.kill9()
        speak_for_the_address(backup.host)
        assert claims_in(ear.take()) == [], "the guard outlives its daemon"

        backup.host.run("nft", "delete", "table", "netdev", "carpio")
        speak_for_the_address(backup.host)
        seen = claims_in(ear.take())
    assert {claim.kind for claim in seen} == set(Kind)
    assert {claim.ethernet_source for claim in seen} == {VMAC, backup.host.mac}
    assert {len(claim.address) for claim in seen if claim.kind is Kind.TRAFFIC} == {4, 16}


def test_services_bound_on_the_backup_serve_at_once_after_takeover(pair: Pair) -> None:
    lab = pair.lab
    pair.backup.daemon.kill9()  # unless the test before has done so
    backup = start(lab["b"], config(group(advskew=100))).wait_for("BACKUP")
    with ExitStack() as stack:
        udp = {
            vip: (
                stack.enter_context(bound(backup.host, vip, 7001)),
                stack.enter_context(bound(lab.router, router_address(vip))),
            )
            for vip in (VIP4, VIP6)
        }
        listeners = [
            stack.enter_context(bound(backup.host, vip, 7003, socket.SOCK_STREAM))
            for vip in (VIP4, VIP6)
        ]
        for listener in listeners:
            listener.listen()
        for server, client in udp.values():
            assert not serves(server, client, timeout_s=0.2), "a BACKUP does not serve"

        pair.master.host.crash()
        backup.wait_for("MASTER")
        began = time.monotonic()
        assert all(serves(server, client) for server, client in udp.values())
        for vip, listener in zip((VIP4, VIP6), listeners, strict=True):
            with bound(lab.router, router_address(vip), kind=socket.SOCK_STREAM) as caller:
                caller.connect((vip, 7003))
                listener.accept()[0].close()
        assert time.monotonic() - began < 1.0
