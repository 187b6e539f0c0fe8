"""What somebody else breaks is repaired or given up, and nobody lies meanwhile.

Every breakage happens while the router floods each address with 5,000 requests a second and all
ports of the switch are captured; the judge looks at every frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.helpers.daemon_lab import (
    QUICK,
    VIP4,
    VIP6,
    VMAC,
    Ear,
    Node,
    asks_arp,
    child_of,
    claims_in,
    config,
    eventually,
    group,
    need_lab,
    pings,
    rules_of,
    start,
)
from tests.helpers.one_wire import Tally, tally_of

from carpio.lab.court import Verdict
from carpio.lab.flood import Flood
from carpio.lab.implementation import Group
from carpio.lab.namespaces import ip
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.topology import SHARED_ADDRESSES, Host, Lab

pytestmark = pytest.mark.lab

GROUP = Group(addresses=SHARED_ADDRESSES)
RATE = 5000
FAMILIES = ("-4", "-6")


@dataclass(frozen=True, slots=True)
class Pair:
    lab: Lab
    master: Node
    backup: Node

    @property
    def is_settled(self) -> bool:
        """Whether both are what they were made for, and the addresses answer."""
        roles = self.master.is_in("MASTER") and self.backup.is_in("BACKUP")
        return roles and self.is_served

    @property
    def is_served(self) -> bool:
        """Whether the client gets answers from both addresses."""
        return all(pings(self.lab.router, vip, timeout_s=0.2) for vip in (VIP4, VIP6))


@pytest.fixture(scope="module")
def running_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    need_lab("nft")
    with Lab(sysctls=QUICK, out=tmp_path_factory.mktemp("repairs")) as lab:
        master = start(lab["a"]).become_master()
        yield Pair(lab, master, start(lab["b"], config(group(advskew=100))))


@pytest.fixture
def pair(running_pair: Pair) -> Pair:
    """`a` is MASTER, `b` is BACKUP, both healthy."""
    eventually(lambda: running_pair.is_settled, 10, "a is MASTER and serves, b is BACKUP")
    return running_pair


def under_flood(lab: Lab, directory: Path, act: Callable[[], None]) -> Tally:
    """Act while the router floods; return the judge's tally of everything that was sent.

    The judge knows who is master once he has heard an advertisement: the flood begins then.
    """
    capture = Capture(lab, directory)
    with capture, closing(AdvertWatch(lab)) as watch:
        assert watch.wait_for(lambda _host, _advert: True, 5)
        start_ns = time.time_ns()
        with Flood(lab, RATE, directory=directory) as flood:
            time.sleep(0.2)
            act()
    assert capture.dropped == 0
    assert flood.sent > RATE // 10
    return tally_of(capture.files, GROUP, from_ns=start_ns)


def no_lie(tally: Tally) -> None:
    """Nothing but right claims, of which there are many."""
    assert [str(finding) for finding in tally.wrong_claims] == []
    assert [str(finding) for finding in tally.wrong_traffic] == []
    assert tally.count(Verdict.RIGHT) > 100


# -- what is broken -------------------------------------------------------------------------------


def remove_address(vip: str) -> Callable[[Host], None]:
    return lambda host: ip("addr", "del", vip, "dev", child_of(host), namespace=host.namespace)  # type: ignore[return-value]


def set_child_down(host: Host) -> None:
    host.run("ip", "link", "set", child_of(host), "down")


def set_child_up(host: Host) -> None:
    host.run("ip", "link", "set", child_of(host), "up")


def delete_child(host: Host) -> None:
    host.run("ip", "link", "del", child_of(host))


def remove_backup_routes(host: Host) -> None:
    for family in FAMILIES:
        host.run("ip", family, "route", "flush", "table", "1001")


def remove_rules(host: Host) -> None:
    for family in FAMILIES:
        for priority in ("1", "2"):
            host.run("ip", family, "rule", "del", "pref", priority)


def flush_ruleset(host: Host) -> None:
    host.run("nft", "flush", "ruleset", check=False)


def delete_table(host: Host) -> None:
    host.run("nft", "delete", "table", "netdev", "carpio", check=False)


def flap_link(host: Host) -> None:
    host.run("ip", "link", "set", "eth0", "down")
    host.run("ip", "link", "set", "eth0", "up")
    restore_ipv6(host)


def rename_and_back(host: Host) -> None:
    host.run("ip", "link", "set", "eth0", "name", "moved")
    time.sleep(0.5)  # under the wrong name, while everybody asks
    host.run("ip", "link", "set", "moved", "name", "eth0")


def restore_ipv6(host: Host) -> None:
    """The kernel forgets IPv6 addresses when a link goes down."""
    host.run("ip", "addr", "replace", str(host.addresses[1]), "dev", "eth0", "nodad")


def remove_local_routes(host: Host) -> None:
    """Without these a MASTER swallows what is sent to its addresses."""
    child = child_of(host)
    host.run("ip", "route", "del", "table", "local", "local", VIP4, "dev", child)
    host.run("ip", "-6", "route", "del", "table", "local", "local", VIP6, "dev", child)


BREAK_A_MASTER = {
    "local routes removed": remove_local_routes,
    "IPv4 address removed": remove_address(f"{VIP4}/32"),
    "IPv6 address removed": remove_address(f"{VIP6}/128"),
    "child set down": set_child_down,
    "child deleted": delete_child,
    "rules removed": remove_rules,
    "ruleset flushed": flush_ruleset,
    "table deleted": delete_table,
    "parent renamed and back": rename_and_back,
    "link down and up": flap_link,
}
BREAK_A_BACKUP = {
    "IPv4 address removed": remove_address(f"{VIP4}/32"),
    "child set up": set_child_up,
    "child deleted": delete_child,
    "backup routes removed": remove_backup_routes,
    "rules removed": remove_rules,
    "ruleset flushed": flush_ruleset,
    "parent renamed and back": rename_and_back,
}


@pytest.mark.parametrize("what", list(BREAK_A_MASTER))
def test_broken_master_serves_again_and_nobody_lies(pair: Pair, tmp_path: Path, what: str) -> None:
    def act() -> None:
        BREAK_A_MASTER[what](pair.master.host)
        eventually(lambda: pair.is_served, 8, f"the addresses answer after: {what}")

    no_lie(under_flood(pair.lab, tmp_path, act))
    eventually(lambda: pair.is_settled, 10)
    assert len(list(rules_of(pair.master.host))) == 4


@pytest.mark.parametrize("what", list(BREAK_A_BACKUP))
def test_broken_backup_is_mute_and_the_master_serves_on(
    pair: Pair, tmp_path: Path, what: str
) -> None:
    backup = pair.backup.host

    def act() -> None:
        BREAK_A_BACKUP[what](backup)
        assert pair.is_served
        eventually(lambda: all(pings(backup, vip, timeout_s=0.1) for vip in (VIP4, VIP6)), 5)

    tally = under_flood(pair.lab, tmp_path, act)
    no_lie(tally)
    assert {host for host, _ in tally.speakers()} == {"a"}
    assert pair.backup.is_in("BACKUP")
    eventually(lambda: child_state(backup) == "DOWN", 2, "the macvlan of a BACKUP is down")
    assert VIP4 in backup.run("ip", "route", "show", "table", "1001").stdout


def child_state(host: Host) -> str:
    shown = host.run("ip", "-br", "link").stdout.splitlines()
    return next((line.split()[1] for line in shown if line.startswith("carp1-")), "")


def test_master_that_loses_everything_at_once_serves_again(pair: Pair, tmp_path: Path) -> None:
    host = pair.master.host

    def act() -> None:
        for one in (remove_rules, flush_ruleset, delete_child):
            one(host)
        eventually(lambda: pair.is_served, 8)

    no_lie(under_flood(pair.lab, tmp_path, act))


def test_what_is_removed_while_the_daemon_is_frozen_makes_no_lie(
    pair: Pair, tmp_path: Path
) -> None:
    host = pair.master.host

    def act() -> None:
        pair.master.daemon.stop()
        remove_rules(host)
        flush_ruleset(host)
        host.run("ip", "addr", "add", f"{VIP4}/24", "dev", "eth0")
        time.sleep(0.5)  # the NIC itself has the address now, and everybody asks
        host.run("ip", "addr", "del", f"{VIP4}/24", "dev", "eth0")
        pair.master.daemon.cont()
        eventually(lambda: pair.is_served, 8)

    no_lie(under_flood(pair.lab, tmp_path, act))


# -- another interface under the same name ----------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    need_lab("nft")
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab


def plug_in(host: Host) -> None:
    """Make the host's parent: `par0`, whose other end is bridged to the cable, with addresses."""
    host.run("ip", "link", "add", "par0", "type", "veth", "peer", "name", "par1")
    host.sysctl("net/ipv6/conf/par0/accept_dad", "0")
    host.run("ip", "link", "set", "par1", "master", "br0", "up")
    host.run("ip", "link", "set", "par0", "up")
    for address in host.addresses:
        host.run("ip", "addr", "add", str(address), "dev", "par0", "nodad")


