"""What a macvlan loses when somebody changes its parent or its settings comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.daemon_lab import (
    QUICK,
    VIP4,
    VIP6,
    Node,
    child_of,
    eventually,
    need_lab,
    pings,
    start,
)

from carpio.lab.topology import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    need_lab()
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
def master(lab: Lab) -> Node:
    return start(lab["a"]).become_master()


def mtu_of(node: Node) -> int:
    name = child_of(node.host)
    return int(node.host.run("cat", f"/sys/class/net/{name}/mtu").stdout)


def test_macvlan_follows_a_parent_whose_mtu_grows_again(lab: Lab, master: Node) -> None:
    """An MTU below 1280 costs the macvlan its IPv6 addresses; it does not grow by itself."""
    for mtu in ("600", "1500"):
        master.host.run("ip", "link", "set", "eth0", "mtu", mtu)
    eventually(lambda: mtu_of(master) == 1500, 12, "the MTU of the parent")
    master.wait_for("MASTER", timeout_s=12)
    eventually(lambda: pings(lab.router, VIP4, timeout_s=0.5), 5, "IPv4 answers")
    assert VIP6 in master.host.run("ip", "addr", "show", "dev", child_of(master.host)).stdout
    assert "Invalid argument" not in master.status().reason


def test_ipv6_disabled_on_the_macvlan_is_enabled_again(lab: Lab, master: Node) -> None:
    master.host.sysctl(f"net/ipv6/conf/{child_of(master.host)}/disable_ipv6", "1")
    eventually(lambda: pings(lab.router, VIP6, timeout_s=0.2), 3, "IPv6 answers")
    assert master.status().state == "MASTER"
    assert "refused" not in master.daemon.log
