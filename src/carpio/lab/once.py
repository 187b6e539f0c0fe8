"""What a topology may have once: names, interfaces, addresses, groups; and where they may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from carpio.lab.document import Table
from carpio.lab.plan import (
    CablePlan,
    GroupPlan,
    Interface,
    IpNetwork,
    MachinePlan,
    NetworkPlan,
)

__all__ = ["Once"]

INTERFACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,14}")
TAKEN: Final = ("lo", "all", "default")
"""Every machine has a loopback; the others are no interfaces but directories of sysctls."""
NO_MAC: Final = "00:00:00:00:00:00"
GROUP_BIT: Final = 1
"""Of the first octet of a MAC: it is no machine's."""


class Once:
    """What the machines and groups of one topology have taken so far."""

    def __init__(self, networks: Sequence[NetworkPlan]) -> None:
        self._networks = {network.name: network for network in networks}
        self._machines: set[str] = set()
        self._groups: set[str] = set()
        self._addresses: dict[tuple[str, IPv4Address | IPv6Address], str] = {}

    def machine(self, table: Table, machine: MachinePlan) -> None:
        """Note what is wrong with a machine beside those before."""
        if machine.name in self._machines:
            table.wrong("cables", f"{machine.name!r} is another machine, too", "rename one")
        self._machines.add(machine.name)
        if not machine.cables:
            table.wrong("cables", "has no usable cable", "write INTERFACE NETWORK ADDRESS/LENGTH")
        interfaces: set[str] = set()
        for cable in machine.cables:
            if cable.interface in interfaces:
                table.wrong("cables", f"{cable.interface} is there twice", "rename one")
            interfaces.add(cable.interface)
            self._cable(table, cable, f"{machine.name}'s own")
        for text in machine.gateways:
            if not _is_address(text):
                table.wrong("gateways", f"{text!r} is no address", 'write ["10.77.0.100"]')
            elif reason := _reason_against(text, machine):
                known = ", ".join(str(prefix) for prefix in _own_prefixes(machine)) or "its cables"
                table.wrong("gateways", f"{text} {reason}", f"use another address in {known}")

    def networks(self, tables: Mapping[str, Table]) -> None:
        """Note switches that are of two networks."""
        owners: dict[str, str] = {}
        for network in self._networks.values():
            for switch in network.switches:
                if owner := owners.get(switch):
                    key = "switches" if "switches" in tables[network.name].data else "prefixes"
                    what = f"{switch!r} is a switch of {owner} already"
                    remedy = "give each network switches of its own"
                    tables[network.name].wrong(key, what, remedy)
                owners[switch] = network.name

    def group(self, table: Table, group: GroupPlan) -> None:
        """Note what is wrong with a group beside machines and groups before."""
        if group.name in self._groups:
            table.wrong("vhids", f"{group.name} is there twice", "give each group its own vhid")
        self._groups.add(group.name)
        self._take(table, "addresses", group.network, group.addresses, f"of {group.name}")

    def _cable(self, table: Table, cable: CablePlan, whose: str) -> None:
        if cable.interface in TAKEN:
            what = f"{cable.interface!r} is no name of an interface of its own"
            table.wrong("cables", what, "write eth0, or another name")
        elif not INTERFACE.fullmatch(cable.interface):
            what = f"{cable.interface!r} cannot be the name of an interface"
            table.wrong("cables", what, "use at most 15 of a-z, 0-9, - and _")
        if cable.mac and int(cable.mac[:2], 16) & GROUP_BIT:
            table.wrong("cables", f"{cable.mac} is a multicast MAC", "let it begin with 02")
        if cable.mac == NO_MAC:
            table.wrong("cables", f"{cable.mac} is no MAC of a machine", "let it begin with 02")
        self._take(table, "cables", cable.network, cable.addresses, whose)

    def _take(
        self, table: Table, key: str, name: str, addresses: Iterable[Interface], whose: str
    ) -> None:
        prefixes = self._networks[name].prefixes
        for address in addresses:
            if not any(address.ip in prefix for prefix in prefixes):
                known = ", ".join(map(str, prefixes))
                table.wrong(key, f"{address} is in no prefix of {name}", f"use one in {known}")
            if other := self._addresses.get((name, address.ip)):
                table.wrong(key, f"{address.ip} is {other} already", "give it another address")
            self._addresses[name, address.ip] = whose


def _own_prefixes(machine: MachinePlan) -> tuple[IpNetwork, ...]:
    return tuple(address.network for cable in machine.cables for address in cable.addresses)


def _reason_against(gateway: str, machine: MachinePlan) -> str:
    """Return why a machine cannot have that default route; nothing if it can."""
    address = ip_address(gateway)
    if any(address == own.ip for cable in machine.cables for own in cable.addresses):
        return "is its own address"
    if not any(address in prefix for prefix in _own_prefixes(machine)):
        return "is on none of its cables"
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
