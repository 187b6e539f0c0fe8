"""The argument of libxo in all its forms."""

from __future__ import annotations

import pytest

from carpio.bsd.libxo import Style, take_style
from carpio.bsd.options import OptionError

PRETTY = Style(encoding="json", is_pretty=True)


@pytest.mark.parametrize(
    ("line", "words", "style"),
    [
        ("-s", ["-s"], Style()),
        ("--libxo json,pretty -s", ["-s"], PRETTY),
        ("-s --libxo=pretty,json", ["-s"], PRETTY),
        ("a --libxo:JP b", ["a", "b"], PRETTY),
        ("--libxo xml --libxo pretty", [], Style(encoding="xml", is_pretty=True)),
        ("--libxo json --libxo text", [], Style()),
    ],
)
def test_a_style_is_taken_wherever_it_stands(line: str, words: list[str], style: Style) -> None:
    assert take_style(line.split()) == (words, style)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("-s --libxo", "missing libxo option"),
        ("--libxo csv", "csv: not known here"),
        ("--libxo:Q", "Q: not known here"),
        ("--libxoq", "illegal option -- --libxoq"),
    ],
)
def test_what_is_no_style_is_an_error(line: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        take_style(line.split())
