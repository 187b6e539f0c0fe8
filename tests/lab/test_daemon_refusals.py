"""What the daemon refuses: it says what and the remedy, and the host claims nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    start,
)

from carpio.errors import PlatformError
from carpio.lab.topology import SHARED_ADDRESSES, Host, Lab

pytestmark = pytest.mark.lab

TUNNELS = {
    "gre": ("local", "10.77.0.1", "remote", "10.77.0.9"),
    "gretap": ("local", "10.77.0.1", "remote", "10.77.0.9"),
    "sit": ("local", "10.77.0.1", "remote", "10.77.0.9"),
    "ipip": ("local", "10.77.0.1", "remote", "10.77.0.9"),
    "wireguard": (),
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Host `a`, with a second cable `other` that leads nowhere."""
    need_lab()
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        lab["a"].run("ip", "link", "add", "other", "type", "veth", "peer", "name", "far")
        lab["a"].run("ip", "link", "set", "other", "up")
        lab["a"].run("ip", "link", "set", "far", "up")
        yield lab


def make(host: Host, *command: str) -> None:
    """Make an interface, or skip where this kernel cannot."""
    try:
        host.run("ip", *command)
    except PlatformError as error:
        if "Unknown device type" in str(error) or "not supported" in str(error):
            pytest.skip(f"this kernel has no such interface: {' '.join(command)}")
        raise


def ask_for_the_address(lab: Lab) -> None:
    """Let the client's segment ask for both addresses."""
    asks_arp(lab.router, VIP4)
    pings(lab.router, VIP4, timeout_s=0.1)
    pings(lab.router, VIP6, timeout_s=0.1)


def assert_refused(node: Node, lab: Lab, *words: str, name: str = "1@eth0") -> None:
    """The words are in the log and in `carpio status`, the state is no MASTER, nothing claims."""
    said = node.daemon.wait_for_log(f"carpio: {name}: refused: .*{re.escape(words[0])}.*")
    eventually(lambda: words[0] in node.status(name).reason)
    status = node.status(name)
    for word in words:
        assert word in said
        assert word in status.reason
        assert word in node.shown_status()
    assert status.state in ("INIT", "BACKUP")
    assert_mute(lab, node.host)


def assert_mute(lab: Lab, host: Host) -> None:
    with Ear(lab, host) as ear:
        ask_for_the_address(lab)
        assert claims_in(ear.take()) == []


def test_address_that_is_on_another_interface_is_refused_until_it_is_removed(lab: Lab) -> None:
    host = lab["a"]
    host.run("ip", "addr", "add", f"{VIP4}/32", "dev", "other")
    with Ear(lab, host) as ear:
        ask_for_the_address(lab)
        assert claims_in(ear.take()), "without a daemon the host claims the address"

    node = start(host)
    remedy = f"ip addr del {VIP4}/32 dev other"
    assert_refused(node, lab, f"{VIP4} is already on other", remedy)
    assert not node.is_in("MASTER")

    host.run(*remedy.split())
    node.daemon.wait_for_log("1@eth0: no longer refused")
    node.become_master()
    assert pings(lab.router, VIP4)
    assert pings(lab.router, VIP6)


@pytest.mark.parametrize("device", ["other", "eth0", "lo"])
@pytest.mark.parametrize("vip", [f"{VIP4}/32", f"{VIP6}/128"])
def test_address_that_appears_on_another_interface_closes_the_gate_at_once(
    lab: Lab, vip: str, device: str
) -> None:
    host = lab["a"]
    node = start(host).become_master()
    assert pings(lab.router, VIP4)
    with Ear(lab, host) as ear:
        host.run("ip", "addr", "add", vip, "dev", device, "nodad")
        node.wait_for("BACKUP")
        all_claims = claims_in(ear.take(0.1))
        assert_refused(node, lab, f"is already on {device}", f"ip addr del {vip} dev {device}")
        assert claims_in(ear.take(0)) == []
    assert {claim.ethernet_source for claim in all_claims} <= {VMAC}
    transitions = [line for line in node.daemon.log.splitlines() if "MASTER -> BACKUP" in line]
    assert len(transitions) == 1
    assert "is already on" in transitions[0]

    host.run("ip", "addr", "del", vip, "dev", device)
    node.become_master()
    eventually(lambda: pings(lab.router, VIP4) and pings(lab.router, VIP6))


def test_interface_of_somebody_else_under_the_name_of_the_child_is_refused(lab: Lab) -> None:
    host = lab["a"]
    index = host.run("cat", "/sys/class/net/eth0/ifindex").stdout.strip()
    name = f"carp1-{index}"
    host.run(
        *("ip", "link", "add", "link", "eth0", "name", name, "address", "02:00:00:00:00:aa"),
        *("type", "macvlan", "mode", "bridge"),
    )
    node = start(host)
    assert_refused(node, lab, f"{name} exists and is not carpio's", f"ip link del {name}")
    host.run("ip", "link", "del", name)
    node.become_master()
    assert pings(lab.router, VIP4)


