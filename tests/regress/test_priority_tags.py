"""A tag with a priority and no VLAN changes nothing: adverts are heard, rivals kept out."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from tests.helpers.daemon_lab import (
    VIP4,
    child_of,
    config,
    eventually,
    group,
    need_lab,
    start,
    throw,
)
from tests.helpers.lab import NIC, VIP, VMAC, arp

from carpio.lab.namespaces import socket_in
from carpio.lab.sighting import Advert, sight
from carpio.lab.topology import SHARED_ADDRESSES, Lab

pytestmark = pytest.mark.lab

PRIORITY_7 = b"\x81\x00\xe0\x00"
VLAN_5 = b"\x81\x00\x00\x05"
ETH_P_ALL = 3


def tagged(frame: bytes, tag: bytes = PRIORITY_7) -> bytes:
    return frame[:12] + tag + frame[12:]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    need_lab()
    with Lab(out=tmp_path_factory.mktemp("tags")) as lab:
        yield lab


def hear_an_advert(lab: Lab) -> bytes:
    with socket_in(lab.router.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as ears:
        ears.bind(("eth0", ETH_P_ALL))
        ears.settimeout(5)
        while True:
            frame: bytes = ears.recv(2048)
            if isinstance(sight(frame), Advert):
                return frame


def test_priority_tags_change_nothing(lab: Lab) -> None:
    only4 = SHARED_ADDRESSES[:1]
    master = start(lab["a"], config(group(addresses=only4))).become_master()
    backup = start(lab["b"], config(group(addresses=only4, advskew=100))).wait_for("BACKUP")
    advert = hear_an_advert(lab)
    master.daemon.kill9()

    def count() -> int:
        return backup.status().counters["ipackets"]

    before = count()
    throw(lab.router, tagged(advert, VLAN_5))
    assert count() == before
    throw(lab.router, tagged(advert))
    assert count() == before + 1


def test_rival_with_a_priority_tag_does_not_reach_the_stack(lab: Lab) -> None:
    host = lab["b"]
    assert child_of(host)
    truth = f"lladdr {VMAC.hex(':')}"
    host.sysctl("net/ipv4/neigh/eth0/locktime", "0")
    host.run("ip", "neigh", "replace", VIP4, *truth.split(), "nud", "stale", "dev", "eth0")
    rival = arp(VIP, target=VIP, mac=NIC, source=NIC)
    throw(lab.router, tagged(rival), rival)
    marker = arp(bytes((10, 77, 0, 99)), target=bytes((10, 77, 0, 2)), mac=NIC, source=NIC)
    throw(lab.router, marker[:20] + struct.pack("!H", 1) + marker[22:])

    def neighbours() -> str:
        return host.run("ip", "neigh", "show", "dev", "eth0").stdout

    eventually(lambda: "10.77.0.99 " in neighbours(), 2, "the frame after the rival arrived")
    assert f"{VIP4} {truth}" in neighbours()
