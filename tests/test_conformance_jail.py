"""The list of statements about jails in the documentation is complete, and what it names exists."""

import re
from functools import cache
from pathlib import Path

import pytest
from tests.test_conformance import TEST, names_in

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "reference" / "conformance-jail.md"

STATEMENTS = {
    "2.1": 7, "2.2": 4, "2.3": 5, "2.4": 1, "2.5": 7, "2.6": 5, "2.7": 3, "2.8": 4, "2.9": 3,
    "2.10": 2, "3.1": 41, "3.2": 2, "3.3": 3, "4": 11, "5": 6, "6.1": 4, "6.2": 7, "6.3": 6,
    "6.4": 6, "7": 10, "7.1": 3, "8": 7, "9": 11, "10": 13, "11": 12,
}  # fmt: skip
"""By section, in order, how many statements there are."""

ROW = re.compile(r"^\| J-([\d.]+)\.(\d+) \| (.+) \| (met|differs|open) \| (.*) \|$")
TRANSCRIPT = re.compile(r"`([\w/]+\.txt): ([^`]+)`")

Row = tuple[str, int, str, str, str]


def rows() -> list[Row]:
    """Return section, number, statement, verdict and evidence of each line."""
    found: list[Row] = []
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("| J-"):
            match = ROW.match(line)
            assert match is not None, line
            found.append((match[1], int(match[2]), match[3], match[4], match[5]))
    return found


@cache
def headings_in(path: Path) -> tuple[str, ...]:
    return tuple(line[3:] for line in path.read_text().splitlines() if line.startswith("## "))


def is_heading(path: Path, beginning: str) -> bool:
    """Return whether a transcript has a heading that begins so, up to the end of a word."""
    return any(re.match(rf"{re.escape(beginning)}(?!\w)", one) for one in headings_in(path))


def test_each_statement_has_exactly_one_line_in_order():
    expected = [(s, n) for s, count in STATEMENTS.items() for n in range(1, count + 1)]
    assert [(section, number) for section, number, *_ in rows()] == expected


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"J-{row[0]}.{row[1]}")
def test_each_line_names_what_exists_and_says_why_where_it_is_not_simply_met(row: Row):
    *_, statement, verdict, evidence = row
    assert statement.strip()
    tests, transcripts = TEST.findall(evidence), TRANSCRIPT.findall(evidence)
    assert tests or transcripts or verdict != "met"
    for test in tests:
        path, _, name = test.partition("::")
        assert (TESTS / path).is_file(), test
        assert name in names_in(TESTS / path), test
    for path, beginning in transcripts:
        assert (TESTS / path).is_file(), path
        assert is_heading(TESTS / path, beginning), f"{path}: {beginning}"
    words = TRANSCRIPT.sub("", TEST.sub("", evidence))
    assert ".py" not in words
    assert ".txt" not in words
    assert words.strip(" ,.") or verdict == "met"


def test_a_heading_that_is_not_there_would_be_seen():
    blocks = TESTS / "jail" / "transcripts" / "blocks.txt"
    assert is_heading(blocks, "wildcards")
    assert is_heading(blocks, "wildcards: never")
    assert not is_heading(blocks, "wild")
    assert not is_heading(blocks, "cards")
