from __future__ import annotations

from pathlib import Path

import pytest

from carpio.lab.command import main
from carpio.lab.scenario import scenario_names, topology_names


def test_list_tells_scenarios_variants_and_topologies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in (*scenario_names(), *topology_names()))
    assert "--variant address-first" in told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["crash", "--repeat", "0"],
        ["crash", "--sysctl", "odd"],
        ["crash", "--impl", "a="],
        ["crash", "--impl", "zebra"],
        ["crash", "--impl", "z=carpio"],
        ["crash", "--flood", "many"],
        ["demo", "--events", "stop,flood"],
    ],
    ids=" ".join,
)
def test_wrong_use_of_run_ends_with_status_64(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["run", *arguments])
    assert raised.value.code == 64


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["crush"], 2, "crush: neither a scenario nor a file; carpio lab list tells all"),
        (["crash", "--variant", "x"], 2, "no variant 'x'; there is none"),
        (["crash", "--impl", "a=keepalived"], 1, "hosts with CARP and hosts with VRRP never hear"),
    ],
)
def test_run_that_cannot_be_says_why_before_anything_is_built(
    arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == status
    assert told in capsys.readouterr().err


def test_wrong_file_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "x"\nwhy = "y"\ntopology = "pear"\n')
    assert main(["run", str(file)]) == 2
    assert "pear: neither a topology" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["shell", "down"])
def test_lab_that_is_not_up_is_told_with_what_starts_one(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--lab", "nowhere", "a"] if action == "shell" else ["nowhere"]
    assert main([action, *words]) == 1
    assert "lab nowhere is not up" in capsys.readouterr().err


def test_name_of_a_lab_is_no_path() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["up", "pair", "--name", "../pair"])
    assert raised.value.code == 64


def test_lab_does_not_go_where_files_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ready.json").touch()
    assert main(["up", "pair", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"carpio lab up: {tmp_path} is not empty; choose another --out\n"
    )


def test_directory_that_cannot_be_made_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "pair", "--out", "/proc/nowhere"]) == 1
    assert "/proc/nowhere: No such file or directory; choose another --out" in (
        capsys.readouterr().err
    )
