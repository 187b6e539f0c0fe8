"""The list of requirements in the documentation is complete, and its tests exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "reference" / "conformance.md"

RANGES = ((1, 13), (20, 32), (40, 44), (50, 58), (60, 86), (90, 102), (110, 114), (120, 128))
NUMBERS = [n for first, last in (*RANGES, (140, 152), (180, 186)) for n in range(first, last + 1)]
"""The numbers of the requirements; unicast (160 on) and VRRPv3 (170 on) are not claimed."""

ROW = re.compile(r"^\| R-(\d{3}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$")
TEST = re.compile(r"`([\w/]+\.py::[\w:]+)`")

Row = tuple[int, str, str, str]


def rows() -> list[Row]:
    """Return number, statement, verdict and evidence of each line that speaks of a requirement."""
    found: list[Row] = []
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("| R-"):
            match = ROW.match(line)
            assert match is not None, line
            found.append((int(match[1]), match[2], match[3], match[4]))
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the tests of a file as pytest calls them, those of classes with their class."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = (it.name for it in node.body if isinstance(it, ast.FunctionDef))
            names.update(f"{node.name}::{name}" for name in inner)
    return frozenset(name for name in names if name.rpartition("::")[2].startswith("test_"))


def test_each_requirement_has_exactly_one_line_in_order():
    assert [number for number, *_ in rows()] == NUMBERS


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"R-{row[0]:03}")
def test_each_line_names_tests_that_exist_and_says_why_where_it_is_not_simply_met(row: Row):
    _, statement, verdict, evidence = row
    assert statement.strip()
    assert verdict in ("met", "differs", "open")
    named = TEST.findall(evidence)
    assert named or verdict == "open"
    for test in named:
        path, _, name = test.partition("::")
        assert (TESTS / path).is_file(), test
        assert name in names_in(TESTS / path), test
    words = TEST.sub("", evidence)
    assert ".py" not in words, "a test is not named as `path.py::name`"
    assert words.strip(" ,") or verdict == "met"


def test_a_test_that_is_not_there_would_be_seen():
    assert "test_each_requirement_has_exactly_one_line_in_order" in names_in(Path(__file__))
    assert "rows" not in names_in(Path(__file__))
    assert "test_of_a_name_that_nobody_gave" not in names_in(Path(__file__))
    key = names_in(TESTS / "wire" / "test_auth.py")
    assert "TestKey::test_r026_twenty_raw_bytes_all_count" in key
    assert "test_r026_twenty_raw_bytes_all_count" not in key
