"""What a result says of the lab itself: topology, versions, configurations, its kernel."""

from __future__ import annotations

import json
import platform
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Final

from carpio.errors import PlatformError
from carpio.lab.frr import VRRPD
from carpio.lab.host import Host
from carpio.lab.namespaces import ip
from carpio.lab.peers import Peer
from carpio.lab.picture import picture_of
from carpio.lab.plan import Plan
from carpio.lab.result import Cable, Configuration, Group, Kind, Machine, Network, Topology, Trunk
from carpio.lab.sighting import virtual_mac, vrrp_mac_v6
from carpio.lab.topology import Lab

__all__ = ["configurations_of", "neighbours_refused", "topology_of", "versions_of"]

SECRET: Final = re.compile(r"(--pass=).*", re.DOTALL)
KEPT_FILES: Final = ("carpio.toml", "keepalived.conf", "frr.sh", "vrrpd.conf")
VERSION_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "iproute2": ("ip", "-V"),
    "nftables": ("nft", "--version"),
    "tcpdump": ("tcpdump", "--version"),
    "keepalived": ("keepalived", "--version"),
    "ucarp": ("dpkg-query", "-W", "-f", "${Version}", "ucarp"),
    "frr": (VRRPD, "--version"),
}


def topology_of(lab: Lab, plan: Plan, peers: Mapping[str, Peer]) -> Topology:
    """Return what was built."""
    is_vrrp = any(peer.is_vrrp for peer in peers.values())
    machines = tuple(_machine(host, peers) for host in lab.hosts.values())
    groups = tuple(
        Group(
            name=group.name,
            vhid=group.vhid,
            network=group.network,
            addresses=tuple(map(str, group.addresses)),
            macs=tuple(_macs(group.vhid, is_vrrp=is_vrrp)),
            advbase=group.advbase,
            advskews=dict(group.advskews),
        )
        for group in plan.groups
    )
    return Topology(
        name=plan.name,
        title=plan.title,
        networks=tuple(
            Network(
                name=network.name,
                prefixes=tuple(map(str, network.prefixes)),
                switches=network.switches,
            )
            for network in plan.networks
        ),
        trunks=tuple(Trunk(name=trunk.name, between=trunk.between) for trunk in plan.trunks),
        machines=machines,
        groups=groups,
        picture=picture_of(plan, {name: peer.name for name, peer in peers.items()}),
    )


def _macs(vhid: int, *, is_vrrp: bool) -> Iterator[str]:
    yield virtual_mac(vhid).hex(":")
    if is_vrrp:
        yield vrrp_mac_v6(vhid).hex(":")


def _machine(host: Host, peers: Mapping[str, Peer]) -> Machine:
    return Machine(
        name=host.name,
        kind=host.plan.kind,
        cables=tuple(
            Cable(
                interface=cable.plan.interface,
                switch=cable.plan.switch,
                port=cable.port,
                mac=host.mac_of(cable.plan.interface).hex(":"),
                addresses=tuple(map(str, cable.plan.addresses)),
            )
            for cable in host.cables
        ),
        implementation=peers[host.name].name if host.plan.kind is Kind.HOST else "",
        is_forwarding=host.plan.is_forwarding,
    )


def versions_of(peers: Iterable[Peer]) -> dict[str, str]:
    """Return versions of the kernel, of tools, and of what ran on the hosts."""
    used = {peer.name for peer in peers}
    found = {"kernel": platform.release(), "python": platform.python_version()}
    found["carpio"] = version("carpio")
    for name, command in VERSION_OF.items():
        if name in ("keepalived", "ucarp", "frr") and name not in used:
            continue
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        lines = (done.stdout + done.stderr).splitlines()
        found[name] = next((line.strip() for line in lines if line.strip()), "?")
    return found


def configurations_of(lab: Lab) -> Iterator[Configuration]:
    """Yield what each host's implementation was given, without secrets."""
    for host in lab.hosts.values():
        for child in (*((host.daemon,) if host.daemon else ()), *host.companions):
            text = shlex.join(SECRET.sub(r"\1***", word) for word in child.command)
            yield Configuration(machine=host.name, name="command", text=text)
        for name in KEPT_FILES:
            path = host.directory / name
            if path.exists():
                yield Configuration(machine=host.name, name=name, text=path.read_text())


def neighbours_refused() -> int:
    """Return how often this kernel had no room for a neighbour since it runs, in any namespace.

    All namespaces share one limit for each family (arp(7), gc_thresh3).

    Raises:
        PlatformError: `ip` failed, or knows no JSON here.
    """
    shown = ip("-json", "-statistics", "ntable", "show")
    try:
        tables = json.loads(shown)
    except ValueError as error:
        raise PlatformError("`ip -json ntable` prints no JSON; use a newer iproute2") from error
    # those of single interfaces, which follow, have no counters
    return sum(table.get("table_fulls", 0) for table in tables)
