"""A slower master speaks up: the switch belongs to the better one again within milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from tests.helpers import builders
from tests.helpers.daemon_lab import QUICK, VMAC, Ear, claims_in, eventually, need_lab, start, throw

from carpio.lab.namespaces import ip
from carpio.lab.sighting import Kind
from carpio.lab.topology import SHARED_ADDRESSES, Lab
from carpio.wire.arp import gratuitous_arp_frame
from carpio.wire.constants import CARP_GROUP_V4_MAC, DEFAULT_DSCP, ETHERTYPE_IPV4
from carpio.wire.ethernet import ethernet_header
from carpio.wire.ipv4 import carp_ipv4_header

pytestmark = pytest.mark.lab

ROUTER: Final = ip_address("10.77.0.254").packed
GROUP: Final = builders.group("1@eth0", *map(str, SHARED_ADDRESSES), passphrase="lab")
ADVERT: Final = builders.payload_of(GROUP, advskew=200, counter=1 << 60)
SLOWER: Final = (
    ethernet_header(CARP_GROUP_V4_MAC, VMAC, ETHERTYPE_IPV4)
    + carp_ipv4_header(ROUTER, dscp=DEFAULT_DSCP, payload_length=len(ADVERT))
    + ADVERT
)
ANNOUNCED: Final = gratuitous_arp_frame(VMAC, SHARED_ADDRESSES[0].ip.packed)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Host `a`, and the router as the rival."""
    need_lab()
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab


def port_of_vmac(lab: Lab) -> str | None:
    """The port to which the switch sends frames for the virtual MAC."""
    shown = ip("netns", "exec", lab.switch, "bridge", "-json", "fdb", "show")
    return next((it["ifname"] for it in json.loads(shown) if it["mac"] == VMAC.hex(":")), None)


def speak_up(lab: Lab) -> list[bytes]:
    """Let the rival advertise and announce; return what host `a` says in the next 0.1 s."""
    with Ear(lab, lab["a"]) as ear:
        throw(lab.router, SLOWER, ANNOUNCED)
        return ear.take(0.1)


def test_a_slower_master_is_contradicted_at_once_and_again_after_its_announcements(lab: Lab):
    assert claims_in(speak_up(lab)) == []
    assert port_of_vmac(lab) == lab.router.port, "without a daemon the rival keeps the switch"

    node = start(lab["a"]).become_master()
    eventually(lambda: port_of_vmac(lab) == lab["a"].port)
    claims = claims_in(speak_up(lab))
    assert [claim.kind for claim in claims].count(Kind.GRATUITOUS) >= 2
    assert port_of_vmac(lab) == lab["a"].port
    assert node.is_in("MASTER")
    assert [rival.advskew for rival in node.status().rivals if not rival.mac] == [200]
