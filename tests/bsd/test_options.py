"""Options as getopt(3) reads them."""

from __future__ import annotations

import pytest

from carpio.bsd.options import OptionError, parse_options


@pytest.mark.parametrize(
    ("words", "found", "rest"),
    [
        ([], [], []),
        (["-a"], [("a", "")], []),
        (["-ab", "x"], [("a", ""), ("b", "")], ["x"]),
        (["-f", "x", "y"], [("f", "x")], ["y"]),
        (["-afx", "y"], [("a", ""), ("f", "x")], ["y"]),
        (["-f", "-a"], [("f", "-a")], []),
        (["x", "-a"], [], ["x", "-a"]),
        (["-a", "--", "-b"], [("a", "")], ["-b"]),
        (["-", "-a"], [], ["-", "-a"]),
        (["-a", ""], [("a", "")], [""]),
    ],
)
def test_options_end_where_they_end_there(words: list[str], found: list, rest: list[str]) -> None:
    assert parse_options(words, switches="ab", valued="f") == (found, rest)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-ax"], "illegal option -- x"),
        (["--all"], "illegal option -- -"),
        (["-f"], "option requires an argument -- f"),
        (["-af"], "option requires an argument -- f"),
    ],
)
def test_a_wrong_option_is_told_in_the_words_of_getopt(words: list[str], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        parse_options(words, switches="ab", valued="f")
