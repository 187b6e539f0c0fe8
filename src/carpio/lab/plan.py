"""What a lab consists of, as values: networks, switches, machines, cables, groups. Pure.

A network is a segment with its prefixes; it has one switch, or several in a row with a trunk
between each two neighbours. Every cable ends at a switch. A group lives on one network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface
from ipaddress import ip_network as network_of
from types import MappingProxyType
from typing import Final, TypeAlias

from carpio.lab.result import Kind

__all__ = [
    "CablePlan",
    "GroupPlan",
    "Interface",
    "IpNetwork",
    "MachinePlan",
    "NetworkPlan",
    "Plan",
    "TrunkPlan",
    "row_of_hosts",
]

Interface: TypeAlias = IPv4Interface | IPv6Interface
IpNetwork: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """A segment and its switches, in the order in which trunks connect them."""

    name: str
    prefixes: tuple[IpNetwork, ...]
    switches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkPlan:
    """A cable between two switches."""

    name: str
    between: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CablePlan:
    """An interface of a machine, where it is plugged in, and its own addresses."""

    interface: str
    network: str
    switch: str
    addresses: tuple[Interface, ...]
    mac: str = ""
    """Empty: whatever the kernel chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan:
    """A machine; `gateways` are its default routes."""

    name: str
    kind: Kind
    cables: tuple[CablePlan, ...]
    gateways: tuple[str, ...] = ()
    is_forwarding: bool = False

    def cable_on(self, network: str) -> CablePlan | None:
        """Return its cable to a network, if it has one."""
        return next((cable for cable in self.cables if cable.network == network), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """A group: `advskews` names the hosts that take part."""

    vhid: int
    network: str
    addresses: tuple[Interface, ...]
    advbase: int = 1
    advskews: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """`VHID@NETWORK`."""
        return f"{self.vhid}@{self.network}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole lab."""

    name: str
    title: str
    networks: tuple[NetworkPlan, ...]
    machines: tuple[MachinePlan, ...]
    groups: tuple[GroupPlan, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it has anything; names of a plan that has not cannot be checked."""
        return bool(self.machines)

    @property
    def trunks(self) -> tuple[TrunkPlan, ...]:
        """One between each two neighbouring switches of a network."""
        return tuple(
            TrunkPlan(name=f"{left}-{right}", between=(left, right))
            for network in self.networks
            for left, right in zip(network.switches, network.switches[1:], strict=False)
        )

    @property
    def switches(self) -> tuple[str, ...]:
        """All of them, by name."""
        return tuple(switch for network in self.networks for switch in network.switches)

    @property
    def hosts(self) -> tuple[MachinePlan, ...]:
        """The machines that run an implementation."""
        return tuple(machine for machine in self.machines if machine.kind is Kind.HOST)

    def network(self, name: str) -> NetworkPlan:
        """Return a network by its name."""
        return next(network for network in self.networks if network.name == name)


ROW_NETWORK: Final = "lan"
ROW_NUMBERS: Final[Mapping[str, int]] = MappingProxyType({"a": 1, "b": 2, "c": 3, "router": 254})


def row_of_hosts(names: Sequence[str], router: str) -> Plan:
    """Return hosts and a router, who is the client as well, on one switch."""
    machines = (
        MachinePlan(
            name=name,
            kind=Kind.ROUTER if name == router else Kind.HOST,
            cables=(
                CablePlan(
                    interface="eth0",
                    network=ROW_NETWORK,
                    switch=ROW_NETWORK,
                    addresses=(
                        ip_interface(f"10.77.0.{ROW_NUMBERS[name]}/24"),
                        ip_interface(f"2001:db8:77::{ROW_NUMBERS[name]:x}/64"),
                    ),
                ),
            ),
        )
        for name in (*names, router)
    )
    return Plan(
        name="row",
        title="hosts and a router on one switch",
        networks=(
            NetworkPlan(
                name=ROW_NETWORK,
                prefixes=(network_of("10.77.0.0/24"), network_of("2001:db8:77::/64")),
                switches=(ROW_NETWORK,),
            ),
        ),
        machines=tuple(machines),
    )
