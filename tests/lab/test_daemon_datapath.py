"""What a MASTER puts on the wire, prefix routes, keepalived beside it, foreign claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

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

from carpio.lab.sighting import Claim, Kind
from carpio.lab.topology import SHARED_ADDRESSES, Host, Lab
from carpio.wire.ndp import unsolicited_na_frame

pytestmark = pytest.mark.lab

ROUTER4, ROUTER6 = "10.77.0.254", "2001:db8:77::fe"
STRANGER = bytes.fromhex("0200000000bd")
VRRP_VIP = "10.77.0.200"
VRRP_MAC = bytes.fromhex("00005e000133")
KEEPALIVED = f"""
vrrp_instance other {{
  state MASTER
  interface eth0
  use_vmac
  virtual_router_id 51
  priority 200
  advert_int 1
  virtual_ipaddress {{
    {VRRP_VIP}/24
  }}
}}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Host `a` and the router as its client."""
    need_lab()
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab


def forget_neighbours(*hosts: Host) -> None:
    for host in hosts:
        host.run("ip", "neigh", "flush", "dev", "eth0")


def ask_by_unicast(router: Host, mac: bytes) -> None:
    """Let the router's kernel verify what it knows: it asks that MAC alone."""
    for vip in (VIP4, VIP6):
        entry = (vip, "lladdr", mac.hex(":"), "dev", "eth0", "nud", "probe")
        router.run("ip", "neigh", "replace", *entry)


def be_a_service(host: Host, router: Host, mac: bytes) -> None:
    """Make a host send everything that a holder of the addresses sends."""
    forget_neighbours(host, router)
    asks_arp(router, VIP4)
    ask_by_unicast(router, mac)
    for vip, target in ((VIP4, ROUTER4), (VIP6, ROUTER6)):
        with bound(host, vip, 7001) as server, bound(router, target) as client:
            assert serves(server, client)
            forget_neighbours(host)  # the next one must find a cold neighbour
            server.sendto(b"unasked", client.getsockname())
            assert client.recvfrom(64)[0] == b"unasked"


def wrong(claims: Sequence[Claim]) -> list[Claim]:
    """Claims that pair an address with another MAC than the virtual one."""
    return [c for c in claims if c.ethernet_source != VMAC or c.payload_mac not in (None, VMAC)]


def test_everything_from_the_address_leaves_with_the_virtual_mac(lab: Lab) -> None:
    host, router = lab["a"], lab.router
    for address in SHARED_ADDRESSES:
        host.run("ip", "addr", "add", str(address), "dev", "eth0")
    with Ear(lab, host) as ear:
        eventually(lambda: pings(router, VIP6), what="the address is no longer tentative")
        be_a_service(host, router, host.mac)
        assert {claim.kind for claim in wrong(claims_in(ear.take()))} >= {
            Kind.ARP_REPLY,
            Kind.NA,
            Kind.TRAFFIC,
        }, "without a daemon the check must find what is wrong"

        for address in SHARED_ADDRESSES:
            host.run("ip", "addr", "del", str(address), "dev", "eth0")
        node = start(host).become_master()
        ear.take(0)
        be_a_service(host, router, VMAC)
        claims = claims_in(ear.take())
    assert wrong(claims) == []
    assert {claim.kind for claim in claims} >= {Kind.ARP_REPLY, Kind.NA, Kind.TRAFFIC}
    assert node.is_in("MASTER")


def test_host_s_own_traffic_keeps_its_own_address_and_mac(lab: Lab) -> None:
    host = lab["a"]
    start(host).become_master()
    forget_neighbours(host, lab.router)
    with Ear(lab, host) as ear:
        assert pings(host, ROUTER4)
        assert pings(host, ROUTER6)
        heard = ear.take()
    own = frozenset(address.ip.packed for address in host.addresses)
    sent = claims_in(heard, own)
    assert {claim.ethernet_source for claim in sent} == {host.mac}
    assert {claim.payload_mac for claim in sent} <= {None, host.mac}


# -- prefix routes -----------------------------------------------------------------------------


def main_routes(host: Host) -> str:
    shown = [host.run("ip", family, "route").stdout for family in ("-4", "-6")]
    return "".join(line for text in shown for line in text.splitlines(True) if "carp1-" in line)


@pytest.mark.parametrize("own", [("192.0.2.1/24", "2001:db8:99::1/64"), ()], ids=["other", "none"])
def test_prefix_is_on_link_through_the_group_while_master_and_only_then(
    lab: Lab, own: tuple[str, ...]
) -> None:
    host, router = lab["a"], lab.router
    host.run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
    for address in own:
        host.run("ip", "addr", "add", address, "dev", "eth0")
    assert not pings(host, ROUTER4, timeout_s=0.2)
    node = start(host, config(group(advskew=200))).wait_for("BACKUP")
    assert main_routes(host) == ""
    assert not pings(router, VIP4, timeout_s=0.2)

    with Ear(lab, host) as ear:
        node.become_master()
        for vip, target in ((VIP4, ROUTER4), (VIP6, ROUTER6)):
            assert pings(router, vip), vip
            assert pings(host, target), f"{target} is reached from the address"
        claims = claims_in(ear.take())
    assert claims
    assert wrong(claims) == []
    routes = main_routes(host)
    assert re.search(rf"^10\.77\.0\.0/24 dev carp1-\d+ .*src {VIP4}", routes, re.MULTILINE)
    assert re.search(r"^2001:db8:77::/64 dev carp1-", routes, re.MULTILINE)

    node.host.run("ip", "link", "set", "eth0", "down")
    node.wait_for("INIT")
    eventually(lambda: main_routes(host) == "", what="a host that is no MASTER has no such route")
    node.host.run("ip", "link", "set", "eth0", "up")
    node.wait_for("BACKUP")
    assert main_routes(host) == ""
    node.become_master()
    eventually(lambda: pings(router, VIP4), what="the address works after the link came back")
    assert "10.77.0.0/24" in main_routes(host)


