"""What stands in the way on a host is judged from facts, each with its remedy."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.core.model import InstanceConfig, Vhid, VirtualAddress
from carpio.insight.firewall import InterfaceRule
from carpio.insight.host import Finding, Severity, examine, judge
from carpio.insight.host_facts import HostFacts, InterfaceFacts, gather
from carpio.wire.auth import Key


def group(carpdev: str = "eth0", *addresses: str, vhid: int = 7) -> VhidConfig:
    instance = InstanceConfig(
        vhid=Vhid(vhid),
        carpdev=carpdev,
        key=Key.from_passphrase("x"),
        addresses=tuple(VirtualAddress(ip_address(a), 24) for a in addresses),
    )
    return VhidConfig(instance=instance, name=f"{vhid}@{carpdev}")


ETH0 = InterfaceFacts(name="eth0", addresses=(ip_address("10.0.0.2"), ip_address("2001:db8::2")))
GOOD = HostFacts(interfaces=(ETH0,), kernel=(6, 1), egress_hook=None, forwarding={4: True, 6: True})


def with_eth0(**changes: object) -> HostFacts:
    return replace(GOOD, interfaces=(replace(ETH0, **changes),))  # type: ignore[arg-type]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_a_good_host_gives_no_finding() -> None:
    assert judge([group("eth0", "10.0.0.1", "2001:db8::1")], GOOD) == []


def test_a_finding_reads_as_severity_subject_what_and_remedy() -> None:
    finding = Finding(Severity.WARNING, "eth0", "is down", "ip link set eth0 up")
    assert str(finding) == "warning: eth0: is down; ip link set eth0 up"


def test_a_missing_interface_is_an_error() -> None:
    finding = only(judge([group("eth9")], GOOD))
    assert (finding.severity, finding.subject) == (Severity.ERROR, "eth9")


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"is_loopback": True, "hardware": 772}, "is a loopback", "use an Ethernet"),
        ({"kind": "macvlan", "lower": "eth1"}, "is a macvlan: ", "use eth1"),
        ({"kind": "ipvlan"}, "is a ipvlan: ", "use the interface below it"),
        ({"kind": "tun", "hardware": 65534}, "is not Ethernet (tun)", "use an Ethernet"),
        ({"hardware": 776}, "is not Ethernet (hardware type 776)", "use an Ethernet"),
        ({"kind": "gretap"}, "is not Ethernet (gretap)", "use an Ethernet"),
        ({"master": "br0"}, "is a port of br0", "use br0"),
        ({"is_multicast": False}, "does not do multicast", "ip link set eth0 multicast on"),
    ],
)
def test_an_interface_on_which_groups_cannot_live_is_an_error(changes, what, remedy) -> None:
    finding = only(judge([group()], with_eth0(**changes)))
    assert finding.severity is Severity.ERROR
    assert finding.what.startswith(what)
    assert finding.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"is_up": False, "has_carrier": False}, "is down"),
        ({"has_carrier": False}, "has no carrier"),
        ({"mtu": 500}, "has an MTU of 500; IPv4 wants at least 576"),
    ],
)
def test_an_interface_in_a_bad_condition_is_a_warning(changes, what) -> None:
    finding = only(judge([group("eth0", "10.0.0.1")], with_eth0(**changes)))
    assert (finding.severity, finding.what) == (Severity.WARNING, what)


def test_ipv6_needs_its_mtu_and_must_not_be_off() -> None:
    groups = [group("eth0", "2001:db8::1")]
    finding = only(judge(groups, with_eth0(mtu=1279)))
    assert (finding.severity, "at least 1280" in finding.what) == (Severity.ERROR, True)
    finding = only(judge(groups, with_eth0(settings={"ipv6/disable_ipv6": 1})))
    assert finding.remedy == "sysctl net.ipv6.conf.eth0.disable_ipv6=0"
    assert judge([group("eth0", "10.0.0.1")], with_eth0(settings={"ipv6/disable_ipv6": 1})) == []


def test_a_bridge_that_snoops_without_asking_is_noted_for_ipv6_alone() -> None:
    facts = with_eth0(kind="bridge", snoops=True)
    finding = only(judge([group("eth0", "2001:db8::1")], facts))
    assert (finding.severity, "mcast_querier 1" in finding.remedy) == (Severity.NOTE, True)
    assert judge([group("eth0", "10.0.0.1")], facts) == []
    queried = with_eth0(kind="bridge", snoops=True, queries=True)
    assert judge([group("eth0", "2001:db8::1")], queried) == []


def test_an_interface_without_an_address_of_the_family_is_noted() -> None:
    facts = with_eth0(addresses=(ip_address("10.0.0.2"),))
    assert only(judge([group("eth0", "2001:db8::1")], facts)).severity is Severity.NOTE
    assert judge([group("eth0", "10.0.0.1")], facts) == []


def test_an_address_on_another_interface_is_an_error_but_not_on_our_own_child() -> None:
    child = InterfaceFacts(
        name="carp7-2",
        kind="macvlan",
        mac="00:00:5e:00:01:07",
        addresses=(ip_address("10.0.0.1"),),
    )
    groups = [group("eth0", "10.0.0.1")]
    assert judge(groups, replace(GOOD, interfaces=(ETH0, child))) == []
    other = replace(child, mac="00:00:5e:00:01:08")
    finding = only(judge(groups, replace(GOOD, interfaces=(ETH0, other))))
    assert finding.severity is Severity.ERROR
    assert finding.what == "10.0.0.1 is already on carp7-2"
    assert "ip address del 10.0.0.1/24 dev carp7-2" in finding.remedy


@pytest.mark.parametrize(
    ("names", "is_found"),
    [(("eth0",), True), (("eth*",), True), (("eth0", "carp*"), False), (("eth1",), False)],
)
def test_a_rule_that_names_the_parent_but_not_its_children_is_a_warning(
    names: tuple[str, ...], is_found: bool
) -> None:
    rule = InterfaceRule(where="inet filter input handle 4", key="iifname", interfaces=names)
    found = judge([group()], replace(GOOD, rules=(rule,)))
    assert [finding.severity for finding in found] == [Severity.WARNING] * is_found


def test_another_owner_of_the_protocol_is_a_warning_that_names_our_ids() -> None:
    groups = [group(vhid=7), group(vhid=3)]
    finding = only(judge(groups, replace(GOOD, rivals=(("keepalived", 812),))))
    assert (finding.severity, finding.subject) == (Severity.WARNING, "keepalived (process 812)")
    assert finding.remedy.endswith("other ids than 3, 7")


@pytest.mark.parametrize(
    "changes", [{"kernel": (5, 15)}, {"kernel": (4, 19)}, {"egress_hook": False}]
)
def test_a_kernel_without_the_egress_hook_is_an_error(changes) -> None:
    finding = only(judge([], replace(GOOD, **changes)))
    assert finding.severity is Severity.ERROR
    assert "CONFIG_NETFILTER_EGRESS=y" in finding.remedy


def test_a_host_that_does_not_forward_is_noted_for_the_families_in_use() -> None:
    facts = replace(GOOD, forwarding={4: False, 6: False})
    finding = only(judge([group("eth0", "10.0.0.1")], facts))
    assert (finding.severity, finding.subject) == (Severity.NOTE, "IPv4")


def test_what_could_not_be_looked_at_is_noted() -> None:
    finding = only(judge([], replace(GOOD, unknown=("firewall rules: no nft",))))
    assert (finding.severity, finding.what) == (Severity.NOTE, "firewall rules: no nft")


def test_the_facts_of_this_host_hold_its_loopback_and_its_kernel() -> None:
    facts = gather(None)
    loopback = facts.interface("lo")
    assert loopback is not None
    assert loopback.is_loopback
    assert facts.kernel > (2, 6)
    assert facts.interface("no-such-if") is None


def test_a_configuration_without_groups_is_examined_in_this_namespace() -> None:
    assert all(finding.severity is not Severity.WARNING for finding in examine(DaemonConfig()))
