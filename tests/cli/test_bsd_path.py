"""carpio bsd-path, and the commands that are called through its links."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carpio.bsd.names import COMMANDS
from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.installation import links_directory
from carpio.cli.main import main

CARPIO = Path(sys.executable).with_name("carpio")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Return a script that could be the installed one."""
    path = tmp_path / "prefix/bin/carpio"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    return path


def bsd_path(program: Path) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    environment = Environment(
        stdout=stdout, stderr=stderr, environ={}, cwd=program.parent, program=program
    )
    return main(["bsd-path"], environment), stdout.getvalue(), stderr.getvalue()


def links_of(directory: Path) -> dict[str, str]:
    return {path.name: os.readlink(path) for path in directory.iterdir()}


EXPECTED = dict.fromkeys(COMMANDS, "../../bin/carpio")


def test_the_directory_is_made_beside_the_script_and_printed(script: Path, tmp_path: Path) -> None:
    directory = tmp_path / "prefix/libexec/carpio"
    assert bsd_path(script) == (ExitStatus.DONE, f"{directory}\n", "")
    assert links_of(directory) == EXPECTED
    assert all((directory / name).resolve() == script for name in COMMANDS)


def test_a_second_call_changes_nothing(script: Path) -> None:
    first = bsd_path(script)
    directory = links_directory(script)
    before = {path: path.lstat().st_ino for path in directory.iterdir()}
    assert bsd_path(script) == first
    assert {path: path.lstat().st_ino for path in directory.iterdir()} == before


def test_what_is_missing_or_leads_elsewhere_is_mended(script: Path) -> None:
    bsd_path(script)
    directory = links_directory(script)
    (directory / "sysctl").unlink()
    (directory / "netstat").unlink()
    (directory / "netstat").symlink_to("/nowhere")
    assert bsd_path(script)[0] == ExitStatus.DONE
    assert links_of(directory) == EXPECTED


@pytest.mark.parametrize("name", ["carpio-link", "ifconfig", "carpiod"])
def test_any_link_to_the_script_and_its_brother_find_the_same_directory(
    script: Path, tmp_path: Path, name: str
) -> None:
    link = tmp_path / name
    if name == "carpiod":
        link = script.with_name(name)
        link.touch()
    else:
        link.symlink_to(script)
    assert bsd_path(link)[1] == f"{links_directory(script)}\n"


def test_what_is_in_the_way_is_named_and_left_alone(script: Path) -> None:
    directory = links_directory(script)
    directory.mkdir(parents=True)
    (directory / "sysctl").write_text("precious")
    status, stdout, stderr = bsd_path(script)
    assert (status, stdout) == (ExitStatus.FAILED, "")
    assert stderr == (
        f"carpio: making {directory / 'sysctl'}: File exists; call `carpio bsd-path` once as who "
        "installed carpio, or as root\n"
    )
    assert (directory / "sysctl").read_text() == "precious"


def test_a_directory_that_cannot_be_made_is_named(script: Path, tmp_path: Path) -> None:
    (tmp_path / "prefix/libexec").touch()
    status, stdout, stderr = bsd_path(script)
    assert (status, stdout) == (ExitStatus.FAILED, "")
    assert stderr.startswith(f"carpio: making {tmp_path}/prefix/libexec/carpio: Not a directory")


def test_without_a_script_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    status, _, stderr = bsd_path(tmp_path / "other")
    assert status == ExitStatus.FAILED
    assert "the installed script carpio is not found" in stderr


# -- called by another name --------------------------------------------------------------------


def called(name: str, directory: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    (directory / name).symlink_to(CARPIO)
    return subprocess.run(
        [directory / name, *argv],
        capture_output=True,
        text=True,
        check=False,
        env={"CARPIO_CONTROL": str(directory / "none")},
    )


def test_the_script_is_the_command_by_whose_name_it_is_called(tmp_path: Path) -> None:
    done = called("sysctl", tmp_path, "-n", "kern.features.vimage", "security.jail.jailed")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n0\n", "")
    done = called("netstat", tmp_path, "-s", "-p", "carp")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"netstat: {tmp_path}/none: daemon not reachable")


def test_another_name_is_carpio(tmp_path: Path) -> None:
    assert called("anything", tmp_path, "version").stdout.startswith("carpio ")
