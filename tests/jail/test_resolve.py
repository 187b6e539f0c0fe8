"""Merging and variables beyond what the transcripts show: limits, order, equality of names."""

from __future__ import annotations

import pytest
from tests.helpers.jail_conf import config_of

from carpio.jail.resolve import Setting, is_wildcard, matches, resolve, warnings_of


@pytest.mark.parametrize(
    ("name", "wildcard", "applies"),
    [
        ("a", "*", True), ("a.b.c", "*", True), ("a.b", "a.*", True), ("a.b.c", "a.*", True),
        ("a", "a.*", False), ("b.a", "a.*", False), ("a.b", "*.b", True), ("a.c.b", "*.b", False),
        ("b", "*.b", False), ("a.x.c", "a.*.c", True), ("a.x.y.c", "a.*.c", False),
        ("a.b", "*.*", True), ("a", "*.*", False), ("a.b.c", "*.*", True),
    ],
)  # fmt: skip
def test_a_wildcard_stands_for_components(name: str, wildcard: str, applies: bool) -> None:
    assert matches(name, wildcard) is applies


@pytest.mark.parametrize(
    ("name", "expected"),
    [("*", True), ("a.*", True), ("*.a", True), ("a*", False), ("a.*b", False), ("a", False)],
)
def test_a_star_counts_only_as_a_whole_component(name: str, expected: bool) -> None:
    assert is_wildcard(name) is expected


def test_a_long_chain_of_variables_is_no_problem() -> None:
    chain = "".join(f"$v{n} = $v{n + 1};" for n in range(5000))
    (jail,) = resolve(config_of(f"a {{ meta.x = $v0; {chain} $v5000 = end; }}"))
    assert jail.settings[-1] == Setting("meta.x", ("end",))


@pytest.mark.parametrize("operator", ['"$v{n}$v{n}"', "$v{n}, $v{n}"])
def test_few_variables_cannot_stand_for_ever_more(operator: str) -> None:
    lines = "".join(f"$v{n + 1} = {operator.format(n=n)};" for n in range(60))
    bad, good = resolve(config_of(f"$v0 = 0123456789; a {{ {lines} }} b {{ c; }}"))
    assert bad.settings == ()
    assert any("too long" in problem for problem in bad.problems)
    assert good.problems == ()


def test_a_loop_is_told_once_and_other_variables_are_still_looked_for() -> None:
    (jail,) = resolve(config_of("a { $x = $y; $y = $z; $z = $x; meta.a = $y; meta.b = $n; }"))
    assert jail.problems == ("x: variable loop", 'meta.b: variable "n" not found')


def test_only_booleans_and_modes_have_an_opposite() -> None:
    (jail,) = resolve(config_of("a { $de = 1; $node = 2; meta.x = $de$node; persist; nopersist; }"))
    assert jail.settings[1:] == (Setting("meta.x", ("12",)), Setting("nopersist", ()))


def test_a_variable_is_found_by_the_name_used_last() -> None:
    (jail,) = resolve(config_of("a { persist = 1; nopersist = 0; meta.a = $nopersist; }"))
    assert jail.settings[-1] == Setting("meta.a", ("0",))
    (jail,) = resolve(config_of("a { nopersist = 0; meta.a = $persist; }"))
    assert jail.problems == ('meta.a: variable "persist" not found',)


def warnings(text: str) -> list[str]:
    return [problem.text for problem in warnings_of(config_of(text))]


def test_only_what_is_outside_and_behind_a_block_that_wins_is_told() -> None:
    assert warnings("a; www { b; } b;") == [
        'f line 1: b: outside of all blocks, so it yields to "www" in f line 1'
    ]
    assert warnings("a; b; www { b; }") == []
    assert warnings("www { b; } a; b;") == []
    assert warnings("a; www { b; } c;") == []
    assert len(warnings("persist; * { nopersist; } persist;")) == 1
