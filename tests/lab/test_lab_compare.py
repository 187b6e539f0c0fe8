from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.lab_result import VIP, a_result

from carpio.errors import CarpioError
from carpio.lab.command import main
from carpio.lab.compare import (
    Comparison,
    as_json,
    as_markdown,
    as_page,
    run_all,
    scenario_and_variant,
    tables_of,
    write_comparison,
)
from carpio.lab.implementation import carpio_command
from carpio.lab.result import Outcome, Result, read_result, write_result
from carpio.lab.scenario import scenario_path


def a_right_result() -> Result:
    """Return the run without what was wrong in it."""
    result = a_result()
    event = result.events[1]
    gap = replace(event.gaps[0], gap_ms=2390.0)
    right = tuple(claim for claim in event.claims if claim.verdict == "right")
    return replace(
        result,
        outcome=Outcome.RIGHT,
        problems=(),
        events=(result.events[0], replace(event, claims=right, gaps=(gap,), problems=())),
    )


def a_comparison(directory: Path = Path("/nowhere")) -> Comparison:
    def play(scenario: str, implementation: str, place: Path) -> Result:
        if implementation == "frr":
            raise CarpioError("frr is not installed")
        return a_right_result() if implementation == "carpio" else a_result()

    return run_all(["crash"], ["carpio", "ucarp", "frr"], play, directory, "carpio lab compare x")


def test_every_scenario_is_played_with_every_implementation_in_a_place_of_its_own(
    tmp_path: Path,
) -> None:
    played = []

    def play(scenario: str, implementation: str, directory: Path) -> Result:
        played.append((scenario, implementation, str(directory.relative_to(tmp_path))))
        return a_result()

    run_all(["crash", "/lab/own.toml"], ["carpio", "./peer.toml"], play, tmp_path, "")
    assert played == [
        ("crash", "carpio", "crash/carpio"),
        ("crash", "./peer.toml", "crash/peer"),
        ("/lab/own.toml", "carpio", "own/carpio"),
        ("/lab/own.toml", "./peer.toml", "own/peer"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("crash", ("crash", "")),
        ("bug-191832/address-first", ("bug-191832", "address-first")),
        ("bug-191832/", ("bug-191832", "")),
        ("no/file", ("no/file", "")),
    ],
)
def test_variant_stands_behind_its_scenario(text: str, expected: tuple[str, str]) -> None:
    assert scenario_and_variant(text) == expected


