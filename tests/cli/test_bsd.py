"""carpio ifconfig, sysctl, netstat: past the parser, with the streams of the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_calls import SettingsKeeper
from tests.helpers.control import serving
from tests.helpers.lab import need
from tests.helpers.netns import names

from carpio.bsd.names import COMMANDS
from carpio.cli.bsd import call_in
from carpio.cli.exit_status import ExitStatus
from carpio.cli.spec import COMMANDS as ALL
from carpio.control.messages import Version, VersionResult, encode_result, parse_request
from carpio.control.network import SettingsRequest
from carpio.errors import CarpioError

CARPIO = Path(sys.executable).with_name("carpio")


def test_commands_without_a_module_are_those_of_the_bsds() -> None:
    assert sorted(command.name for command in ALL if not command.module) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("argv", "call"),
    [
        (["sysctl"], ("sysctl", [])),
        (["ifconfig", "-a"], ("ifconfig", ["-a"])),
        (["--debug", "netstat", "-s"], ("netstat", ["-s"])),
        (["netstat", "--help", "-s"], ("netstat", ["--help", "-s"])),
        (["netstat", "--help"], None),
        (["status"], None),
        (["status", "sysctl"], None),
        (["--debug"], None),
        ([], None),
    ],
)
def test_they_are_told_by_the_first_word(argv: list[str], call: object) -> None:
    assert call_in(argv) == call


def test_the_socket_is_that_of_the_environment_or_named_first(run, tmp_path: Path) -> None:
    keeper = SettingsKeeper()
    with serving(tmp_path / "control.sock", keeper.reply):
        assert run("sysctl", "-n", "net.inet.carp.dscp").stdout == "56\n"
        outcome = run("sysctl", "--control", "none.sock", "net.inet.carp.dscp")
        assert (outcome.exit_status, outcome.stdout) == (1, "")
        assert "none.sock: daemon not reachable" in outcome.stderr
        environ = {"CARPIO_CONTROL": "none.sock"}
        outcome = run("netstat", "--control=control.sock", "-s", environ=environ)
        assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert keeper.requests == [SettingsRequest(), SettingsRequest()]


def test_a_running_daemon_is_not_started_again(run, tmp_path: Path) -> None:
    keeper = SettingsKeeper()

    def reply(line: bytes) -> bytes:
        request_id, request = parse_request(line)
        if isinstance(request, Version):
            return encode_result(request_id, VersionResult(carpio="1"))
        return keeper.reply(line)

    with serving(tmp_path / "control.sock", reply):
        outcome = run("sysctl", "--start", "-n", "net.inet.carp.log")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "1\n", "")


def test_debug_goes_before_them_as_before_every_command(run) -> None:
    outcome = run("--debug", "sysctl", "-n", "kern.features")
    assert (outcome.exit_status, outcome.stdout) == (0, "1\n")
    with pytest.raises(CarpioError, match="--control"):
        run("--debug", "sysctl", "--control")


def test_help_is_that_of_carpio_when_it_is_the_only_word(run) -> None:
    outcome = run("netstat", "--help")
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stdout.startswith("usage: carpio netstat ")
    assert run("netstat", "--help", "-s").stderr.startswith("netstat: illegal option -- -\n")


def test_an_incomplete_option_of_ours_is_told(run) -> None:
    outcome = run("sysctl", "--control")
    assert (outcome.exit_status, outcome.stderr) == (
        ExitStatus.FAILED,
        "carpio: --control: needs the socket of the daemon\n",
    )


def test_a_namespace_that_is_not_there_is_told_as_a_jail_would_be(run) -> None:
    outcome = run("sysctl", "-j", "no-such-namespace", "kern")
    assert (outcome.exit_status, outcome.stderr) == (
        1,
        'sysctl: jail "no-such-namespace" not found\n',
    )


@pytest.fixture
def namespace() -> Iterator[str]:
    need("ip")
    name = next(names())
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


ALONE = """\
mount --make-rprivate / && mount -t tmpfs none /etc && mount -t tmpfs none /run || exit 99
"$1" sysctl --start -n net.inet.carp.preempt=1 || exit 98
"$1" netstat --start -s -p carp | head -n 1
"$1" sysctl --start -n net.inet.carp.preempt
cat /etc/carpio/carpio.toml
"""


@pytest.mark.lab
def test_a_daemon_is_started_when_there_is_none(namespace: str) -> None:
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, "sh", "-c", ALONE, "sh", CARPIO],
        capture_output=True,
        text=True,
        check=False,
    )
    started = re.search(r"started the daemon, process ([0-9]+);", done.stderr)
    if started:
        os.kill(int(started[1]), signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 -> 1\ncarp:\n1\n# Configuration of carpio(8)")
    assert done.stderr.count("sysctl: ") == done.stderr.count("\n")
    assert started
