"""What stands in the way of the groups of a configuration on this host, and what to do about it.

Judges facts; how they are come by is the business of `host_facts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.insight.host_facts import HostFacts, InterfaceFacts, gather
from carpio.wire.ethernet import format_mac, virtual_mac

__all__ = ["Finding", "Severity", "examine", "judge"]

_ETHERNET: Final = 1
_PAST_THE_GUARD: Final = frozenset({"macvlan", "macvtap", "ipvlan", "ipvtap"})
_TUNNELS: Final = frozenset({"gre", "gretap", "ip6gretap", "wireguard", "sit", "ipip", "ip6tnl"})
_EGRESS_HOOK_KERNEL: Final = (5, 16)
_LEAST_MTU: Final = {4: 576, 6: 1280}
"""By IP version: RFC 791 (datagram every host must take), RFC 8200 section 5."""


class Severity(Enum):
    """How bad a finding is; the value is its word in the report."""

    ERROR = "error"
    """carpio will refuse, or cannot work."""
    WARNING = "warning"
    """It may not do what was meant."""
    NOTE = "note"
    """Good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found on the host; prints as `severity: subject: what; remedy`."""

    severity: Severity
    subject: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.subject}: {self.what}; {self.remedy}"


def examine(config: DaemonConfig) -> list[Finding]:
    """Look at each network namespace of the configuration and judge it."""
    findings: list[Finding] = []
    for netns in dict.fromkeys([vhid.netns for vhid in config.vhids] or [None]):
        groups = [vhid for vhid in config.vhids if vhid.netns == netns]
        try:
            facts = gather(netns)
        except OSError as error:
            what = f"cannot be examined: {error.strerror}"
            remedy = f"ip netns add {netns}, or run as root"
            findings.append(Finding(Severity.ERROR, f"netns {netns}", what, remedy))
        else:
            findings += judge(groups, facts)
    return findings


def judge(groups: Sequence[VhidConfig], facts: HostFacts) -> list[Finding]:
    """Return what is in the way of `groups` in the network namespace of `facts`."""
    findings = [*_judge_kernel(facts)]
    for name in dict.fromkeys(group.instance.carpdev for group in groups):
        here = [group for group in groups if group.instance.carpdev == name]
        interface = facts.interface(name)
        if interface is None:
            what, remedy = "there is no such interface", "see `ip link` for the names"
            findings.append(Finding(Severity.ERROR, name, what, remedy))
            continue
        findings += _judge_kind(interface)
        findings += _judge_condition(interface, _versions(here))
        findings += _judge_addressing(interface, _versions(here))
        findings += _judge_firewall(interface, facts)
    for group in groups:
        findings += _judge_owners(group, facts)
    findings += _judge_rivals(groups, facts)
    findings += _judge_forwarding(_versions(groups), facts)
    findings += [
        Finding(Severity.NOTE, "not examined", what, "run as root") for what in facts.unknown
    ]
    return findings


def _versions(groups: Sequence[VhidConfig]) -> list[int]:
    """Return the IP versions that the groups need."""
    return sorted({a.address.version for g in groups for a in g.instance.addresses})


def _judge_kernel(facts: HostFacts) -> Iterator[Finding]:
    version = ".".join(map(str, facts.kernel))
    if facts.kernel < _EGRESS_HOOK_KERNEL or facts.egress_hook is False:
        yield Finding(
            Severity.ERROR,
            f"kernel {version}",
            "has no netdev egress hook, so nothing can guard the addresses",
            "use 5.16 or newer with CONFIG_NETFILTER_EGRESS=y",
        )


def _judge_kind(interface: InterfaceFacts) -> Iterator[Finding]:
    name, kind = interface.name, interface.kind
    if interface.is_loopback:
        yield Finding(Severity.ERROR, name, "is a loopback interface", "use an Ethernet interface")
    elif kind in _PAST_THE_GUARD:
        remedy = f"use {interface.lower or 'the interface below it'}"
        yield Finding(
            Severity.ERROR, name, f"is a {kind}: a virtual MAC on it bypasses the guard", remedy
        )
    elif interface.hardware != _ETHERNET or kind in _TUNNELS:
        yield Finding(
            Severity.ERROR,
            name,
            f"is not Ethernet ({kind or f'hardware type {interface.hardware}'})",
            "use an Ethernet, veth, bridge, bond, team, vlan or tap interface",
        )
    elif interface.master:
        yield Finding(
            Severity.ERROR, name, f"is a port of {interface.master}", f"use {interface.master}"
        )
    elif not interface.is_multicast:
        remedy = f"ip link set {name} multicast on"
        yield Finding(Severity.ERROR, name, "does not do multicast", remedy)


def _judge_condition(interface: InterfaceFacts, versions: Sequence[int]) -> Iterator[Finding]:
    name = interface.name
    if not interface.is_up:
        yield Finding(Severity.WARNING, name, "is down", f"ip link set {name} up")
    elif not interface.has_carrier:
        yield Finding(Severity.WARNING, name, "has no carrier", "look at cable and switch port")
    for version in versions:
        least = _LEAST_MTU[version]
        if interface.mtu < least:
            yield Finding(
                Severity.ERROR if version == 6 else Severity.WARNING,
                name,
                f"has an MTU of {interface.mtu}; IPv{version} wants at least {least}",
                f"ip link set {name} mtu 1500",
            )
    if interface.snoops and not interface.queries and 6 in versions:
        yield Finding(
            Severity.NOTE,
            name,
            "snoops multicast but sends no queries; when another querier is heard and goes away, "
            "advertisements over IPv6 may be cut off",
            f"ip link set {name} type bridge mcast_querier 1",
        )


def _judge_addressing(interface: InterfaceFacts, versions: Sequence[int]) -> Iterator[Finding]:
    name = interface.name
    if 6 in versions and interface.settings.get("ipv6/disable_ipv6") == 1:
        remedy = f"sysctl net.ipv6.conf.{name}.disable_ipv6=0"
        yield Finding(Severity.ERROR, name, "IPv6 is switched off", remedy)
        return
    for version in versions:
        if not any(address.version == version for address in interface.addresses):
            yield Finding(
                Severity.NOTE,
                name,
                f"has no IPv{version} address of its own: advertisements leave without a source "
                "of their own, and a BACKUP here cannot reach the shared addresses",
                "add one if that matters",
            )


def _judge_firewall(interface: InterfaceFacts, facts: HostFacts) -> Iterator[Finding]:
    for rule in facts.rules:
        if rule.names(interface.name) and not rule.names("carp1-1"):
            yield Finding(
                Severity.WARNING,
                interface.name,
                f"the rule in {rule.where} matches {rule.key} {interface.name}, but what is sent "
                "to the shared addresses arrives at a child of it called carpID-N",
                'match "carp*" as well',
            )


def _judge_owners(group: VhidConfig, facts: HostFacts) -> Iterator[Finding]:
    """Find shared addresses that the host has already, but for our own child's."""
    own_mac = format_mac(virtual_mac(group.instance.vhid))
    for virtual in group.instance.addresses:
        for interface in facts.interfaces:
            is_ours = interface.kind == "macvlan" and interface.mac == own_mac
            if virtual.address in interface.addresses and not is_ours:
                yield Finding(
                    Severity.ERROR,
                    group.name,
                    f"{virtual.address} is already on {interface.name}",
                    f"take it out of the host's network configuration, and "
                    f"ip address del {virtual} dev {interface.name}",
                )


def _judge_rivals(groups: Sequence[VhidConfig], facts: HostFacts) -> Iterator[Finding]:
    ids = ", ".join(str(number) for number in sorted({g.instance.vhid for g in groups}))
    for name, process in facts.rivals:
        yield Finding(
            Severity.WARNING,
            f"{name} (process {process})",
            "speaks protocol 112 here too",
            f"stop it, or see that it uses other ids than {ids or 'ours'}",
        )


def _judge_forwarding(versions: Sequence[int], facts: HostFacts) -> Iterator[Finding]:
    names = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
    for version in versions:
        if facts.forwarding.get(version) is False:
            yield Finding(
                Severity.NOTE,
                f"IPv{version}",
                "this host does not forward: the addresses work for services, not as a gateway",
                f"sysctl {names[version]}=1 if they are one",
            )
