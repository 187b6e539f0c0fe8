"""A virtual MAC falls silent with the very frame by which a rival advertises from it (ADR 31)."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

import pytest
from tests.helpers import builders
from tests.helpers.daemon_lab import VMAC, throw
from tests.helpers.life import (
    SECOND_NS,
    SHARED4,
    SHARED6,
    Film,
    config,
    freeze_after_advert,
    group,
    start,
)

from carpio.core.model import Vhid
from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.topology import Lab
from carpio.wire.constants import CARP_GROUP_V4_MAC, DEFAULT_DSCP, ETHERTYPE_IPV4
from carpio.wire.ethernet import ethernet_header
from carpio.wire.ipv4 import carp_ipv4_header

_ON_ITS_WAY_NS: Final = 1_000_000
"""So long a frame can be between a host and its port when an advert comes out of another one."""
_STRANGER: Final = builders.group("1@eth0", SHARED4, passphrase="another")


def advert(payload: bytes) -> bytes:
    """Return an advert of the router from the virtual MAC."""
    header = carp_ipv4_header(
        ip_address("10.77.0.254").packed, dscp=DEFAULT_DSCP, payload_length=len(payload)
    )
    return ethernet_header(CARP_GROUP_V4_MAC, VMAC, ETHERTYPE_IPV4) + header + payload


FORGED: Final = advert(builders.payload_of(_STRANGER, advskew=0, counter=1 << 60))
OTHER_VHID: Final = advert(builders.payload_of(replace(_STRANGER, vhid=Vhid(7)), counter=1))
TORN: Final = FORGED[:-7]


def test_deposed_master_that_stands_still_is_silent_at_once(lab: Lab, capture: Capture) -> None:
    with capture, Flood(lab, 2000):
        first = start(lab["a"], config(group(SHARED4, SHARED6)))
        first.become_master()
        second = start(lab["b"], config(group(SHARED4, SHARED6, advskew=100)))
        second.wait_for_state("BACKUP")
        freeze_after_advert(lab, first)
        time.sleep(0.3)
        second.ask("state", name="1@eth0", state="master")
        second.wait_for_state("MASTER")
        time.sleep(1.0)
        woken_ns = time.time_ns()
        first.daemon.cont()
        first.wait_for_state("MASTER")
        second.wait_for_state("BACKUP")
        time.sleep(0.5)
    film = Film(capture, SHARED4, SHARED6)
    deposed_ns = film.adverts("b")[0].time_ns
    quarter_ns = SECOND_NS // 4
    assert len(film.claims("a", deposed_ns - quarter_ns, deposed_ns)) > 100, "frozen, it spoke on"
    assert film.claims("a", deposed_ns + _ON_ITS_WAY_NS, woken_ns) == []
    assert len(film.claims("b", deposed_ns, deposed_ns + quarter_ns)) > 100
    heard_ns = film.adverts("a", after=woken_ns)[0].time_ns
    assert film.claims("b", heard_ns + _ON_ITS_WAY_NS) == []
    assert len(film.claims("a", heard_ns)) > 100, "the better one speaks again when it was judged"


def test_killed_master_whose_gate_was_contested_does_not_go_on(lab: Lab, capture: Capture) -> None:
    with capture, Flood(lab, 500):
        text = config(group(advskew=100))
        first = start(lab["a"], text)
        first.become_master()
        second = start(lab["b"], config(group()))
        second.wait_for_state("BACKUP")
        first.daemon.kill9()
        second.ask("state", name="1@eth0", state="master")
        second.wait_for_state("MASTER")
        first = start(lab["a"], text)
        first.wait_for_state("BACKUP")
        time.sleep(0.5)
    film = Film(capture)
    taken_ns = film.adverts("b")[0].time_ns
    assert first.transitions()[-1].endswith("INIT -> BACKUP (initialization complete)")
    assert film.adverts("a", after=taken_ns) == []
    assert film.claims("a", taken_ns + _ON_ITS_WAY_NS) == []


@pytest.mark.parametrize("frame", [FORGED, OTHER_VHID, TORN], ids=["key", "vhid", "torn"])
def test_forged_advert_silences_for_a_moment_only(lab: Lab, capture: Capture, frame: bytes) -> None:
    node = start(lab["a"], config(group()))
    node.become_master()
    thrown_ns = []
    with capture, Flood(lab, 1000):
        time.sleep(0.2)
        for _ in range(20):
            thrown_ns.append(time.time_ns())
            throw(lab.router, frame)
            time.sleep(0.1)
    assert node.state() == "MASTER"
    film = Film(capture)
    answers = [len(film.claims("a", at, at + SECOND_NS // 10)) for at in thrown_ns]
    assert sorted(answers)[10] > 80, "of 100 after each"
    assert min(answers) > 20


def test_flood_of_forged_adverts_does_not_silence_the_master(lab: Lab, capture: Capture) -> None:
    node = start(lab["a"], config(group()))
    node.become_master()
    with capture, Flood(lab, 1000):
        end = time.monotonic() + 3
        while time.monotonic() < end:
            throw(lab.router, *[FORGED] * 20)
            time.sleep(0.002)
        assert node.state() == "MASTER"
    film = Film(capture, is_whole=False)
    assert len(film.claims("a")) > 1500, "of 3000"
