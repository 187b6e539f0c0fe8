"""Topology files: TOML to a plan.

    title = "Two hosts and a client on one switch"
    [network.lan]
    prefixes = ["10.77.0.0/24", "2001:db8:77::/64"]
    switches = ["left", "right"]                      # default: one, named as the network
    [host.a]
    advskew = 0
    cables = ["eth0 lan left 10.77.0.1/24 2001:db8:77::1/64"]
    [client.client]
    cables = ["eth0 lan left 10.77.0.254/24"]
    [[group]]
    vhids = "1-6"
    network = "lan"
    addresses = ["10.77.0.100/24"]                    # of the first; each further one is one higher

A cable is INTERFACE NETWORK [SWITCH] [MAC] ADDRESS/LENGTH...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_interface
from pathlib import Path
from types import MappingProxyType
from typing import Final

from carpio.lab.document import Table, read_document, short
from carpio.lab.once import Once
from carpio.lab.plan import CablePlan, GroupPlan, Interface, MachinePlan, NetworkPlan, Plan
from carpio.lab.result import Kind

__all__ = ["read_topology"]

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME: Final = 10
"""`port-` and the name are the name of an interface, of at most 15 characters."""
LONGEST_NAME_OF_SEVERAL: Final = 8
SWITCHES: Final = "switch"
"""The name of the namespace with all switches."""
MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
RANGE: Final = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")
ADVSKEW_STEP: Final = 100


def read_topology(path: Path) -> Plan:
    """Read a topology. Raises ConfigError."""
    document = read_document(path)
    root = document.root
    root.only("title", "network", "host", "router", "client", "group")
    segments = dict(root.named("network"))
    networks = tuple(_network(name, table) for name, table in segments.items())
    machines: list[MachinePlan] = []
    advskews: dict[str, int] = {}
    once = Once(networks)
    once.networks(segments)
    for kind in Kind:
        for name, table in root.named(kind.value):
            machines.append(_machine(name, kind, table, networks))
            once.machine(table, machines[-1])
            if kind is Kind.HOST:
                default = min(ADVSKEW_STEP * len(advskews), 254)
                advskews[name] = table.number("advskew", 0, 254, default)
    groups: list[GroupPlan] = []
    for table in root.tables("group"):
        for group in _groups(table, networks, machines, advskews):
            once.group(table, group)
            groups.append(group)
    if not root.data.get("group"):
        root.wrong("group", "is missing", "add [[group]] with vhids, network and addresses")
    title = root.text("title")
    if not networks:
        root.wrong("network", "is missing", "add [network.lan] with prefixes")
    if not any(machine.kind is not Kind.HOST for machine in machines):
        root.wrong("client", "is missing", "add [client.client]: somebody must ask")
    _check_asker(root, machines, groups)
    document.finish()
    return Plan(
        name=path.stem,
        title=title,
        networks=networks,
        machines=tuple(machines),
        groups=tuple(groups),
    )


def _check_asker(root: Table, machines: Sequence[MachinePlan], groups: Sequence[GroupPlan]) -> None:
    """Note a first router or client that is on no network with a group: it would ask nothing."""
    asker = next((machine for machine in machines if machine.kind is not Kind.HOST), None)
    if asker is None or not groups or any(asker.cable_on(group.network) for group in groups):
        return
    for name, table in root.named(asker.kind.value):
        if name == asker.name:
            known = ", ".join(dict.fromkeys(group.network for group in groups))
            what = "it is the first that asks, and no cable goes to a network with a group"
            table.wrong("cables", what, f"add one to {known}, or put another machine before it")


def _network(name: str, table: Table) -> NetworkPlan:
    table.only("prefixes", "switches")
    switches = table.texts("switches", (name,))
    if not switches or len(set(switches)) < len(switches):
        table.wrong("switches", f"{list(switches)} cannot be used", "name one at least, each once")
    return NetworkPlan(name=name, prefixes=table.prefixes("prefixes"), switches=switches or (name,))


def _machine(name: str, kind: Kind, table: Table, networks: tuple[NetworkPlan, ...]) -> MachinePlan:
    table.only("cables", "advskew", "gateways", "forwarding")
    texts = table.texts("cables", None)
    cables = [cable for text in texts if (cable := _cable(text, table, networks))]
    longest = LONGEST_NAME if len(texts) < 2 else LONGEST_NAME_OF_SEVERAL
    if kind is not Kind.HOST and "advskew" in table.data:
        table.wrong("advskew", "is of hosts only", "leave it out")
    if not NAME.fullmatch(name) or len(name) > longest or name == SWITCHES:
        remedy = f"use at most {longest} of a-z, 0-9 and _, and not {SWITCHES}"
        table.wrong("cables", f"{name!r} cannot be the name of a machine", remedy)
    return MachinePlan(
        name=name,
        kind=kind,
        cables=tuple(cables),
        gateways=table.texts("gateways"),
        is_forwarding=table.flag("forwarding", default=False),
    )


def _cable(text: str, table: Table, networks: tuple[NetworkPlan, ...]) -> CablePlan | None:
    words = text.split()
    network = next((one for one in networks if one.name in words[1:2]), None)
    if network is None:
        table.wrong(
            "cables",
            f"{text!r} names no network",
            "write INTERFACE NETWORK [SWITCH] [MAC] ADDRESS/LENGTH...",
        )
        return None
    interface, rest = words[0], words[2:]
    switch = rest.pop(0) if rest and rest[0] in network.switches else network.switches[0]
    mac = rest.pop(0) if rest and MAC.fullmatch(rest[0]) else ""
    addresses: list[Interface] = []
    for word in rest:
        try:
            addresses.append(ip_interface(word))
            if "/" not in word:
                table.wrong("cables", f"{word} has no prefix length", f"write {word}/LENGTH")
        except ValueError:
            known = f"a switch of {network.name} ({', '.join(network.switches)})"
            table.wrong("cables", f"{word!r} is no address", f"write an address, or {known}")
    return CablePlan(
        interface=interface,
        network=network.name,
        switch=switch,
        addresses=tuple(addresses),
        mac=mac,
    )


def _groups(
    table: Table,
    networks: tuple[NetworkPlan, ...],
    machines: list[MachinePlan],
    advskews: dict[str, int],
) -> Iterator[GroupPlan]:
    table.only("vhids", "network", "addresses", "advbase")
    network = table.text("network")
    if network not in [one.name for one in networks]:
        remedy = f"one of {', '.join(one.name for one in networks)}"
        table.wrong("network", f"{network!r} is no network", remedy)
        return
    advbase = table.number("advbase", 1, 255, 1)
    members = [one.name for one in machines if one.kind is Kind.HOST and one.cable_on(network)]
    vhids = _vhids(table)
    addresses = [one for one in table.interfaces("addresses") if _has_room(table, one, vhids)]
    if table.data.get("addresses") == []:
        table.wrong("addresses", "has none", 'write ["10.77.0.100/24"]')
    for place, vhid in enumerate(vhids):
        yield GroupPlan(
            vhid=vhid,
            network=network,
            addresses=tuple(
                ip_interface(f"{first.ip + place}/{first.network.prefixlen}") for first in addresses
            ),
            advbase=advbase,
            advskews=MappingProxyType({name: advskews[name] for name in members}),
        )


def _has_room(table: Table, first: Interface, vhids: range) -> bool:
    """Whether each group of a range has an address, counted from the first; note it if not."""
    room = (1 << first.max_prefixlen) - int(first.ip)
    if len(vhids) > room:
        what = f"{first.ip} is followed by {room - 1} addresses, {len(vhids)} groups need one each"
        table.wrong("addresses", what, "begin lower")
    return len(vhids) <= room


def _vhids(table: Table) -> range:
    text = table.text("vhids")
    match = RANGE.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= 255:
        table.wrong("vhids", f"{short(text)} cannot be used", 'write "1" or "1-6", within 1 to 255')
        return range(0)
    return range(first, last + 1)
