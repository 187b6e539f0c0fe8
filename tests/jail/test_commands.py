"""Commands on the host; those in jails are in tests/lab/test_jail_containers.py."""

import os
import time
from pathlib import Path

import pytest

from carpio.errors import CarpioError
from carpio.jail.commands import RealCommands
from carpio.jail.ports import Command, Ending, Outcome
from carpio.jail.site import Site

PATH = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def commands(tmp_path: Path) -> RealCommands:
    return RealCommands(Site(tmp_path / "state"))


def test_status_and_signals_are_told(commands: RealCommands):
    def ending(script: str) -> Outcome:
        return commands.run(Command(argv=("/bin/sh", "-c", script), environment=PATH))

    assert ending("exit 0") == Outcome(ending=Ending.DONE)
    assert ending("exit 7") == Outcome(ending=Ending.DONE, number=7)
    assert ending("kill -15 $$") == Outcome(ending=Ending.SIGNALLED, number=15)


def test_output_directory_and_environment_are_those_that_are_given(
    commands: RealCommands, tmp_path: Path
):
    log = tmp_path / "log"
    log.write_text("before\n")
    script = 'pwd; echo "$A"; echo bad >&2; cd /proc/self/fd; echo *'
    commands.run(
        Command(
            argv=("/bin/sh", "-c", script),
            environment={**PATH, "A": "b"},
            directory="/tmp",
            output=str(log),
        )
    )
    lines = log.read_text().splitlines()
    assert lines[:4] == ["before", "/tmp", "b", "bad"]
    assert set(lines[4].split()) <= {"0", "1", "2", "3", "10"}  # 3 or 10: what lists, and sh's own


def test_a_command_that_is_not_there_is_told(commands: RealCommands):
    with pytest.raises(CarpioError, match="nosuch: No such file or directory"):
        commands.run(Command(argv=("nosuch",), environment=PATH))
    with pytest.raises(CarpioError, match="nosuchuser: no such user"):
        commands.run(Command(argv=("true",), environment=PATH, user="nosuchuser"))


@pytest.mark.parametrize("script", ["sleep 100", "trap '' TERM; sleep 100; sleep 100"])
def test_a_command_ends_when_its_time_is_over(commands: RealCommands, script: str):
    began = time.monotonic()
    outcome = commands.run(
        Command(
            argv=("/bin/sh", "-c", f"exec 2>/dev/null; {script}"), environment=PATH, timeout_s=1
        )
    )
    assert outcome.ending is Ending.TIMED_OUT
    assert time.monotonic() - began < 10


def test_a_command_in_the_background_is_not_waited_for(commands: RealCommands, tmp_path: Path):
    log = tmp_path / "log"
    script = "echo $$ $(ps -o sid= -p $$); exec sleep 30"
    command = Command(
        argv=("/bin/sh", "-c", script), environment=PATH, is_background=True, output=str(log)
    )
    began = time.monotonic()
    assert commands.run(command) == Outcome(ending=Ending.LEFT_RUNNING)
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 10
    while not log.read_text().endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    pid, session = map(int, log.read_text().split())
    os.kill(pid, 9)
    assert pid == session


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_another_user_has_his_groups_and_home(commands: RealCommands, tmp_path: Path):
    tmp_path.chmod(0o755)
    log = tmp_path / "log"
    commands.run(
        Command(
            argv=("/bin/sh", "-c", "id -u; id -G; echo $USER; echo $HOME; pwd"),
            environment=PATH,
            user="daemon",
            is_clean=True,
            output=str(log),
        )
    )
    assert log.read_text().split() == ["1", "1", "daemon", "/usr/sbin", "/usr/sbin"]
