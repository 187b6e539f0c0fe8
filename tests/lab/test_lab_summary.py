from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
from tests.helpers.lab_result import a_result

from carpio.lab.result import GapSeen, Outcome, Result
from carpio.lab.summary import print_results


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def gap(address: str, gap_ms: float, limit_ms: float | None, *, is_over: bool = True) -> GapSeen:
    return GapSeen(address=address, gap_ms=gap_ms, limit_ms=limit_ms, is_over=is_over)


def right(*gaps: GapSeen) -> Result:
    """Return a run without problems whose second event has these gaps."""
    first, second = a_result().events
    claims = tuple(claim for claim in second.claims if claim.verdict == "right")
    second = replace(second, gaps=gaps, claims=claims, problems=(), remarks=())
    return replace(
        a_result(), events=(first, second), problems=(), remarks=(), outcome=Outcome.RIGHT
    )


def told(capsys: pytest.CaptureFixture[str], *results: Result) -> str:
    print_results(results, Path("/out"))
    return capsys.readouterr().out


def told_at(width: int, capsys: pytest.CaptureFixture[str], *results: Result) -> str:
    """Return what is told on a terminal of that width."""
    print_results(results, Path("/out"), width)
    return capsys.readouterr().out


def lines_of_table(text: str) -> list[str]:
    """Return the lines from the last of the headings to the first that is not of the table."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if "verdict" in line)
    return [line.rstrip() for line in takewhile(str.strip, lines[first:])]


def row(text: str, title: str) -> list[str]:
    """Return the cells of the last row that begins with a title."""
    (*_, line) = (line for line in text.splitlines() if line.strip().startswith(title))
    return re.split(r"  +", line.strip())


def test_gaps_of_both_families_stand_beside_their_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gaps = (gap("10.77.0.100", 3310.0, 3395.0), gap("2001:db8:77::100", 3312.0, 3395.0))
    cells = row(told(capsys, right(*gaps)), "a loses power")
    assert cells[1:3] == ["3.31 s / 3.31 s", "3.40 s"]
    assert cells[-1] == "ok"


def test_address_without_an_answer_has_no_length_of_its_gap(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, right(gap("10.77.0.100", 3310.0, 20.0, is_over=False)))
    assert row(text, "a loses power")[1:3] == ["no answer", "20 ms"]


def test_addresses_of_a_family_that_differ_have_a_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gaps = (gap("10.77.0.100", 1.0, 20.0), gap("192.0.2.1", 9.0, 20.0), gap("10.77.0.101", 1, 20))
    text = told(capsys, right(*gaps))
    assert row(text, "a loses power")[1:3] == ["1 ms", "20 ms"]
    assert re.search(r"^ +9 ms +20 ms", text, re.MULTILINE)


@pytest.mark.parametrize("width", [16, 20, 30, 40, 60, 80, 100, 132])
def test_table_fits_the_terminal_and_has_the_verdict_of_each_event(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told_at(width, capsys, a_result(), right(gap("10.77.0.100", 3310.0, 3395.0)))
    table = lines_of_table(text)
    assert max(map(len, table)) <= width
    assert "…" not in text
    assert any(line.endswith("WRONG") for line in table)


def test_columns_are_left_out_by_weight_and_what_stays_is_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = right(gap("10.77.0.100", 3310.0, 3395.0), gap("2001:db8:77::100", 3312.0, 3395.0))
    wide = told_at(120, capsys, run)
    assert "who claimed addresses" in wide
    narrow = told_at(80, capsys, run)
    assert "who claimed addresses" not in narrow
    assert row(narrow, "a loses power") == [
        "a loses power", "3.31 s / 3.31 s", "3.40 s", "0", "b", "+0.7 ms", "ok",
    ]  # fmt: skip
    assert row(told_at(40, capsys, run), "a loses power")[-2:] == ["0", "ok"]


def test_what_goes_to_no_terminal_is_a_hundred_wide_at_most(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert max(map(len, lines_of_table(told(capsys, a_result())))) <= 100


def test_without_a_terminal_columns_says_how_wide_the_table_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = told_at(160, capsys, a_result())
    assert wide != told(capsys, a_result())
    monkeypatch.setenv("COLUMNS", "160")
    assert told(capsys, a_result()) == wide
    monkeypatch.setenv("COLUMNS", "many")
    assert told(capsys, a_result()) == told_at(100, capsys, a_result())


def test_problems_remarks_and_blind_observers_are_told_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, a_result())
    assert row(text, "a loses power")[-1] == "WRONG"
    assert "  PROBLEM a loses power: 3 wrong claims\n" in text
    assert "  remark: a loses power: late\n" in text
    assert text.splitlines()[-1] == "WRONG: 1 problem(s), see above."
    unproved = replace(right(), outcome=Outcome.UNPROVED, problems=("3 frames lost",))
    assert told(capsys, unproved).splitlines()[-1] == "NOT PROVED: 1 problem(s), see above."


def test_run_tells_what_was_observed_and_where_it_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    *_, facts, prober, place, last = told(capsys, right()).splitlines()
    assert facts == (
        "100 frames captured, 0 lost; 900 flood requests; of 4 forged claims the judge saw 4"
    )
    assert prober.startswith("prober late by 0.5 ms (99 %), 2.0 ms (worst)")
    assert place == "in /out/run-1: result.json and capture.pcapng"
    assert last == "Nothing wrong."


def test_repetitions_end_with_medians_and_maxima_by_family(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = [
        right(gap("10.77.0.100", v4, None), gap("2001:db8:77::100", v4 + 100, None))
        for v4 in (1.0, 2.0, 9.0)
    ]
    text = told(capsys, *runs, replace(a_result(), outcome=Outcome.WRONG))
    title = text.index("4 repetitions: median / maximum")
    cells = row(text[title:], "a loses power")
    assert cells[2] == "102.0 / 109.0 ms"
    assert cells[-2:] == ["3", "1"]
    assert text.splitlines()[-1] == "WRONG: 1 problem(s) in 1 of 4 runs, see above."
