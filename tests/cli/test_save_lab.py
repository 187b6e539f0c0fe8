"""carpio save with the real daemon, across its restart; and on a disk that is full."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.control import answering
from tests.helpers.lab import need
from tests.helpers.netns import Netns, names

from carpio.config.load import load_config
from carpio.control.messages import ReloadResult
from carpio.control.network import ConfigurationRequest
from carpio.control.start import EMPTY_CONFIG, start_daemon
from carpio.lab.implementation import carpio_command
from carpio.runtime.report import configuration

pytestmark = pytest.mark.lab


class Machine:
    """A namespace with a directory for files, and a daemon there."""

    def __init__(self, netns: Netns, directory: Path) -> None:
        self.command = ("ip", "netns", "exec", netns.name, str(carpio_command()))
        self.control = directory / "control.sock"
        self.file = directory / "c.toml"
        self._pid = 0

    def start(self) -> None:
        *_, remark = start_daemon(self.control, self.file, command=self.command)
        self._pid = int(remark.partition("process ")[2].partition(";")[0])

    def stop(self) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def carpio(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this machine."""
        return subprocess.run(
            (*self.command, name, "--control", str(self.control), *words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def did(self, name: str, *words: str) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.carpio(name, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def groups(self) -> list[tuple[int, int, list[str]]]:
        """Number, advskew and addresses of what runs."""
        status = json.loads(self.did("status", "--json"))
        return [(one["vhid"], one["advskew"], one["addresses"]) for one in status["vhids"]]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    need("ip")
    netns = Netns(next(names()))
    made = Machine(netns, tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        netns.remove()


ADD = ("eth0", "vhid", "1", "advskew", "100", "pass", "n3w", "10.1.0.100/24", "alias")
REMOVE = ("eth0", "10.1.0.100", "-alias")


def test_what_commands_configured_is_there_after_a_restart_when_it_was_saved(
    machine: Machine,
) -> None:
    machine.did("ifconfig", *ADD)
    machine.did("sysctl", "net.inet.carp.preempt=1")
    assert machine.carpio("reload").returncode == 1, "it would lose the group"
    shown = machine.did("save", "--yes")
    assert '+passphrase = "********"' in shown
    assert machine.file.read_text() == (
        f"{EMPTY_CONFIG}\npreempt = true\n\n[[vhid]]\nid = 1\n"
        'interface = "eth0"\npassphrase = "n3w"\nadvbase = 1\nadvskew = 100\n'
        'addresses = ["10.1.0.100/24"]\n'
    )
    assert stat.S_IMODE(machine.file.stat().st_mode) == 0o600
    assert machine.did("reload") == "", "the file is what the daemon has"
    assert machine.did("save", "--yes").startswith("nothing to save")
    machine.stop()
    machine.start()
    assert machine.groups() == [(1, 100, ["10.1.0.100/24"])]
    assert "preempt: 1" in machine.did("sysctl", "net.inet.carp.preempt")
    machine.did("ifconfig", *REMOVE)
    machine.did("save", "--yes")
    assert machine.file.read_text() == f"{EMPTY_CONFIG}\npreempt = true\n"
    assert machine.did("reload") == ""


def test_what_was_not_saved_can_be_dropped(machine: Machine) -> None:
    machine.did("ifconfig", *ADD)
    assert machine.groups() == [(1, 100, ["10.1.0.100/24"])]
    machine.did("reload", "--discard")
    assert machine.groups() == []
    assert machine.file.read_text() == EMPTY_CONFIG


def test_a_file_that_was_edited_meanwhile_is_not_written(machine: Machine) -> None:
    machine.did("ifconfig", *ADD)
    machine.file.write_text("# mine\n")
    done = machine.carpio("save", "--yes")
    assert done.returncode == 1
    assert f"{machine.file}: not as the daemon has read it" in done.stderr
    assert machine.file.read_text() == "# mine\n"


NAMELESS = """
ip link add eth0 type veth peer name wire0
ip link set eth0 up; ip link set wire0 up; ip addr add 10.2.0.1/24 dev eth0
"$1" ifconfig --control "$2" eth0 vhid 3 pass n3w 10.2.0.9/24 alias &&
"$1" sysctl --control "$2" net.inet.carp.preempt=1
echo ready
cat
"""


def test_what_runs_in_a_namespace_without_a_name_is_neither_saved_nor_lost(
    machine: Machine,
) -> None:
    machine.did("ifconfig", *ADD)
    with subprocess.Popen(
        ("unshare", "-n", "sh", "-c", NAMELESS, "sh", str(carpio_command()), str(machine.control)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert [other.stdout.readline() for _ in range(2)][-1] == "ready\n"
        done = machine.carpio("save", "--yes")
        assert (done.returncode, done.stderr.partition(" is left out: ")[0]) == (0, "3@eth0")
        assert machine.file.read_text().count("[[vhid]]") == 1
        assert "[[netns]]" not in machine.file.read_text()
        assert machine.did("save").startswith("nothing to save")
        machine.file.write_text(machine.file.read_text().replace("advskew = 100", "advskew = 7"))
        machine.did("reload")
        assert [one[:2] for one in machine.groups()] == [(1, 7), (3, 0)]
        machine.did("reload", "--discard")
        assert [one[:2] for one in machine.groups()] == [(1, 7)]
        other.communicate("")


FULL = """
mount -t tmpfs -o size=8k,nr_inodes=20 none "$1"
cp "$1.copy" "$1/c.toml"
"$2" save --yes --control "$3"
echo "status $?"
ls -A "$1"
cmp "$1.copy" "$1/c.toml"
"""


def test_on_a_full_disk_the_file_stays_and_the_daemon_is_not_bothered(tmp_path: Path) -> None:
    need("unshare", "mount")
    directory = tmp_path / "etc"
    directory.mkdir()
    text = "# 4000 bytes of comments\n" + "#" * 3975 + "\n"
    (directory / "c.toml").write_text(text)
    (tmp_path / "etc.copy").write_text(text)
    saved = load_config(directory / "c.toml", environ={})
    with answering(tmp_path / "control.sock") as daemon:
        daemon.answers["reload"] = ReloadResult(warnings=[])
        daemon.answers["configuration"] = configuration(
            replace(saved, preempt=True),
            file=directory / "c.toml",
            saved=saved,
            has_unsaved=True,
            own=None,
            nameless=[],
        )
        arguments = (str(directory), str(carpio_command()), str(tmp_path / "control.sock"))
        done = subprocess.run(
            ("unshare", "-m", "--propagation", "private", "sh", "-c", FULL, "sh", *arguments),
            capture_output=True,
            text=True,
            check=True,
        )
        assert daemon.requests == [ConfigurationRequest()]
    assert done.stderr == (
        f"carpio: writing {directory}/c.toml: No space left on device; nothing was changed\n"
    )
    assert done.stdout.endswith("status 1\nc.toml\n")
