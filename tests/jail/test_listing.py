"""One line for one jail, whatever its values are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.jail.listing import line_of, printable, quoted
from carpio.jail.resolve import Jail, Setting


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'), ("a", "a"), ("a b", '"a b"'), ("a\tb", '"a\tb"'), ("a\nb", '"a\\nb"'),
        ("a'b", '"a\'b"'), ('a"b', "'a\"b'"), ("a'\"b", '"a\'\\"b"'), ("a\\b", "a\\\\b"),
        ("\x1b", "\\x1b"), ("ä", "ä"),
    ],
)  # fmt: skip
def test_quotes_come_where_there_are_blanks_or_quotes(text: str, shown: str) -> None:
    assert quoted(text) == shown


@given(st.lists(st.text(), min_size=1))
def test_a_jail_is_one_line_without_control_characters(values: list[str]) -> None:
    line = line_of(Jail(name="a", settings=(Setting("b", tuple(values)),)), ";")
    assert not any(c < " " and c != "\t" for c in line)


def test_a_message_keeps_its_backslashes_and_loses_its_secrets() -> None:
    assert printable("a\\b\x07 pass x y\n") == "a\\b\\x07 pass *** y\\n"
