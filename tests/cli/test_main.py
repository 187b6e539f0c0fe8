"""Usage, help, exit statuses, and failures of the commands as a whole."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carpio import __version__
from carpio.cli.environment import DEFAULT_CONTROL, Environment
from carpio.cli.exit_status import EXIT_MEANINGS, ExitStatus
from carpio.cli.main import main
from carpio.cli.spec import COMMANDS

CARPIO = Path(sys.executable).parent / "carpio"


def test_the_numbers_of_the_exit_statuses_are_those_of_the_contract() -> None:
    assert [int(status) for status in ExitStatus] == [0, 1, 2, 3, 4, 5, 64, 130]
    assert set(EXIT_MEANINGS) == set(ExitStatus)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("nonsense",),
        ("--nonsense",),
        ("status", "extra"),
        ("status", "--js"),
        ("daemon",),
        ("daemon", "--config"),
        ("check",),
        ("decode",),
        ("demote",),
        ("demote", "cause"),
        ("demote", "cause", "5"),
        ("demote", "cause", "+"),
        ("demote", "cause", "+x"),
        ("demote", "cause", "+5", "--clear", "cause"),
        ("state", "1@eth0"),
        ("state", "1@eth0", "init"),
        ("log-level", "much"),
        ("lab",),
        ("lab", "nonsense"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error_told_on_stderr(run, argv: tuple[str, ...]) -> None:
    outcome = run(*argv)
    assert outcome.exit_status is ExitStatus.USAGE
    assert outcome.stdout == ""
    assert "carpio" in outcome.stderr


def test_help_names_every_command_and_exit_status(run) -> None:
    outcome = run("--help")
    assert outcome.exit_status is ExitStatus.DONE
    assert all(
        f"    {command.name} " in outcome.stdout.replace("\n", " \n") for command in COMMANDS
    )
    assert all(meaning in outcome.stdout for meaning in EXIT_MEANINGS.values())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_help_with_its_synopsis_and_arguments(run, command) -> None:
    outcome = run(command.name, "--help")
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stdout.startswith(f"usage: carpio {command.name}")
    assert all(
        argument.shown in outcome.stdout for argument in command.arguments if not argument.choices
    )


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_told(run, word: str) -> None:
    outcome = run(word)
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.DONE, f"carpio {__version__}\n")


@pytest.mark.parametrize(
    "argv",
    [
        ("status",),
        ("reload",),
        ("log-level", "2"),
        ("state", "1@eth0", "master"),
        ("demote", "a", "-5"),
        ("demote", "--clear", "a"),
    ],
)
def test_without_a_daemon_every_control_command_says_what_to_do(run, argv) -> None:
    outcome = run(*argv)
    assert outcome.exit_status is ExitStatus.UNREACHABLE
    assert "control.sock: daemon not reachable: No such file" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_the_socket_is_as_given_or_of_the_environment_or_the_default(tmp_path: Path) -> None:
    def environment(**environ: str) -> Environment:
        return Environment(
            stdout=io.StringIO(), stderr=io.StringIO(), environ=environ, cwd=tmp_path
        )

    assert environment(CARPIO_CONTROL="e").control_path("g") == tmp_path / "g"
    assert environment(CARPIO_CONTROL="e").control_path(None) == tmp_path / "e"
    assert environment(CARPIO_CONTROL="").control_path(None) == DEFAULT_CONTROL
    assert str(environment().control_path(None)) == "/run/carpio/control.sock"


class Closed(io.StringIO):
    """A reader that went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


class Interrupted(io.StringIO):
    def write(self, _text: str) -> int:
        raise KeyboardInterrupt


class Faulty(io.StringIO):
    def write(self, _text: str) -> int:
        raise RuntimeError("a bug")


@pytest.mark.parametrize("stdout", [Closed(), Interrupted()])
def test_a_reader_that_left_and_ctrl_c_are_no_reason_for_words(
    tmp_path: Path, stdout: io.StringIO
) -> None:
    stderr = io.StringIO()
    environment = Environment(stdout=stdout, stderr=stderr, environ={}, cwd=tmp_path)
    assert main(["version"], environment) is ExitStatus.FAILED
    assert stderr.getvalue() == ""


def test_a_bug_is_told_without_a_traceback_unless_asked_for(tmp_path: Path) -> None:
    stderr = io.StringIO()
    environment = Environment(stdout=Faulty(), stderr=stderr, environ={}, cwd=tmp_path)
    assert main(["version"], environment) is ExitStatus.FAILED
    assert "internal error: RuntimeError: a bug; run again with --debug" in stderr.getvalue()
    with pytest.raises(RuntimeError):
        main(["--debug", "version"], environment)
    with pytest.raises(RuntimeError):
        main(["version", "--debug"], environment)


def test_the_installed_commands_pass_on_exit_status_and_arguments(tmp_path: Path) -> None:
    assert subprocess.run([CARPIO, "nonsense"], capture_output=True, check=False).returncode == 64
    carpiod = subprocess.run(
        [CARPIO.with_name("carpiod"), "--help"], capture_output=True, text=True, check=True
    )
    assert carpiod.stdout.startswith("usage: carpio daemon --config FILE")


def test_a_closed_pipe_leaves_no_complaint() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [CARPIO, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert done.stderr == b""


def test_control_commands_import_neither_rich_nor_pyroute2_nor_the_runtime() -> None:
    program = (
        "import sys, carpio.cli.main, carpio.cli.commands.status as s\n"
        "print(*[m for m in ('rich', 'pyroute2', 'dpkt', 'asyncio', 'carpio.runtime',"
        " 'carpio.config', 'tomllib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_closed_streams_and_a_full_disk_are_no_reason_for_a_traceback() -> None:
    command = f"'{CARPIO}' version >&- 2>&-; '{CARPIO}' version > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == ExitStatus.FAILED
    assert done.stderr.endswith("No space left on device; make room on the disk\n")
    assert "Traceback" not in done.stderr


def test_the_daemon_refuses_an_invalid_file_with_the_status_for_it(run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("a = 1\n")
    outcome = run("daemon", "--config", "c.toml", "--netns", "a", "--netns", "b")
    assert outcome.exit_status is ExitStatus.INVALID


def test_everything_after_the_scenario_is_the_business_of_the_lab(run) -> None:
    with pytest.raises(SystemExit) as caught:
        run("lab", "demo", "--no-such-option", "--debug")
    assert caught.value.code == ExitStatus.USAGE
