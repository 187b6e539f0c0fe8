"""What all commands of the BSDs have in common: our own options, and how failures are told."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers.bsd_calls import Caller, Outcome, SettingsKeeper
from tests.helpers.control import serving

from carpio.bsd.main import Call, call_of, run
from carpio.bsd.names import COMMANDS, MODULES
from carpio.bsd.world import World
from carpio.errors import CarpioError, PlatformError


@pytest.mark.parametrize("name", COMMANDS)
def test_each_name_has_a_module_that_runs_it(name: str) -> None:
    assert callable(importlib.import_module(MODULES[name]).run)


@pytest.mark.parametrize(
    ("argv", "call"),
    [
        ([], Call(words=())),
        (["-a"], Call(words=("-a",))),
        (["--start", "-a"], Call(words=("-a",), starts=True)),
        (["--control", "s", "x"], Call(words=("x",), control="s")),
        (["--control=s", "--start"], Call(words=(), control="s", starts=True)),
        (["--start", "--control", "s"], Call(words=(), control="s", starts=True)),
        (["x", "--start", "--control", "s"], Call(words=("x", "--start", "--control", "s"))),
        (["--start=no"], Call(words=("--start=no",))),
    ],
)
def test_our_options_come_before_everything_else(argv: list[str], call: Call) -> None:
    assert call_of(argv) == call


def test_a_socket_that_is_not_named_is_an_error() -> None:
    with pytest.raises(CarpioError, match="--control: needs"):
        call_of(["--control"])


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    return Caller(tmp_path / "control.sock", tmp_path)


def test_the_daemon_is_started_first_when_asked_for(call: Caller, tmp_path: Path) -> None:
    keeper = SettingsKeeper()
    with serving(tmp_path / "control.sock", keeper.reply):
        assert call("netstat", "-s", starts=True).status == 0
    assert call.started == [tmp_path / "control.sock"]
    call("sysctl", "kern.features")
    assert len(call.started) == 1


def test_a_failure_has_the_name_of_the_command_before_it(call: Caller, tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    assert call("netstat", "-s") == Outcome(
        1,
        "",
        f"netstat: {socket}: daemon not reachable: No such file or directory; start it with "
        "`carpio daemon`, or name its socket with --control; or let it be started: "
        "netstat --start ...\n",
    )
    call.on_enter = refuse
    assert call("sysctl", "-j", "x", "kern") == Outcome(1, "", 'sysctl: jail "x" not found\n')
    assert call("sysctl", "-f", "/nowhere") == Outcome(
        1, "", "sysctl: /nowhere: No such file or directory\n"
    )


def refuse(name: str) -> None:
    raise PlatformError(f'jail "{name}" not found')


class Closed(io.StringIO):
    """A reader that went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


class Full(io.StringIO):
    """A disk without room."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("stdout", "stderr"), [(Closed(), ""), (Full(), "sysctl: No space left on device\n")]
)
def test_output_that_nobody_takes_is_a_failure(
    tmp_path: Path, stdout: io.StringIO, stderr: str
) -> None:
    told = io.StringIO()
    world = World(
        stdin=io.StringIO(),
        stdout=stdout,
        stderr=told,
        environ={},
        control=tmp_path / "none",
        enter=refuse,
        start_daemon=lambda: None,
    )
    assert run("sysctl", ["kern.features"], world) == 1
    assert told.getvalue() == stderr


def test_only_what_is_needed_is_imported() -> None:
    program = (
        "import sys, carpio.cli.main, carpio.cli.bsd, carpio.bsd.main, carpio.bsd.netstat,"
        " carpio.bsd.sysctl\n"
        "print(*[m for m in ('argparse', 'carpio.cli.parser', 'carpio.cli.spec', 'carpio.config',"
        " 'carpio.runtime', 'ctypes', 'subprocess', 'json', 'rich', 'pyroute2', 'carpio.core')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