def test_deleted_parent_that_is_made_again_serves_and_nobody_lies(lab: Lab, tmp_path: Path) -> None:
    host = lab["a"]
    host.run("ip", "addr", "flush", "dev", "eth0")
    host.run("ip", "link", "add", "br0", "up", "type", "bridge", "forward_delay", "0")
    host.run("ip", "link", "set", "eth0", "master", "br0")
    plug_in(host)
    node = start(host, config(group(interface="par0"))).become_master("1@par0")
    assert pings(lab.router, VIP4)

    def act() -> None:
        host.run("ip", "link", "del", "par0")
        node.wait_for("INIT", "1@par0")
        plug_in(host)
        node.become_master("1@par0")
        eventually(lambda: pings(lab.router, VIP4) and pings(lab.router, VIP6))

    no_lie(under_flood(lab, tmp_path, act))
    assert "1@par0: MASTER -> INIT (hardware interface down)" in node.daemon.log


def put_under_a_bridge(host: Host) -> None:
    """Move the host's cable under a bridge `br0`, which gets the addresses."""
    host.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
    host.sysctl("net/ipv6/conf/br0/accept_dad", "0")
    host.run("ip", "link", "set", "eth0", "master", "br0")
    host.run("ip", "addr", "flush", "dev", "eth0")
    host.run("ip", "link", "set", "br0", "up")
    for address in host.addresses:
        host.run("ip", "addr", "add", str(address), "dev", "br0", "nodad")


