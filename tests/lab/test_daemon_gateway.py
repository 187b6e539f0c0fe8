"""The address as a gateway: hosts behind it route through the virtual MAC, both ways.

    router (the client)         host a, host b           outer
    10.77.0.254  --- switch --- eth0   uplink --- br0 --- out0 192.0.2.254
                     1@eth0: 10.77.0.100     2@uplink: 192.0.2.100

The client reaches 192.0.2.0/24 through the first group, the outer host reaches the client
through the second; both groups move together when a host leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    bound,
    claims_in,
    config,
    eventually,
    group,
    need_lab,
    pings,
    serves,
    start,
)

from carpio.lab.namespaces import add_namespace, ip, ip_batch, remove_namespace
from carpio.lab.topology import Host, Lab

pytestmark = pytest.mark.lab

CLIENT4, CLIENT6 = "10.77.0.254", "2001:db8:77::fe"
OUTER4, OUTER6 = "192.0.2.254", "2001:db8:99::fe"
UPLINK_VIPS = ("192.0.2.100/24", "2001:db8:99::100/64")
DIRECTIONS = ((CLIENT4, OUTER4), (CLIENT6, OUTER6))


@dataclass(frozen=True, slots=True)
class Outer:
    """The host beyond the gateways, as far as sockets in it need a host."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Gateways:
    lab: Lab
    outer: Outer


@contextmanager
def gateways(directory: Path, rp_filter: str) -> Iterator[Gateways]:
    """Two forwarding hosts with an uplink each, and a host beyond."""
    names = ("all", "default", "eth0", "lo")
    filtering = {f"net/ipv4/conf/{name}/rp_filter": rp_filter for name in names}
    with Lab(sysctls={**QUICK, **filtering}, out=directory) as lab:
        outer = Outer(f"{lab.prefix}-outer")
        add_namespace(outer.namespace)
        try:
            ip_batch(("link add br0 type bridge", "link set br0 up"), outer.namespace)
            ip_batch(
                (f"addr add {OUTER4}/24 dev br0", f"addr add {OUTER6}/64 dev br0 nodad"),
                outer.namespace,
            )
            for number, name in enumerate(("a", "b"), 1):
                add_uplink(lab[name], outer.namespace, number)
            route(outer.namespace, ("10.77.0.0/24", "192.0.2.100"))
            route(outer.namespace, ("2001:db8:77::/64", "2001:db8:99::100"))
            route(lab.router.namespace, ("192.0.2.0/24", VIP4))
            route(lab.router.namespace, ("2001:db8:99::/64", VIP6))
            yield Gateways(lab, outer)
        finally:
            remove_namespace(outer.namespace)


def add_uplink(host: Host, outer: str, number: int) -> None:
    ip("link", "add", f"out{number}", "type", "veth", "peer", "name", "uplink", "netns",
       host.namespace, namespace=outer)  # fmt: skip
    ip("link", "set", f"out{number}", "master", "br0", "up", namespace=outer)
    host.sysctl("net/ipv6/conf/uplink/accept_dad", "0")
    host.sysctl("net/ipv4/ip_forward", "1")
    host.sysctl("net/ipv6/conf/all/forwarding", "1")
    ip_batch(
        (
            "link set uplink up",
            f"addr add 192.0.2.{number}/24 dev uplink",
            f"addr add 2001:db8:99::{number}/64 dev uplink nodad",
        ),
        host.namespace,
    )


def route(namespace: str, through: tuple[str, str]) -> None:
    ip("route", "add", through[0], "via", through[1], namespace=namespace)


def start_gateway(host: Host, advskew: int) -> Node:
    return start(
        host,
        config(
            group(advskew=advskew),
            group(vhid=2, interface="uplink", advskew=advskew, addresses=UPLINK_VIPS),
        ),
    )


def works_both_ways(setup: Gateways) -> bool:
    """Whether questions and answers pass in both directions, each family."""
    for inner, outer in DIRECTIONS:
        for serving, asking, at, own in (
            (setup.outer, setup.lab.router, outer, inner),
            (setup.lab.router, setup.outer, inner, outer),
        ):
            with bound(serving, at, 7001) as server, bound(asking, own) as client:
                if not serves(server, client):
                    return False
    return True


@pytest.mark.parametrize("rp_filter", ["0", "1", "2"])
def test_hosts_route_through_the_virtual_mac_and_failover_does_not_matter(
    tmp_path: Path, rp_filter: str
) -> None:
    need_lab()
    with gateways(tmp_path / "lab", rp_filter) as setup:
        lab = setup.lab
        assert not pings(lab.router, OUTER4, timeout_s=0.2), "nobody is the gateway yet"
        first = start_gateway(lab["a"], 0).become_master().become_master("2@uplink")
        second = start_gateway(lab["b"], 100).wait_for("BACKUP").wait_for("BACKUP", "2@uplink")
        with Ear(lab, lab.router) as ear, Ear(lab, lab["a"]) as of_first:
            assert works_both_ways(setup)
            asked = {frame[:6] for frame in ear.take() if b"question" in frame}
            claims = claims_in(of_first.take(0))
        assert asked == {VMAC}
        assert {claim.ethernet_source for claim in claims} == {VMAC}

        first.daemon.terminate()
        second.wait_for("MASTER").wait_for("MASTER", "2@uplink")
        eventually(lambda: works_both_ways(setup), 3, "b is the gateway")

        first = start_gateway(lab["a"], 0)
        first.wait_for("MASTER").wait_for("MASTER", "2@uplink")
        second.wait_for("BACKUP").wait_for("BACKUP", "2@uplink")
        eventually(lambda: works_both_ways(setup), 3, "a is the gateway again")


def test_gateway_hosts_reach_both_networks_and_each_other(tmp_path: Path) -> None:
    need_lab()
    with gateways(tmp_path / "lab", "1") as setup:
        lab = setup.lab
        start_gateway(lab["a"], 0).become_master().become_master("2@uplink")
        start_gateway(lab["b"], 100).wait_for("BACKUP").wait_for("BACKUP", "2@uplink")
        for host in (lab["a"], lab["b"]):
            for target in (CLIENT4, CLIENT6, OUTER4, OUTER6, VIP4, VIP6, "192.0.2.100"):
                assert pings(host, target), f"{host.name} -> {target}"
        for target in (VIP4, VIP6, "192.0.2.100", "2001:db8:99::100"):
            assert pings(lab.router, target), f"client -> {target}"
