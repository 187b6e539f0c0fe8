from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.errors import PlatformError
from carpio.lab.command import _repetition, inside, main
from carpio.lab.namespaces import ip
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
        ["crash", "--flood", "50001"],
        ["crash", "--repeat", "9999999999"],
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
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:1: event: is missing; add [[event]] with title, do and master",
        f"{file}:3: topology: 'pear' is neither a topology nor a file; use"
        f" {', '.join(topology_names())}",
    ]


@pytest.mark.parametrize(
    "words", [["run", "{}"], ["up", "{}"], ["compare", "{}/v"], ["run", "crash", "--impl", "a={}"]]
)
def test_file_that_cannot_be_read_is_told_with_why(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(f"./{'x' * 300}") for word in words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(300 * "x")
    assert told.endswith(": File name too long; choose a shorter name\n")


@pytest.mark.parametrize(
    ("words", "name"),
    [(["run", "crash"], "run-2"), (["demo"], "run-2"), (["demo"], "proof")],
    ids=str,
)
def test_places_of_all_runs_are_looked_at_before_the_first(
    words: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("ip", "tcpdump", "nft")
    (tmp_path / name).mkdir()
    assert main([*words, "--repeat", "2", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"carpio lab {words[0]}: {tmp_path / name} exists; choose another --out\n"
    )


def test_command_file_that_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "crash", "--impl", "a=noent/x"]) == 2
    assert capsys.readouterr().err == (
        "noent/x: No such file or directory; see that it exists, or the directory that it shall"
        " be in\n"
    )


def test_missing_tools_are_told_with_their_packages_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    assert main(["run", "crash", "--out", str(out)]) == 1
    assert "apt-get install --no-install-recommends iproute2 tcpdump nftables" in (
        capsys.readouterr().err
    )
    assert not out.exists()


def test_missing_ip_is_told_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match=r"needs iproute2; apt-get install .* iproute2"):
        ip("link")


def test_reader_that_has_heard_enough_hears_no_complaint() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    code = "import sys; from carpio.cli.main import entry_point; sys.exit(entry_point())"
    words = (sys.executable, "-u", "-c", code, "lab", "list")
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, "")


def test_reader_of_what_runs_inside_may_go_as_well() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    words = (sys.executable, "-u", "-m", "carpio.lab.command", "list")
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, "")


def test_failure_that_nobody_thought_of_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert inside(["list"]) == 1
    assert capsys.readouterr().err == (
        "carpio lab list: internal error: ValueError: I/O operation on closed file;"
        " run again with CARPIO_LAB_DEBUG=1 in the environment and report what it prints\n"
    )
    monkeypatch.setenv("CARPIO_LAB_DEBUG", "1")
    with pytest.raises(ValueError, match="closed file"):
        inside(["list"])


def test_command_that_plays_it_again_is_quoted() -> None:
    words = ["my scenario.toml", "--repeat", "2", "--out=x", "--impl", "a=$HOME/x"]
    assert _repetition(words) == "carpio lab run 'my scenario.toml' --impl 'a=$HOME/x'"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["run", "crash", "--out", "/run/nowhere/out"], "choose another --out"),
        (["run", "crash", "--out", "/var/run/nowhere/out"], "choose another --out"),
        (["demo", "--out", "/run/nowhere/out"], "choose another --out"),
        (["compare", "crash", "--out", "/run/nowhere/out"], "choose another --out"),
        (["up", "pair", "--out", "/run/nowhere/out"], "choose another --out"),
    ],
    ids=" ".join,
)
def test_directory_that_no_lab_sees_is_refused(
    words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert capsys.readouterr().err.endswith(
        f"/out: a lab does not see what is below /run; {remedy}\n"
    )
    assert not Path("/run/nowhere").exists()


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that no lab sees."""
    monkeypatch.setattr("carpio.lab.hidden.HIDDEN", tmp_path)
    return tmp_path


@pytest.mark.parametrize("action", ["run", "up"])
def test_temporary_directory_that_no_lab_sees_is_refused(
    action: str,
    hidden: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(hidden))
    assert main([action, "crash" if action == "run" else "pair"]) == 1
    assert "set TMPDIR to another directory, or choose an --out" in capsys.readouterr().err
    assert list(hidden.iterdir()) == []


def test_files_that_no_lab_sees_are_refused(
    hidden: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = hidden / "mine"
    file.write_text("")
    monkeypatch.chdir(hidden)
    for words in (["run", "mine"], ["up", "mine"]):
        assert main(words) == 1
        assert f"mine is {file}: a lab does not see" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "crash", "--impl", "mine"])
    assert "copy it elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["shell", "down"])
def test_lab_that_is_not_up_is_told_with_what_starts_one(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--lab", "nowhere", "a"] if action == "shell" else ["nowhere"]
    assert main([action, *words]) == 1
    assert "lab nowhere is not up" in capsys.readouterr().err


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of what is remembered of labs."""
    monkeypatch.setattr("carpio.lab.stay.private_directory", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1, "direct', '{"pid": null}', "\xff"])
def test_what_is_remembered_badly_of_a_lab_is_forgotten(
    text: str, memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (memory / "old.json").write_bytes(text.encode("latin-1"))
    assert main(["down", "old"]) == 1
    assert "lab old is not up; up: none" in capsys.readouterr().err
    assert list(memory.iterdir()) == []


def test_lab_that_another_command_builds_is_not_built(
    memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (memory / "pair.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["up", "pair"]) == 1
    assert "lab pair is being built already; choose another --name" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "needed"), [("carpio", "nftables"), ("ucarp", "ucarp")])
def test_lab_does_not_come_up_without_its_tools(
    name: str,
    needed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for tool in ("ip", "tcpdump", "unshare", *(() if name == "carpio" else ("nft",))):
        (tmp_path / tool).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["up", "pair", "--impl", name]) == 1
    assert capsys.readouterr().err == (
        f"carpio lab up: the lab needs {needed}; apt-get install --no-install-recommends {needed}\n"
    )


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
