"""Groups that come, change and go by requests, as ifconfig makes them: on the wire and after.

The order in which bug 191832 did it wrong is what a request must not have, in any line.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import ip_address

import pytest
from tests.helpers.configuring import Place, on, place_of, shared
from tests.helpers.life import (
    SHARED4,
    SHARED6,
    Film,
    Node,
    config,
    footprint,
    group,
    kept_by,
    lost,
    start,
    wait_for,
)

from carpio.control.client import Refused
from carpio.control.network import (
    Create,
    DeleteAddress,
    Line,
    MoveTo,
    SetLink,
    SetVhid,
)
from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import SHARED_TARGETS, Host, Lab
from carpio.runtime.inventory import is_of_a_group
from carpio.runtime.rtnetlink import RouteSocket, open_route_socket

ADDED4 = "10.77.0.101/24"
VIP = ip_address("10.77.0.100")
VMAC = bytes.fromhex("00005e000101")
PASSPHRASE = "carpio life"
MASTER = SetVhid(1, passphrase=PASSPHRASE, state="master")


@pytest.fixture
def node(lab: Lab) -> Node:
    """A daemon on host a with an empty file."""
    return start(lab["a"], "")


@pytest.fixture
def here(lab: Lab, node: Node) -> Iterator[Place]:
    """A caller on host a."""
    with place_of(lab["a"].namespace, node) as place:
        yield place


def refused(place: Place, *lines: Line) -> Refused:
    with pytest.raises(Refused) as caught:
        place.configure(*lines)
    return caught.value


def settled_footprint(host: Host) -> dict[str, str]:
    """Return what is on the host when duplicate address detection of its own addresses is over."""
    wait_for(lambda: " tentative" not in host.run("ip", "addr").stdout, "no more detection")
    return footprint(host)


# -- the line of the report ------------------------------------------------------------------


def test_line_under_a_flood_claims_nothing_with_a_wrong_mac_from_backup_to_master(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    """As a host boots beside a busy MASTER, joins, and takes over: bug 191832 and its fix."""
    with capture, flood(2000):
        peer = start(lab["b"], config(group(SHARED4, SHARED6)))
        peer.become_master()
        node = start(lab["a"], "")
        with place_of(lab["a"].namespace, node) as here:
            asked_ns = time.time_ns()
            line = SetVhid(1, advskew=100, passphrase=PASSPHRASE)
            here.configure(on("eth0", line, shared(), shared(SHARED6)))
            node.wait_for_state("BACKUP")
            peer.daemon.terminate()
            node.wait_for_state("MASTER", timeout_s=6)
            time.sleep(0.2)
    film = Film(capture, SHARED4, SHARED6)
    assert film.claims("b"), "asked for all the time"
    assert film.claims("a", before=asked_ns) == []
    first_advert = film.adverts("a")[0].time_ns
    claims = film.claims("a")
    assert len(claims) > 100
    assert claims[0].time_ns > first_advert
    assert film.wrong == []


def test_the_same_check_sees_what_an_address_without_a_group_does(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    with capture, flood(2000):
        node = start(lab["a"], "")
        with place_of(lab["a"].namespace, node) as here:
            here.configure(on("eth0", MASTER, shared()))
            node.wait_for_state("MASTER")
        lab["b"].run("ip", "addr", "add", SHARED4, "dev", "eth0")
        wait_for(lambda: SHARED4 in lab["b"].run("ip", "addr").stdout, "it is there")
        time.sleep(0.2)
    film = Film(capture)
    assert {spoken.host for spoken in film.wrong} == {"b"}
    assert len(film.wrong) > 50


# -- never without its group -----------------------------------------------------------------


class Watcher:
    """Looks in a namespace again and again who has the address, and whether one can bind to it.

    Requests are made through it: it must know when the address can have come and gone between
    two looks.
    """

    def __init__(self, place: Place) -> None:
        self.seen: Counter[str] = Counter()
        self._place = place
        self._done = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=place.namespace.call, args=(self._watch,))

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def configure(self, *lines: Line) -> None:
        """Carry out lines as one request."""
        self._place.configure(*lines)
        self._done += 1

    def _watch(self) -> None:
        with closing(RouteSocket(open_route_socket())) as routes:
            done, before = self._done, _holder(routes)
            while not self._stop.is_set():
                can_bind = _can_bind()
                done_then, after = self._done, _holder(routes)
                self.seen[after] += 1
                if can_bind and "group" in (before, after):
                    self.seen["bound"] += 1
                elif can_bind and done == self._done:
                    self.seen["bound without a group"] += 1
                done, before = done_then, after


def _holder(routes: RouteSocket) -> str:
    """Who has the address: nobody, a group, or an interface by its name."""
    held = {address.index for address in routes.addresses() if address.address == VIP}
    if not held:
        return "nobody"
    links = {link.index: link for link in routes.links()}
    for index in held:
        link = links.get(index)
        if link is not None and not is_of_a_group(link):
            return link.name
    return "group"


def _can_bind() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        try:
            opened.bind((str(VIP), 0))
        except OSError:
            return False
        return True


def test_address_is_never_seen_nor_bindable_without_its_group(lab: Lab, here: Place) -> None:
    """Twenty requests of each kind; at the end the same look sees a naive host."""
    with Watcher(here) as watcher:
        for number in range(20):
            state = "master" if number % 2 else "backup"
            watcher.configure(on("eth0", SetVhid(1, state=state), shared()))
            watcher.configure(on("eth0", DeleteAddress(str(VIP))))
    assert set(watcher.seen) == {"nobody", "group", "bound"}
    assert min(watcher.seen.values()) > 20, watcher.seen
    with Watcher(here) as watcher:
        lab["a"].run("ip", "addr", "add", SHARED4, "dev", "eth0")
        wait_for(lambda: watcher.seen["bound without a group"] > 3, "the look can fail")
    assert watcher.seen["eth0"] > 3


def test_address_moves_between_the_interface_and_the_group_and_is_never_with_both(
    lab: Lab, here: Place, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    lab["a"].run("ip", "addr", "add", SHARED4, "dev", "eth0")
    mac = lab["a"].mac
    with capture, flood(500), Watcher(here) as watcher:
        here.configure(on("eth0", MASTER, shared()))
        (held,) = [one for one in here.look("eth0").addresses if one.address == str(VIP)]
        assert held.vhid == 1
        time.sleep(0.2)
        moved_ns = time.time_ns()
        here.configure(on("eth0", DeleteAddress(str(VIP)), shared(vhid=None)))
        freed_ns = time.time_ns()
        time.sleep(0.1)
    assert set(watcher.seen) <= {"eth0", "group", "nobody", "bound", "bound without a group"}
    assert watcher.seen["group"] > 20
    film = Film(capture)
    virtual = film.claims("a", after=film.adverts("a")[0].time_ns, before=moved_ns)
    assert len(virtual) > 20
    assert {spoken.claim.payload_mac for spoken in virtual} == {VMAC}
    later = film.claims("a", after=freed_ns)
    assert {spoken.claim.payload_mac for spoken in later} == {mac}, "an ordinary address again"


# -- on a living MASTER ----------------------------------------------------------------------


def test_living_master_gets_another_skew_and_address_without_a_lost_probe(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], node: Node, here: Place
) -> None:
    with capture, flood(200), Probe(lab, (*SHARED_TARGETS[:1], "10.77.0.101")) as probe:
        here.configure(on("eth0", MASTER, shared()))
        node.wait_for_state("MASTER")
        time.sleep(0.3)
        asked_ns = time.time_ns()
        here.configure(on("eth0", SetVhid(1, advskew=50)))
        here.configure(on("eth0", SetVhid(1), shared(ADDED4)))
        time.sleep(1.3)
        removing_ns = time.time_ns()
        here.configure(on("eth0", DeleteAddress("10.77.0.101")))
        removed_ns = time.time_ns()
        time.sleep(0.3)
    assert len(node.transitions()) == 2, node.transitions()
    kept, added = probe.records.values()
    assert len(kept.sent) > 1500
    assert [sent for sent in lost(kept) if sent > asked_ns] == []
    served = sorted(answered for answered in added.answered if answered)
    assert asked_ns < served[0] < removing_ns
    assert served[-1] < removed_ns
    film = Film(capture, SHARED4, ADDED4)
    assert [heard.advert.advskew for heard in film.adverts("a", after=removing_ns)] == [50]
    assert film.wrong == []


def test_removal_of_the_last_address_bows_out_and_leaves_nothing(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], node: Node, here: Place
) -> None:
    before = settled_footprint(lab["a"])
    with capture, flood(500):
        here.configure(on("eth0", MASTER, shared(), shared(SHARED6)))
        node.wait_for_state("MASTER")
        wait_for(lambda: node.view()["counters"]["opackets6"] > 0, "IPv6 as well")
        here.configure(on("eth0", DeleteAddress(SHARED_TARGETS[1])))
        assert [one.vhid for one in here.groups()] == [1]
        here.configure(on("eth0", DeleteAddress(SHARED_TARGETS[0])))
        gone_ns = time.time_ns()
        time.sleep(0.2)
    assert here.groups() == []
    assert node.ask("status")["vhids"] == []
    node.daemon.wait_for_log(r"carp: 1@eth0: MASTER -> INIT \(vhid removed\)")
    assert footprint(lab["a"]) == before
    film = Film(capture, SHARED4, SHARED6)
    assert film.bow_outs("a")
    assert film.claims("a", after=gone_ns) == []
    assert film.wrong == []


def test_interface_whose_groups_are_gone_answers_as_before_beside_one_that_has_some(
    lab: Lab, node: Node, here: Place
) -> None:
    host = lab["a"]
    host.run("ip", "link", "add", "dmz0", "type", "veth", "peer", "name", "dmz1")
    for interface in ("dmz0", "dmz1"):
        host.run("ip", "link", "set", interface, "up")
    before = settled_footprint(host)
    here.configure(on("dmz0", SetVhid(2), shared("10.78.0.9/24", vhid=2)))
    here.configure(on("eth0", SetVhid(1), shared()))
    assert arp_settings(host, "eth0") == arp_settings(host, "dmz0") == ["1", "2"]
    here.configure(on("eth0", DeleteAddress(str(VIP))))
    assert arp_settings(host, "eth0") == ["0", "2"], "a bystander asks with its own address"
    assert arp_settings(host, "dmz0") == ["1", "2"]
    here.configure(on("dmz0", DeleteAddress("10.78.0.9")))
    assert footprint(host) == before


def arp_settings(host: Host, interface: str) -> list[str]:
    paths = (f"/proc/sys/net/ipv4/conf/{interface}/arp_{name}" for name in ("ignore", "announce"))
    return host.run("cat", *paths).stdout.split()


def test_killed_daemon_between_two_requests_leaves_what_the_next_one_cleans(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    """Its file is empty and the record is lost: nobody is left who wants the groups."""
    host = lab["a"]
    node = start(host, "")
    before = settled_footprint(host)
    with capture, flood(200):
        with place_of(host.namespace, node) as here:
            here.configure(on("eth0", MASTER, shared()))
            node.wait_for_state("MASTER")
            here.configure(on("eth0", SetVhid(2), shared(ADDED4, vhid=2)))
        node.daemon.kill9()
        kept_by(host).unlink()
        again = start(host, "")
        wait_for(lambda: footprint(host) == before, "everything is clean", 3)
        cleaned_ns = time.time_ns()
        time.sleep(0.2)
        with place_of(host.namespace, again) as here:
            assert here.groups() == []
            here.configure(on("eth0", SetVhid(1), shared()))
            assert here.groups()[0].state == "BACKUP"
    film = Film(capture)
    assert film.claims("a")
    assert film.claims("a", after=cleaned_ns) == []
    assert film.wrong == []


# -- all or nothing --------------------------------------------------------------------------


def doomed(lab: Lab) -> Line:
    """Return a line against which nothing speaks but the kernel, after the groups are there."""
    return on("bridge", Create("bridge"), MoveTo(lab["b"].namespace))


def test_line_whose_last_step_the_kernel_refuses_changes_nothing(
    lab: Lab, capture: Capture, node: Node, here: Place
) -> None:
    host = lab["a"]
    before = settled_footprint(host)
    with capture:
        error = refused(
            here,
            on(
                "bridge",
                Create("bridge"),
                SetLink(up=True, description="made"),
                SetVhid(3, state="master"),
                shared("10.79.0.9/24", vhid=3),
            ),
            on("eth0", SetLink(promisc=True, description="x"), MASTER, shared()),
            on("eth0", shared("2001:db8:77::77/64", vhid=None)),
            doomed(lab),
        )
        assert (error.errno, error.line, error.step) == (errno.EINVAL, 3, 1)
        assert footprint(host) == before
        assert node.ask("status")["vhids"] == []
        assert not node.ask("configuration")["has_unsaved"]
    film = Film(capture)
    assert (film.adverts("a"), film.claims("a")) == ([], [])


@pytest.mark.parametrize("what", ["mtu", "name of a macvlan"])
def test_what_the_kernel_refuses_before_or_with_the_groups_changes_nothing(
    lab: Lab, node: Node, here: Place, what: str
) -> None:
    host = lab["a"]
    index = host.run("cat", "/sys/class/net/eth0/ifindex").stdout.strip()
    if what == "mtu":
        bad, number, step = SetLink(mtu=40), errno.EINVAL, 2
    else:
        host.run("ip", "link", "add", f"carp1-{index}", "type", "bridge")
        bad, number, step = SetLink(mtu=1400), 0, 4
    before = settled_footprint(host)
    error = refused(
        here,
        on("bridge", Create("bridge")),
        on("eth0", SetLink(up=True), SetLink(allmulti=True), bad, MASTER, shared()),
    )
    assert (error.errno, error.line, error.step) == (number, 1, step)
    assert footprint(host) == before
    assert here.groups() == []


def test_second_of_two_lines_fails_and_the_first_is_taken_back(
    lab: Lab, node: Node, here: Place
) -> None:
    before = settled_footprint(lab["a"])
    error = refused(
        here,
        on("eth0", MASTER, shared()),
        on("eth0", SetVhid(2), shared(ADDED4, vhid=3)),
    )
    assert (error.errno, error.line, error.step) == (errno.ENOENT, 1, 1)
    assert footprint(lab["a"]) == before
    assert here.groups() == []


def test_refused_request_costs_a_living_master_nothing(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], node: Node, here: Place
) -> None:
    """Not even one that takes an address away from its group, or would give it another one."""
    with capture, flood(200), Probe(lab, SHARED_TARGETS[:1]) as probe:
        here.configure(on("eth0", MASTER, shared(), shared(ADDED4)))
        node.wait_for_state("MASTER")
        time.sleep(0.2)
        asked_ns = time.time_ns()
        configured = node.ask("configuration")["groups"]
        for line in (
            on("eth0", shared("10.77.0.102/24")),
            on("eth0", SetVhid(1, advskew=9, state="backup")),
            on("eth0", DeleteAddress("10.77.0.101"), shared(ADDED4, vhid=None)),
        ):
            assert refused(here, line, doomed(lab)).line == 1
            assert node.ask("configuration")["groups"] == configured
        time.sleep(0.2)
    assert len(node.transitions()) == 2, node.transitions()
    assert "refused" not in node.daemon.log
    (record,) = probe.records.values()
    assert [sent for sent in lost(record) if sent > asked_ns] == []
    assert Film(capture, SHARED4, ADDED4, "10.77.0.102/24").wrong == []


def test_interface_that_vanishes_between_two_requests_is_told_and_its_groups_can_go(
    lab: Lab, node: Node, here: Place
) -> None:
    host = lab["a"]
    before = settled_footprint(host)
    host.run("ip", "link", "add", "dmz0", "type", "veth", "peer", "name", "dmz1")
    here.configure(on("dmz0", SetVhid(2), shared("10.78.0.9/24", vhid=2)))
    host.run("ip", "link", "del", "dmz0")
    assert refused(here, on("dmz0", SetVhid(2, advskew=3))).errno == errno.ENXIO
    assert refused(here, on("dmz0", shared("10.78.0.10/24", vhid=2))).errno == errno.ENXIO
    assert node.view("2@dmz0")["state"] == "INIT"
    here.configure(on("dmz0", DeleteAddress("10.78.0.9")))
    assert node.ask("status")["vhids"] == []
    assert footprint(host) == before
