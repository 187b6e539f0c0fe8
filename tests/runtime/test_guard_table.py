"""From what is in the table to what shall be: the messages of one transaction."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from carpio.runtime.guard_rules import GuardedGroup, Ruleset, make_ruleset
from carpio.runtime.guard_table import (
    Content,
    Shape,
    add_elements,
    changes,
    difference,
    element,
    gate_element,
)

VMAC, OTHER = bytes.fromhex("00005e000101"), bytes.fromhex("00005e000102")
EMPTY = Content(chains={}, rules={}, sets={}, elements={})
MAP, TIMEOUT, DYNAMIC = 0x8, 0x10, 0x20


def ruleset(*macs: bytes, parent: str = "eth0") -> Ruleset:
    groups = [
        GuardedGroup(parent=parent, mac=mac, addresses=(ip_address(f"192.0.2.{mac[5]}"),))
        for mac in macs
    ]
    return make_ruleset(groups)


def as_found(wanted: Ruleset, gates: tuple[bytes, ...] = ()) -> Content:
    """The table after `wanted` was installed, with these gates open."""

    def length(parts: list[int]) -> int:
        return parts[0] if len(parts) == 1 else sum((part + 3) & ~3 for part in parts)

    return Content(
        chains={c.name: c.hook.device if c.hook else "" for c in wanted.chains},
        rules={c.name: tuple(range(len(c.rules))) for c in wanted.chains},
        sets={
            s.name: Shape(
                (MAP if s.data else 0) | (TIMEOUT if s.timeout else 0) | (DYNAMIC if s.size else 0),
                length([part.length for part in s.key]),
                s.data.length if s.data else 0,
            )
            for s in wanted.sets
        },
        elements={
            s.name: dict.fromkeys(gates, b"") if s.timeout else s.elements for s in wanted.sets
        },
    )


def words(present: Content, wanted: Ruleset, known: Ruleset | None = None) -> list[str]:
    """What the transaction does; chains of `known` are as we wrote them."""
    intact = {c.name: c.rules for c in known.chains} if known else {}
    return [message.what for message in changes(present, wanted, intact=intact)]


def test_nothing_is_sent_when_nothing_differs() -> None:
    assert words(as_found(ruleset(VMAC), (VMAC,)), ruleset(VMAC), ruleset(VMAC)) == []


def test_an_empty_table_is_filled_sets_before_chains_before_rules() -> None:
    done = words(EMPTY, ruleset(VMAC))
    verbs = [next(v for v in ("set", "chain") if f"nftables {v}" in what) for what in done]
    assert verbs == sorted(verbs, reverse=True)
    assert done.index("creating nftables set mine_eth0") < done.index(
        "adding to nftables set mine_eth0"
    )
    assert done.index("creating nftables chain out_eth0 on eth0") < done.index(
        "adding a rule to nftables chain out_eth0"
    )


def test_rules_of_an_earlier_process_are_rewritten_and_its_sets_and_gates_kept() -> None:
    done = words(as_found(ruleset(VMAC), (VMAC,)), ruleset(VMAC))
    assert {what for what in done if "set" in what} == set()
    assert "emptying nftables chain out_eth0" in done
    assert not [what for what in done if what.startswith(("deleting", "creating"))]


def test_a_new_group_is_only_added_to_the_sets() -> None:
    done = words(as_found(ruleset(VMAC)), ruleset(VMAC, OTHER), ruleset(VMAC))
    assert all(what.startswith("adding to nftables set") for what in done)
    assert "adding to nftables set master_eth0" not in done


def test_the_gate_of_a_group_that_goes_is_closed_in_the_same_transaction() -> None:
    wanted, present = ruleset(VMAC), ruleset(VMAC, OTHER)
    done = words(as_found(present, (VMAC, OTHER)), wanted, present)
    assert "deleting from nftables set master_eth0" in done
    done = words(as_found(present, (VMAC,)), wanted, present)
    assert "deleting from nftables set master_eth0" not in done


def test_a_parent_that_goes_loses_chains_before_sets() -> None:
    done = words(as_found(ruleset(VMAC)), Ruleset(), ruleset(VMAC))
    emptied = [position for position, what in enumerate(done) if "emptying" in what]
    chains = [position for position, what in enumerate(done) if "deleting nftables chain" in what]
    sets = [position for position, what in enumerate(done) if "deleting nftables set" in what]
    assert max(emptied) < min(chains) <= max(chains) < min(sets)


def test_a_chain_on_another_device_is_made_again() -> None:
    wanted = ruleset(VMAC)
    present = as_found(wanted)
    moved = replace(present, chains={**present.chains, "out_eth0": "renamed"})
    done = words(moved, wanted, wanted)
    assert done[:3] == [
        "emptying nftables chain out_eth0",
        "deleting nftables chain out_eth0",
        "creating nftables chain out_eth0 on eth0",
    ]
    assert difference(moved, wanted, present.rules) == "chain out_eth0 has lost its device"


def test_a_set_of_another_shape_is_made_again() -> None:
    wanted = ruleset(VMAC)
    present = as_found(wanted)
    other = replace(present, sets={**present.sets, "mine_eth0": Shape(0, 8, 0)})
    done = words(other, wanted)
    assert done.index("deleting nftables set mine_eth0") < done.index(
        "creating nftables set mine_eth0"
    )
    assert "adding to nftables set mine_eth0" in done


def test_a_mapping_that_changed_is_deleted_and_added() -> None:
    wanted = ruleset(VMAC)
    present = as_found(wanted)
    key = ip_address("192.0.2.1").packed
    wrong = replace(present, elements={**present.elements, "mac4_eth0": {key: OTHER}})
    assert words(wrong, wanted, wanted) == [
        "deleting from nftables set mac4_eth0",
        "adding to nftables set mac4_eth0",
    ]


def test_gates_come_and_go_without_being_a_difference() -> None:
    wanted = ruleset(VMAC)
    handles = as_found(wanted).rules
    assert difference(as_found(wanted), wanted, handles) == ""
    assert difference(as_found(wanted, (VMAC,)), wanted, handles) == ""
    assert difference(EMPTY, wanted, handles) == "chain arp_eth0 is missing"


def test_the_quick_form_of_a_gate_is_the_same_element() -> None:
    assert gate_element(OTHER, 2_900) == element(OTHER, timeout_ms=2_900)


def test_more_elements_than_one_attribute_holds_are_spread_over_messages() -> None:
    messages = add_elements("all4", (element(bytes(4)) for _ in range(2_500)))
    assert len(messages) == 3
    assert all(len(message.body) < 65_536 for message in messages)
