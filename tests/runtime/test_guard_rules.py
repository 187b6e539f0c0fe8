"""What the guard puts into its table, as values."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.runtime.guard_rules import (
    Chain,
    GuardedGroup,
    Ruleset,
    Set,
    contest_set,
    gate_set,
    make_ruleset,
    parent_of_contest_set,
    parent_of_gate_set,
    suffix,
)

VMAC, OTHER = bytes.fromhex("00005e000101"), bytes.fromhex("00005e000102")
V4, V6, LOCAL6 = ip_address("192.0.2.1"), ip_address("2001:db8::1"), ip_address("fe80::1")


def guarded(parent: str, *addresses: str, mac: bytes = VMAC) -> GuardedGroup:
    return GuardedGroup(parent=parent, mac=mac, addresses=tuple(map(ip_address, addresses)))


def sets_of(ruleset: Ruleset) -> dict[str, Set]:
    return {each.name: each for each in ruleset.sets}


def chains_of(ruleset: Ruleset) -> dict[str, Chain]:
    return {chain.name: chain for chain in ruleset.chains}


def test_nothing_to_guard_is_nothing_at_all() -> None:
    assert make_ruleset([], bystanders=["eth1"]) == Ruleset()


def test_a_claim_pairs_the_address_with_the_virtual_mac_twice() -> None:
    sets = sets_of(make_ruleset([guarded("eth0", "192.0.2.1", "2001:db8::1")]))
    padded = VMAC + b"\0\0"
    assert list(sets["claims4_eth0"].elements) == [V4.packed + padded + padded]
    assert list(sets["pairs6_eth0"].elements) == [V6.packed + padded]
    assert sets["mac4_eth0"].elements == {V4.packed: VMAC}
    assert sets["mac6_eth0"].elements == {V6.packed: VMAC}


def test_macs_are_per_parent_and_addresses_are_known_on_all() -> None:
    groups = [guarded("eth0", "192.0.2.1"), guarded("eth1", "198.51.100.1", mac=OTHER)]
    sets = sets_of(make_ruleset(groups))
    assert list(sets["mine_eth0"].elements) == [VMAC]
    assert list(sets["mine_eth1"].elements) == [OTHER]
    everywhere = {V4.packed, ip_address("198.51.100.1").packed}
    for name in ("all4", "ours4_eth0", "ours4_eth1"):
        assert set(sets[name].elements) == everywhere
    assert list(sets["mac4_eth1"].elements) == [ip_address("198.51.100.1").packed]


def test_a_link_local_address_is_guarded_on_its_own_parent_only() -> None:
    groups = [guarded("eth0", "fe80::1"), guarded("eth1", "2001:db8::1", mac=OTHER)]
    sets = sets_of(make_ruleset(groups))
    assert set(sets["ours6_eth0"].elements) == {LOCAL6.packed, V6.packed}
    assert set(sets["ours6_eth1"].elements) == {V6.packed}
    assert set(sets["all6"].elements) == {V6.packed}


def test_the_gates_are_the_only_set_with_timeouts_and_start_closed() -> None:
    sets = make_ruleset([guarded("eth0", "192.0.2.1")]).sets
    assert [(s.name, dict(s.elements)) for s in sets if s.timeout] == [("master_eth0", {})]
    lively = [(s.name, dict(s.elements)) for s in sets if s.is_lively]
    assert lively == [("master_eth0", {}), ("contested_eth0", {})]


def test_a_group_without_addresses_is_guarded_too() -> None:
    sets = sets_of(make_ruleset([guarded("eth0")]))
    assert list(sets["mine_eth0"].elements) == [VMAC]


def test_a_parent_is_never_a_bystander_and_nobody_is_one_twice() -> None:
    groups = [guarded("eth0", "192.0.2.1")]
    chains = chains_of(make_ruleset(groups, bystanders=["eth1", "eth0", "eth1"]))
    assert [name for name in chains if name.startswith("by_")] == ["by_eth1"]


def test_base_chains_sit_on_their_devices_egress_last_and_ingress_first() -> None:
    chains = chains_of(make_ruleset([guarded("eth0", "192.0.2.1")], bystanders=["eth1"]))
    hooks = {c.name: c.hook for c in chains.values() if c.hook is not None}
    places = {name: (hook.device, hook.number, hook.priority) for name, hook in hooks.items()}
    assert places == {
        "out_eth0": ("eth0", 1, 2**31 - 1),
        "in_eth0": ("eth0", 0, -(2**31)),
        "by_eth1": ("eth1", 1, 2**31 - 1),
    }


def test_a_chain_comes_after_the_chains_it_goes_to() -> None:
    names = [c.name for c in make_ruleset([guarded("eth0")], bystanders=["eth1"]).chains]
    assert names.index("nd_eth0") < names.index("ip6_eth0") < names.index("out_eth0")
    assert names.index("arp") < names.index("by_eth1")


def test_every_comment_is_unique_within_its_chain_or_a_mere_pass() -> None:
    for chain in make_ruleset([guarded("eth0")], bystanders=["eth1"]).chains:
        comments = [rule.comment for rule in chain.rules if rule.comment != "VLAN"]
        assert len(comments) == len(set(comments))


@pytest.mark.parametrize(
    ("device", "printable"),
    [("eth0", "eth0"), ("eth0.10", "eth0.10"), ("br-lan", "br-lan"), ("a:b@c", "a/3ab/40c")],
)
def test_set_names_end_with_what_nft_can_print(device: str, printable: str) -> None:
    assert suffix(device) == printable


@given(st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1))
def test_the_parent_is_told_back_by_the_name_of_its_gates(parent: str) -> None:
    assert parent_of_gate_set(gate_set(parent)) == parent
    assert parent_of_contest_set(contest_set(parent)) == parent
    assert parent_of_gate_set(contest_set(parent)) is None


@pytest.mark.parametrize("name", ["mine_eth0", "all4", "masters_eth0"])
def test_other_sets_are_no_gates(name: str) -> None:
    assert parent_of_gate_set(name) is None