@pytest.mark.parametrize(
    "loss",
    [("link", "del", "br0"), ("link", "set", "eth0", "nomaster")],
    ids=["bridge deleted", "port taken out"],
)
def test_nic_that_loses_its_bridge_never_answers_for_the_addresses(
    lab: Lab, tmp_path: Path, loss: tuple[str, ...]
) -> None:
    host = lab["a"]
    put_under_a_bridge(host)
    node = start(host, config(group(interface="br0"))).become_master("1@br0")
    assert pings(lab.router, VIP4)

    def act() -> None:
        host.run("ip", *loss)
        node.wait_for("INIT", "1@br0")
        time.sleep(0.2)
        host.run("ip", "link", "del", "br0", check=False)
        put_under_a_bridge(host)
        node.become_master("1@br0")
        eventually(lambda: pings(lab.router, VIP4) and pings(lab.router, VIP6))

    no_lie(under_flood(lab, tmp_path, act))


def test_nic_that_is_added_to_the_segment_never_answers_for_the_addresses(lab: Lab) -> None:
    host, router = lab["a"], lab.router
    node = start(host).become_master()
    time.sleep(1.0)  # the daemon has nothing else to look at
    ip("link", "add", "spare", "type", "veth", "peer", "name", "late", "netns", host.namespace,
       namespace=lab.switch)  # fmt: skip
    ip("link", "set", "spare", "master", "br0", "up", namespace=lab.switch)
    host.run("ip", "link", "set", "late", "up")
    with Ear(lab, host, port="spare") as ear:
        for _ in range(20):
            asks_arp(router, VIP4)
        assert claims_in(ear.take()) == []

        node.daemon.kill9()
        delete_table(host)
        asks_arp(router, VIP4)
        assert claims_in(ear.take()), "without the guard it does"


def test_nic_that_is_pulled_out_and_put_in_again_serves_with_the_virtual_mac(lab: Lab) -> None:
    host = lab["a"]
    node = start(host).become_master()
    host.run("ip", "link", "del", "eth0")
    node.wait_for("INIT")
    ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace,
       namespace=lab.switch)  # fmt: skip
    with Ear(lab, host) as ear:
        ip("link", "set", host.port, "master", "br0", "up", namespace=lab.switch)
        host.run("ip", "link", "set", "eth0", "up")
        for address in host.addresses:
            host.run("ip", "addr", "add", str(address), "dev", "eth0", "nodad")
        asks_arp(lab.router, VIP4)
        assert claims_in(ear.take()) == []
        node.become_master()
        eventually(lambda: pings(lab.router, VIP4) and pings(lab.router, VIP6))
        claims = claims_in(ear.take())
    assert {claim.ethernet_source for claim in claims} == {VMAC}
    assert {claim.payload_mac for claim in claims} <= {VMAC, None}


def test_judge_finds_the_lies_of_a_host_whose_guard_is_gone_for_good(
    lab: Lab, tmp_path: Path
) -> None:
    node = start(lab["a"]).become_master()

    def act() -> None:
        node.daemon.kill9()
        delete_table(lab["a"])
        for address in SHARED_ADDRESSES:
            lab["a"].run("ip", "addr", "add", str(address), "dev", "eth0", "nodad")
        time.sleep(0.3)

    tally = under_flood(lab, tmp_path, act)
    assert tally.count(Verdict.WRONG_MAC) > 100
