"""The locator finds the line of everything that tomllib accepts."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.config.locate import KeyPath, key_lines


def test_keys_of_the_root_and_of_tables_have_their_lines() -> None:
    lines = key_lines("a = 1\n\n[t]\nb = 2\n  c.d = 3 # remark\n")
    assert lines[("a",)] == 1
    assert lines[("t",)] == 3
    assert lines[("t", "b")] == 4
    assert lines[("t", "c", "d")] == 5


def test_each_table_of_a_list_has_its_own_index() -> None:
    lines = key_lines("[[vhid]]\nid = 1\n[[vhid]]\n\nid = 2\n")
    assert lines[("vhid", 0)] == 1
    assert lines[("vhid", 0, "id")] == 2
    assert lines[("vhid", 1)] == 3
    assert lines[("vhid", 1, "id")] == 5


def test_a_table_below_a_list_belongs_to_its_newest_element() -> None:
    lines = key_lines("[[a]]\n[[a]]\n[a.b]\nc = 1\n[[a.d]]\n[[a.d]]\ne = 2\n")
    assert lines[("a", 1, "b", "c")] == 4
    assert lines[("a", 1, "d", 1, "e")] == 7


def test_elements_of_a_list_over_several_lines_have_their_lines() -> None:
    text = 'x = [ # first\n  "a", # not , this ]\n\n  "b]", [1,\n2],\n]\ny = 0\n'
    lines = key_lines(text)
    assert [lines[("x", i)] for i in range(3)] == [2, 4, 4]
    assert lines[("x", 2, 1)] == 5
    assert lines[("y",)] == 7


@pytest.mark.parametrize(
    "value",
    [
        '"""\n# no = "remark"\n[no]\n"""',
        "'''\nit's\n[[no]]\n'''",
        '"""\\"""\n\nno = 1"""',
        '"""two quotes at the end\n\n\n"""""',
        "'''two quotes at the end\n\n\n'''''",
        '"""\\\n   \n  \n"""',
    ],
)
def test_strings_over_several_lines_are_stepped_over(value: str) -> None:
    lines = key_lines(f"a = {value}\nb = 1\n")
    assert lines[("b",)] == 2 + value.count("\n")
    assert set(lines) == {("a",), ("b",)}


def test_quoted_keys_are_known_by_what_they_stand_for() -> None:
    lines = key_lines('"a.b" = 1\n\'c"\' = 2\n"\\u0064" . e = 3\n["f]"]\n"" = 4\n')
    assert lines[("a.b",)] == 1
    assert lines[('c"',)] == 2
    assert lines[("d", "e")] == 3
    assert lines[("f]", "")] == 5


def test_inline_tables_and_lines_of_windows_are_understood() -> None:
    lines = key_lines('a = {b = 1, "c" = {d = [{e = 2}]}}\r\nf = 1979-05-27 07:32:00 # x\r\ng=1')
    assert lines[("a", "c", "d", 0, "e")] == 1
    assert lines[("f",)] == 2
    assert lines[("g",)] == 3


_KEYS = st.sampled_from(["a", "b-1", "vhid", '"x.y"', "'[z]'", "c . d", '"\\""'])
_SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", '"t # ] }"', "'l\\'", '"""m\n"q" ]\n"""', "'''n\n'''", "07:32:00"]
)
_INLINE = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[\n# remark ]\n" + ",\n ".join(v) + "]"),
        st.dictionaries(st.sampled_from(["p", "'q '"]), inner, max_size=2).map(
            lambda d: "{" + ", ".join(f"{k} = {v}" for k, v in d.items()) + "}"
        ),
    ),
    max_leaves=5,
)
_LINES = st.one_of(
    st.builds("{} = {} # end".format, _KEYS, _INLINE),
    st.builds("[[ {} ]]".format, _KEYS),
    st.builds("[{}]".format, _KEYS),
    st.just(""),
)


@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_every_value_of_any_valid_text_has_a_line_within_it(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    paths = set(_paths(data))
    assert paths <= set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def _paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = [path] if path else []
    for key, child in children:
        found += _paths(child, (*path, key))
    return found