def test_variant_of_a_file_stands_behind_its_path(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.touch()
    assert scenario_and_variant(str(file)) == (str(file), "")
    assert scenario_and_variant(f"{file}/loud") == (str(file), "loud")


def test_variants_of_a_scenario_have_places_and_tables_of_their_own(tmp_path: Path) -> None:
    names = ["bug-191832/attach-first", "bug-191832/address-first"]
    comparison = run_all(names, ["carpio"], lambda *_: a_result(), tmp_path, "")
    assert [run.directory for run in comparison.runs] == [
        "bug-191832-attach-first/carpio",
        "bug-191832-address-first/carpio",
    ]
    assert [table.scenario for table in tables_of(comparison)] == names


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["crash", "crash"], "crash is named twice; name it once"),
        (["crash", "--impl", "carpio,carpio"], "carpio is named twice; name it once"),
        (
            ["{a}/x.toml", "{b}/x.toml"],
            "{a}/x.toml and {b}/x.toml would both be called x; rename one of the files",
        ),
        (
            ["crash", "--impl", "{a}/x.sh,{b}/x.sh"],
            "{a}/x.sh and {b}/x.sh would both be called x; rename one of the files",
        ),
    ],
)
def test_runs_that_would_go_to_the_same_place_are_refused_before_the_first(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("ip", "tcpdump", "nft")
    places = {"a": tmp_path / "a", "b": tmp_path / "b"}
    for place in places.values():
        place.mkdir()
        (place / "x.toml").write_text(scenario_path("crash").read_text())
        (place / "x.sh").touch()
    with pytest.raises(SystemExit) as raised:
        main(["compare", *(word.format(**places) for word in words)])
    assert raised.value.code == 64
    assert capsys.readouterr().err.endswith(f"compare: {told.format(**places)}\n")


def test_place_of_a_run_that_is_taken_is_told_before_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("ip", "tcpdump", "nft")
    taken = tmp_path / "crash" / "ucarp"
    taken.mkdir(parents=True)
    words = ["compare", "crash", "--impl", "carpio,ucarp", "--out", str(tmp_path)]
    assert main(words) == 1
    assert capsys.readouterr().err == (
        f"carpio lab compare: {taken} exists; choose another --out\n"
    )


def test_what_cannot_run_is_told_and_the_others_are_compared() -> None:
    (table,) = tables_of(a_comparison())
    assert [run.failure for run in table.runs] == ["", "", "frr is not installed"]
    first, second, third = table.rows[1].cells
    assert first is not None
    assert second is not None
    assert third is None
    assert (first.is_right, first.wrong) == (True, 0)
    assert (second.is_right, second.wrong) == (False, 3)


def test_scenario_that_nobody_could_run_has_no_table() -> None:
    comparison = a_comparison()
    lost = tuple(replace(run, result=None, failure="no") for run in comparison.runs)
    assert tables_of(replace(comparison, runs=lost)) == ()
    assert "0 of 0" in as_markdown(replace(comparison, runs=lost))


def test_cell_tells_the_longest_gap_and_how_far_after_the_limit() -> None:
    (table,) = tables_of(a_comparison())
    cell = table.rows[1].cells[1]
    assert cell is not None
    assert cell.gap is not None
    assert (cell.gap.address, cell.gap.gap, cell.gap.state) == (VIP, "2.40 s", "over")
    assert cell.after_limit == "0.7 ms after"


def test_address_that_stays_silent_does_not_hide_the_gap_of_another() -> None:
    result = a_result()
    gap = result.events[1].gaps[0]
    silent = replace(gap, address="2001:db8::1", gap_ms=9000.0, is_over=False)
    result = replace(result, events=(replace(result.events[1], gaps=(silent, gap)),))
    comparison = run_all(["crash"], ["ucarp"], lambda *_: result, Path("/nowhere"), "")
    (cell,) = tables_of(comparison)[0].rows[0].cells
    assert cell is not None
    assert cell.gap is not None
    assert (cell.gap.address, cell.silent) == (VIP, ("2001:db8::1",))
    assert "2.40 s, some end without answers" in as_markdown(comparison)
    assert "no answer at the end from 2001:db8::1" in as_page(comparison)


@pytest.mark.parametrize(("gap_ms", "share"), [(0.5, 2.0), (1, 2.0), (100, 51.0), (99_999, 100.0)])
def test_bars_are_drawn_on_a_logarithmic_scale(gap_ms: float, share: float) -> None:
    result = a_result()
    gap = replace(result.events[1].gaps[0], gap_ms=gap_ms)
    result = replace(result, events=(replace(result.events[1], gaps=(gap,)),))
    comparison = run_all(["crash"], ["carpio"], lambda *_: result, Path("/nowhere"), "")
    (cell,) = tables_of(comparison)[0].rows[0].cells
    assert cell is not None
    assert cell.share == share


def test_page_and_markdown_tell_the_same_numbers() -> None:
    page, text = as_page(a_comparison()), as_markdown(a_comparison())
    assert "| carpio | 1 of 1 | 0 | 100 | 2.39 s |" in text
    assert "| ucarp | 0 of 1 | 3 | 103 | 2.40 s |" in text
    wrong = "✕ gap 2.40 s, 3 wrong claims, 1 packet sent wrongly"
    assert f"| a loses power | ✓ gap 2.39 s | {wrong} | not run |" in text
    assert "<b>3</b> wrong claims" in page
    assert "<b>1</b> packet sent wrongly" in page
    assert "frr did not run: crash: frr is not installed" in text
    assert "frr did not run: crash: frr is not installed" in page
    assert 'href="crash/ucarp/report.html"' in page
    assert "preempt = true" in page


def test_a_kernel_without_room_for_neighbours_is_told_of_whom_it_harmed() -> None:
    comparison = a_comparison()
    first, *others = comparison.runs
    assert first.result is not None
    assert "no room for a neighbour" not in as_page(comparison) + as_markdown(comparison)
    observers = replace(first.result.observers, neighbours_refused=2628)
    harmed = replace(first, result=replace(first.result, observers=observers))
    comparison = replace(comparison, runs=(harmed, *others))
    told = f"{first.implementation}: this kernel had no room for a neighbour 2,628 times"
    assert told in as_page(comparison)
    assert told in as_markdown(comparison)


def test_page_has_a_column_for_each_of_four_implementations() -> None:
    names = ("carpio", "keepalived", "ucarp", "frr")
    comparison = run_all(["crash"], names, lambda *_: a_result(), Path("/nowhere"), "")
    page, text = as_page(comparison), as_markdown(comparison)
    assert "| event | carpio | keepalived | ucarp | frr |" in text
    assert text.count("gap 2.40 s, 3 wrong claims") == len(names)
    assert page.count('<th scope="col"><a href="crash/') == len(names)
    assert all(f'<th scope="row">{name}</th>' in page for name in names)


def test_json_names_the_result_of_each_run() -> None:
    document = json.loads(as_json(a_comparison()))
    assert document["schema"] == 1
    assert [run["outcome"] for run in document["runs"]] == ["right", "wrong", None]
    assert document["runs"][1]["result"] == "crash/ucarp/result.json"
    assert document["tables"][0]["events"][1]["cells"][1]["wrong"] == 3


def test_comparison_is_written_as_page_markdown_and_json(tmp_path: Path) -> None:
    assert write_comparison(a_comparison(), tmp_path / "new") == tmp_path / "new" / "compare.html"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "compare.html",
        "compare.json",
        "compare.md",
    ]


