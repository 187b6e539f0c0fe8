"""Rules that name interfaces are found in the listings of nft and iptables-save."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.insight.firewall import InterfaceRule, from_iptables_save, from_nft_json


def listing(*rules: dict[str, Any]) -> str:
    head: list[Any] = [{"metainfo": {"json_schema_version": 1}}, {"table": {"name": "filter"}}]
    return json.dumps({"nftables": head + [{"rule": rule} for rule in rules]})


def rule(right: object, key: str = "iifname", family: str = "inet") -> dict[str, Any]:
    return {
        "family": family,
        "table": "filter",
        "chain": "input",
        "handle": 4,
        "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": right}},
            {"match": {"op": "==", "left": {"payload": {"field": "dport"}}, "right": 22}},
            {"accept": None},
        ],
    }


@pytest.mark.parametrize("key", ["iif", "iifname", "oif", "oifname"])
def test_a_match_of_one_interface_is_found(key: str) -> None:
    assert from_nft_json(listing(rule("eth0", key))) == [
        InterfaceRule(where="inet filter input handle 4", key=key, interfaces=("eth0",))
    ]


def test_a_match_of_a_set_names_all_its_interfaces() -> None:
    (found,) = from_nft_json(listing(rule({"set": ["eth*", "carp*"]})))
    assert found.interfaces == ("eth*", "carp*")
    assert found.names("eth7")
    assert found.names("carp1-2")
    assert not found.names("veth7")


def test_other_matches_and_the_guard_itself_are_passed_over() -> None:
    assert from_nft_json(listing(rule(1, "mark"), rule("eth0", family="netdev"))) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nftables": 1}'])
def test_text_that_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_nft_json(text)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["rule", "expr", "match", "left", "right", "meta", "key", "set"]),
            inner,
            max_size=4,
        ),
    ),
)


@given(st.lists(_JSON, max_size=4))
def test_any_listing_is_read_without_surprise(items: list[Any]) -> None:
    from_nft_json(json.dumps({"nftables": items}))


def test_rules_of_iptables_save_are_found_with_their_table_and_chain() -> None:
    text = (
        "# Generated\n*filter\n:INPUT ACCEPT [0:0]\n"
        '-A INPUT -i eth0 -m comment --comment "-i not this" -j ACCEPT\n'
        "-A FORWARD -i br+ ! -o eth1 -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n"
        '*nat\n-A POSTROUTING -o "unclosed -j MASQUERADE\n'
    )
    assert from_iptables_save(text.splitlines()) == [
        InterfaceRule(where="iptables filter INPUT", key="-i", interfaces=("eth0",)),
        InterfaceRule(where="iptables filter FORWARD", key="-i", interfaces=("br+",)),
        InterfaceRule(where="iptables filter FORWARD", key="-o", interfaces=("eth1",)),
        InterfaceRule(where="iptables nat POSTROUTING", key="-o", interfaces=('"unclosed',)),
    ]


def test_a_plus_of_iptables_is_a_prefix() -> None:
    rule = InterfaceRule(where="", key="-i", interfaces=("br+",))
    assert (rule.names("br0"), rule.names("eth0")) == (True, False)
