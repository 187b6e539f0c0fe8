"""Beside Debian's ucarp, in both roles and both orders of skew (R-180)."""

from __future__ import annotations

import time

import pytest
from tests.helpers.lab import need
from tests.helpers.life import SECOND_NS, Film, Node, config, group, start, wait_for

from carpio.lab.flood import Flood
from carpio.lab.implementation import Group, Ucarp
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.process import Child
from carpio.lab.roles import SKEW_NS
from carpio.lab.topology import SHARED_ADDRESSES, Lab

pytestmark = [pytest.mark.lab, pytest.mark.interop]

PASSPHRASE = "carpio and ucarp"
PEER = Group(addresses=SHARED_ADDRESSES[:1], passphrase=PASSPHRASE)


@pytest.fixture(autouse=True)
def _ucarp() -> None:
    need("ip", "tcpdump", "ucarp")


def start_ours(lab: Lab, advskew: int) -> Node:
    return start(lab["a"], config(group(advskew=advskew, passphrase=PASSPHRASE), preempt=True))


def start_theirs(lab: Lab, advskew: int) -> Child:
    return lab["b"].start(Ucarp(), PEER, advskew=advskew, preempt=True)


def wait_for_their_advert(lab: Lab, timeout_s: float = 8) -> None:
    watch = AdvertWatch(lab)
    try:
        assert watch.wait_for(lambda host, _: host == "b", timeout_s), lab["b"].daemon
    finally:
        watch.close()


def badauth(node: Node) -> int:
    return int(node.view()["counters"]["badauth"])


def test_slower_ucarp_stays_backup_and_follows_when_we_leave(lab: Lab, capture: Capture) -> None:
    with capture:
        node = start_ours(lab, 0)
        node.become_master()
        theirs = start_theirs(lab, 100)
        theirs.wait_for_log("Switching to state: BACKUP|Local advertised ethernet address")
        time.sleep(4.5)  # longer than its patience
        assert node.state() == "MASTER"
        left_ns = time.time_ns()
        assert node.daemon.terminate() == 0
        wait_for_their_advert(lab)
    film = Film(capture)
    assert film.adverts("b")[0].time_ns > left_ns
    assert len(node.transitions()) == 3


@pytest.mark.alone
def test_slower_carpio_stays_backup_and_follows_a_dead_ucarp_at_its_time(
    lab: Lab, capture: Capture
) -> None:
    with capture:
        theirs = start_theirs(lab, 0)
        wait_for_their_advert(lab)
        node = start_ours(lab, 100)
        wait_for(lambda: node.view()["counters"]["ipackets"] >= 4, "ucarp is heard", 6)
        view = node.view()
        assert (view["state"], view["peer"], badauth(node)) == ("BACKUP", "10.77.0.2", 0)
        theirs.kill9()
        lab["b"].run("ip", "addr", "del", "10.77.0.100/24", "dev", "eth0")
        node.wait_for_state("MASTER", timeout_s=6)
        time.sleep(0.2)
    film = Film(capture)
    limit_ns = film.adverts("b")[-1].time_ns + 3 * SECOND_NS + 100 * SKEW_NS
    assert 0 <= film.adverts("a")[0].time_ns - limit_ns < SECOND_NS // 10
    assert len(film.adverts("b")) >= 4


@pytest.mark.alone
def test_faster_carpio_takes_over_from_ucarp_which_obeys(lab: Lab, capture: Capture) -> None:
    with capture:
        theirs = start_theirs(lab, 100)
        wait_for_their_advert(lab)
        node = start_ours(lab, 0)
        node.wait_for_state("MASTER", timeout_s=3)
        theirs.wait_for_log(r"Switching to state: BACKUP|Preferred master advertised")
        time.sleep(2.0)
        assert node.state() == "MASTER"
    assert node.transitions()[-1].endswith("BACKUP -> MASTER (preempting a slower master)")
    film = Film(capture)
    ours_ns = film.adverts("a")[0].time_ns
    assert film.adverts("b")
    assert film.adverts("b", after=ours_ns + SECOND_NS // 2) == []


@pytest.mark.alone
def test_faster_ucarp_takes_over_from_carpio_which_obeys_and_tells_of_its_mac(
    lab: Lab, capture: Capture
) -> None:
    with capture, Flood(lab, 100):
        node = start_ours(lab, 100)
        node.become_master()
        time.sleep(0.3)
        start_theirs(lab, 0)
        node.wait_for_state("BACKUP", timeout_s=8)
        mac = lab["b"].mac.hex(":")
        node.daemon.wait_for_log(f"arp: {mac} is using my IP address 10.77.0.100 on eth0!", 3)
        time.sleep(1.2)
        assert node.state() == "BACKUP"
    assert node.transitions()[-1].endswith("(more frequent advertisement received)")
    assert badauth(node) == 0
    claims = [rival for rival in node.view()["rivals"] if rival["claims"]]
    assert [(claim["source"], claim["mac"]) for claim in claims] == [("10.77.0.100", mac)]
    film = Film(capture)
    theirs_ns = film.adverts("b")[0].time_ns
    assert film.claims("a", before=theirs_ns)
    assert film.claims("a", after=theirs_ns + 5_000_000) == []
    assert film.adverts("a", after=theirs_ns + 5_000_000) == []


def test_ucarp_with_another_passphrase_is_counted_and_not_obeyed(lab: Lab) -> None:
    node = start(lab["a"], config(group(advskew=100, passphrase="something else")))
    node.become_master()
    start_theirs(lab, 0)
    wait_for(lambda: badauth(node) >= 2, "badauth", 8)
    assert node.state() == "MASTER"