def test_text_from_outside_is_text_in_the_comparison() -> None:
    result = replace(a_result(), versions={"<b>": "<script>"})
    comparison = run_all(["<i>"], ["carpio"], lambda *_: result, Path("/nowhere"), "<script>")
    page = as_page(comparison)
    assert "<script>" not in page
    for ours in ("2.40 s", "3", "1"):
        page = page.replace(f"<b>{ours}</b>", "")
    assert "<b>" not in page


def test_report_makes_the_pages_of_all_results_below_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run-1", "run-2"):
        (tmp_path / name).mkdir()
        write_result(a_result(), tmp_path / name / "result.json")
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / name / "report.html") for name in ("run-1", "run-2")
    ]
    assert (tmp_path / "run-2" / "report.md").read_text(encoding="utf-8").startswith("# ✕ Wrong")


def test_report_makes_the_pages_of_a_comparison_and_leaves_all_else_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("crash/carpio", "crash/ucarp", "a/b/c"):
        (tmp_path / name).mkdir(parents=True)
        write_result(a_result(), tmp_path / name / "result.json")
    assert main(["report", str(tmp_path)]) == 1  # as long as it is not that of a comparison
    capsys.readouterr()
    (tmp_path / "compare.json").write_text("{}")
    assert main(["report", str(tmp_path)]) == 0
    made = [str(tmp_path / "crash" / name / "report.html") for name in ("carpio", "ucarp")]
    assert capsys.readouterr().out.splitlines() == made
    assert not (tmp_path / "a/b/c/report.html").exists()


def test_report_makes_the_pages_of_good_results_beside_bad_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run-1", "run-2"):
        (tmp_path / name).mkdir()
    (tmp_path / "run-1" / "result.json").write_text("[]")
    write_result(a_result(), tmp_path / "run-2" / "result.json")
    assert main(["report", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'run-2' / 'report.html'}\n"
    assert "run-1/result.json: not a result of the lab" in said.err


def test_report_of_a_place_without_results_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "no result.json in it; carpio lab run" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["no-such-scenario"], ["bug-191832/no-such-variant"]],
)
def test_compare_refuses_what_it_does_not_know_before_anything_is_built(
    arguments: list[str], tmp_path: Path
) -> None:
    assert main(["compare", "--out", str(tmp_path / "out"), *arguments]) in (1, 2)
    assert not (tmp_path / "out").exists()


def test_compare_with_a_peer_that_there_is_not_is_wrong_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["compare", "--impl", "carpio,nobody", "crash"])
    assert raised.value.code == 64
    assert "argument --impl: nobody is no implementation; choose" in capsys.readouterr().err


@pytest.mark.lab
def test_comparison_of_a_real_run_is_written_with_its_report(tmp_path: Path) -> None:
    need()
    out = tmp_path / "out"
    command = [carpio_command(), "lab", "compare", "--short", "--no-capture", "--impl", "carpio"]
    done = subprocess.run(
        [*command, "--out", out, "graceful"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| carpio | 1 of 1 | 0 |" in done.stdout
    result = read_result(out / "graceful" / "carpio" / "result.json")
    assert result.scenario.command == "carpio lab run graceful --impl carpio --short"
    assert (out / "graceful" / "carpio" / "report.html").stat().st_size > 10_000
    assert (out / "compare.html").exists()


@pytest.mark.lab
def test_hosts_keep_what_a_named_variant_gives_them(tmp_path: Path) -> None:
    need("ip", "tcpdump", "nft")
    out = tmp_path / "out"
    command = [carpio_command(), "lab", "compare", "--short", "--no-capture", "--impl"]
    names = ["bug-191832/address-first", "jails-191832/in-prestart"]
    done = subprocess.run(
        [*command, "carpio,keepalived", "--out", out, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    result = read_result(out / "bug-191832-address-first" / "carpio" / "result.json")
    assert [m.implementation for m in result.topology.machines] == ["carpio", "naive", ""]
    assert result.scenario.command == (
        "carpio lab run bug-191832 --impl machine01=carpio --variant address-first --short"
    )
    assert (done.returncode, result.outcome) == (1, Outcome.WRONG)
    told = "keepalived did not run: bug-191832/address-first: hosts with CARP and hosts with VRRP"
    assert told in done.stdout
    assert "variant in-prestart says what runs on each host" in done.stdout