def test_child_that_an_earlier_daemon_left_with_a_wrong_mac_is_made_anew(lab: Lab) -> None:
    host = lab["a"]
    start(host).wait_for("BACKUP").daemon.kill9()
    child = child_of(host)
    host.run("ip", "link", "set", child, "address", "02:00:00:00:00:aa")
    with Ear(lab, host) as ear:
        node = start(host).become_master()
        assert pings(lab.router, VIP4)
        assert {claim.ethernet_source for claim in claims_in(ear.take())} == {VMAC}
    assert mac_of(host, child_of(host)) == VMAC
    assert node.is_in("MASTER")


def test_child_of_a_master_whose_mac_is_changed_tells_no_lie_and_serves_again(lab: Lab) -> None:
    host, router = lab["a"], lab.router
    node = start(host).become_master()
    assert pings(router, VIP4)
    with Ear(lab, host) as ear:
        node.daemon.stop()
        host.run("ip", "link", "set", child_of(host), "address", "02:00:00:00:00:aa")
        asks_arp(router, VIP4)
        assert {c.ethernet_source for c in claims_in(ear.take())} <= {VMAC}, "the guard drops it"
        node.daemon.cont()
        eventually(lambda: pings(router, VIP4) and pings(router, VIP6), 10)
        claims = claims_in(ear.take())
    assert {claim.ethernet_source for claim in claims} == {VMAC}
    assert {claim.payload_mac for claim in claims} <= {VMAC, None}
    assert "has the MAC 02:00:00:00:00:aa, not 00:00:5e:00:01:01" in node.daemon.log
    assert mac_of(host, child_of(host)) == VMAC


def mac_of(host: Host, interface: str) -> bytes:
    text = host.run("cat", f"/sys/class/net/{interface}/address").stdout.strip()
    return bytes.fromhex(text.replace(":", ""))


# -- parents ------------------------------------------------------------------------------------


def start_on(lab: Lab, interface: str) -> Node:
    return start(lab["a"], config(group(interface=interface)))


@pytest.mark.parametrize("kind", ["macvlan", "ipvlan"])
def test_parent_past_the_guard_is_refused_with_the_interface_below_as_remedy(
    lab: Lab, kind: str
) -> None:
    make(lab["a"], "link", "add", "link", "eth0", "name", "child", "up", "type", kind)
    node = start_on(lab, "child")
    assert_refused(node, lab, f"child: is a {kind}", "use eth0", name="1@child")


def test_loopback_parent_is_refused(lab: Lab) -> None:
    node = start_on(lab, "lo")
    assert_refused(node, lab, "lo: is a loopback interface", "use an Ethernet", name="1@lo")


@pytest.mark.parametrize("kind", list(TUNNELS))
def test_tunnel_parent_is_refused(lab: Lab, kind: str) -> None:
    make(lab["a"], "link", "add", "tunnel", "type", kind, *TUNNELS[kind])
    node = start_on(lab, "tunnel")
    assert_refused(node, lab, "tunnel: is ", "not Ethernet", "tap interface", name="1@tunnel")


def test_tun_parent_is_refused(lab: Lab) -> None:
    make(lab["a"], "tuntap", "add", "tunnel", "mode", "tun")
    node = start_on(lab, "tunnel")
    assert_refused(node, lab, "tunnel: is a tun interface, not Ethernet", name="1@tunnel")


def test_port_of_a_bridge_is_refused_and_the_bridge_serves(lab: Lab) -> None:
    host = lab["a"]
    host.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
    host.run("ip", "link", "set", "eth0", "master", "br0")
    node = start_on(lab, "eth0")
    assert_refused(node, lab, "eth0: is a port of br0", "use br0")
    assert node.daemon.terminate() == 0

    host.sysctl("net/ipv6/conf/br0/accept_dad", "0")
    host.run("ip", "link", "set", "br0", "up")
    host.run("ip", "addr", "flush", "dev", "eth0")
    for address in host.addresses:
        host.run("ip", "addr", "add", str(address), "dev", "br0", "nodad")
    node = start_on(lab, "br0").become_master("1@br0")
    eventually(lambda: pings(lab.router, VIP4) and pings(lab.router, VIP6))


def test_missing_parent_is_init_and_is_used_when_it_appears(lab: Lab) -> None:
    host = lab["a"]
    node = start_on(lab, "later").wait_for("INIT", "1@later")
    host.run("ip", "link", "set", "other", "name", "later")
    node.become_master("1@later")


def test_second_daemon_in_the_same_namespace_is_refused_and_the_first_serves_on(lab: Lab) -> None:
    host = lab["a"]
    node = start(host).become_master()
    command = [*node.daemon.child.command[:-1], str(host.directory / "second.sock")]
    second = host.spawn(*command, log="second.log")
    assert second.wait(5) == 1
    assert "another carpio daemon serves this network namespace: stop it first" in second.log
    assert node.is_in("MASTER")
    for vip in (VIP4, VIP6):
        assert pings(lab.router, vip)


def test_questions_of_the_checks_are_answered_by_a_naive_host(lab: Lab) -> None:
    host, router = lab["a"], lab.router
    for address in SHARED_ADDRESSES:
        host.run("ip", "addr", "add", str(address), "dev", "eth0", "nodad")
    with Ear(lab, host) as ear:
        ask_for_the_address(lab)
        assert {len(claim.address) for claim in claims_in(ear.take())} == {4, 16}
    assert pings(router, VIP4)