def test_prefix_route_goes_when_a_better_master_comes(tmp_path: Path) -> None:
    need_lab()
    with Lab(("a", "b"), sysctls=QUICK, out=tmp_path / "lab") as lab:
        lab["a"].run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
        node = start(lab["a"], config(group(advskew=200))).become_master()
        assert "10.77.0.0/24" in main_routes(lab["a"])
        start(lab["b"]).become_master()
        node.wait_for("BACKUP")
        eventually(lambda: main_routes(lab["a"]) == "")
        assert pings(lab.router, VIP4)


def test_no_prefix_route_where_the_host_has_an_address_of_the_prefix(lab: Lab) -> None:
    host = lab["a"]
    start(host).become_master()
    assert pings(lab.router, VIP4)
    assert main_routes(host) == ""
    host.run("ip", "addr", "del", str(host.addresses[0]), "dev", "eth0")
    eventually(lambda: "10.77.0.0/24" in main_routes(host), what="now only the group has it")
    host.run("ip", "addr", "add", str(host.addresses[0]), "dev", "eth0")
    eventually(lambda: "10.77.0.0/24" not in main_routes(host), what="now the host has it again")
    assert pings(lab.router, VIP4)


# -- neighbours on the same parent -------------------------------------------------------------


def test_keepalived_with_another_id_on_the_same_parent_is_undisturbed(lab: Lab) -> None:
    need_lab("keepalived")
    host, router = lab["a"], lab.router
    conf = host.directory / "keepalived.conf"
    conf.write_text(KEEPALIVED)
    files = [f"--{kind}={host.directory / kind}" for kind in ("pid", "vrrp_pid")]
    node = start(host).become_master()
    with Ear(lab, host) as ear:
        other = host.spawn(
            *("keepalived", "--dont-fork", "--log-console", "--vrrp", *files),
            *("--use-file", str(conf)),
            log="keepalived.log",
        )
        try:
            other.wait_for_log("Entering MASTER STATE")
            eventually(lambda: pings(router, VRRP_VIP), 5, "keepalived's address answers")
            assert pings(router, VIP4)
            assert pings(router, VIP6)
            asks_arp(router, VRRP_VIP)
            asks_arp(router, VIP4)
            heard = ear.take(1.2)
            assert node.is_in("MASTER")
            node.daemon.terminate()
            assert not pings(router, VIP4, timeout_s=0.2)
            assert pings(router, VRRP_VIP), "keepalived does not notice that carpio leaves"
        finally:
            other.terminate()
    own = claims_in(heard, frozenset({bytes((10, 77, 0, 200))}))
    assert {Kind.GRATUITOUS, Kind.ARP_REPLY} <= {claim.kind for claim in own}
    assert VRRP_MAC in {c.ethernet_source for c in own if c.kind is Kind.GRATUITOUS}
    vrrp = [f for f in heard if f[12:14] == b"\x08\x00" and f[23] == 112 and f[14 + 20] == 0x21]
    assert VRRP_MAC in {frame[6:12] for frame in vrrp}
    assert wrong(claims_in(heard)) == []


# -- foreign claims ------------------------------------------------------------------------------


def test_claim_by_a_third_host_is_counted_and_told_and_clients_are_answered_on(lab: Lab) -> None:
    host, router = lab["a"], lab.router
    node = start(host).become_master()
    assert pings(router, VIP4)
    assert "is using my IP address" not in node.daemon.log
    assert [rival for rival in node.status().rivals if rival.mac] == []

    lies = [
        frames.arp(mac=STRANGER, source=STRANGER, target=frames.VIP),
        frames.arp(mac=STRANGER, source=STRANGER, target=frames.OWN),
        unsolicited_na_frame(STRANGER, frames.VIP6, source=frames.VIP6),
    ]
    for _ in range(10):
        throw(router, *lies)
    eventually(lambda: claims_told(node) == {VIP4: 20, VIP6: 10})
    for vip in (VIP4, VIP6):
        line = f"arp: {STRANGER.hex(':')} is using my IP address {vip} on eth0!"
        node.daemon.wait_for_log(re.escape(line))
        assert node.daemon.log.count(line) == 1, "rate-limited"
        assert pings(router, vip)
    assert {rival.mac for rival in node.status().rivals} == {STRANGER.hex(":")}
    assert node.is_in("MASTER")
    assert STRANGER.hex(":") in node.shown_status()


def claims_told(node: Node) -> dict[str, int]:
    return {rival.source: rival.claims for rival in node.status().rivals}
