"""What the long form of the lab says of its runs: it must be able to fail, both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LINE = Path(__file__).parents[1] / "scripts" / "nightly-line"


def run(outcome: str, wrong: int, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    claims = [
        {"kind": "reply", "verdict": "right", "count": 5},
        {"kind": "reply", "verdict": "wrong MAC", "count": wrong},
        {"kind": "traffic", "verdict": "wrong MAC", "count": 9},
    ]
    event = {"claims": claims if wrong else claims[:1], "outcomes": [{"after_limit_ms": 0.5}]}
    return {
        "outcome": outcome,
        "problems": problems,
        "events": [event],
        "observers": {"neighbours_refused": wrong},
    }


RIGHT, WRONG = run("right", 0), run("wrong", 2, ("wrong claims",))
UNPROVED = run("unproved", 0, ("the judge was blind",))


@pytest.mark.parametrize("text", ["", '{"schema": 1, "runs": [{'])
def test_a_line_of_what_did_not_run_to_its_end_says_so(tmp_path: Path, text: str):
    file = tmp_path / "runs.json"
    file.write_text(text)
    done = subprocess.run((sys.executable, str(LINE), str(file), "right"), capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout == b"NOT AS EXPECTED: did not run to its end\n"


@pytest.mark.parametrize(
    ("runs", "expected", "is_so"),
    [
        ([RIGHT, RIGHT], "right", True),
        ([RIGHT, WRONG], "right", False),
        ([RIGHT, UNPROVED], "right", False),
        ([WRONG], "wrong", True),
        ([WRONG, RIGHT], "wrong", False),
        ([run("wrong", 0, ("late",))], "wrong", False),
        ([UNPROVED], "wrong", False),
        ([], "right", False),
        (None, "wrong", False),
    ],
)
def test_a_line_says_whether_all_is_as_expected(
    tmp_path: Path, runs: list[Any] | None, expected: str, is_so: bool
):
    file = tmp_path / "runs.json"
    file.write_text("" if runs is None else json.dumps({"runs": runs}))
    command = (sys.executable, str(LINE), str(file), expected)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == is_so
    assert ("2 neighbours refused" in done.stdout) == (WRONG in (runs or ()))
    assert done.stdout.splitlines()[-1].startswith("NOT AS EXPECTED") != is_so
    assert all(
        problem in done.stdout for one in runs or () if not is_so for problem in one["problems"]
    )
