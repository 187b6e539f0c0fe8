"""The installed jexec on real jails: streams, status, users, terminals, signals."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.jail_lab import JailLab, need_jails

pytestmark = pytest.mark.lab


@pytest.fixture
def jails(tmp_path: Path) -> Iterator[JailLab]:
    need_jails()
    lab = JailLab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()


def test_streams_and_status_are_those_of_the_command(jails: JailLab):
    record = jails.start()
    done = jails.jexec(record.name, "sh", "-c", "cat; echo bad >&2; exit 7", text="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "bad\n")
    assert jails.jexec(str(record.jid), "true").returncode == 0
    assert jails.jexec(record.name, "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("nosuch", "true"), 'jexec: jail "nosuch" not found\n'),
        (("77", "true"), 'jexec: jail "77" not found\n'),
        (("{name}", "nosuch"), "jexec: nosuch: No such file or directory\n"),
        (("-d", "/nosuch", "{name}", "true"), "jexec: /nosuch: No such file or directory\n"),
        (("-U", "ann", "{name}", "true"), "jexec: ann: no such user\n"),
    ],
)
def test_what_it_cannot_do_is_told_with_status_1(jails: JailLab, words: tuple[str, ...], text: str):
    record = jails.start()
    done = jails.jexec(*(word.format(name=record.name) for word in words))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", text)


def test_a_jail_that_is_gone_is_not_found(jails: JailLab):
    record = jails.start()
    assert record.holder is not None
    os.kill(record.holder.pid, signal.SIGKILL)
    while jails.containers.is_alive(record):
        time.sleep(0.01)
    assert "not found" in jails.jexec(record.name, "true").stderr


def test_a_clean_environment_is_that_of_the_user(jails: JailLab):
    record = jails.start()
    done = jails.jexec("-l", "-U", "joe", "-e", "A=b c", record.name, "/bin/sh", "-c", "env; pwd")
    lines = set(done.stdout.splitlines())
    assert {"A=b c", "HOME=/home/joe", "USER=joe", "SHELL=/bin/sh", "/home/joe"} <= lines
    assert "PATH=/bin:/usr/bin" in lines
    assert not [each for each in lines if each.startswith("CARPIO_")]
    kept = jails.jexec(record.name, "env", OTHER="kept").stdout.splitlines()
    assert "OTHER=kept" in kept


def test_users_are_those_of_the_jail_or_of_the_host(jails: JailLab):
    record = jails.start()
    assert jails.jexec("-U", "joe", record.name, "id", "-u").stdout == "1234\n"
    assert jails.jexec("-u", "daemon", record.name, "id", "-u").stdout == "1\n"
    assert jails.jexec("-d", "/tmp", record.name, "pwd").stdout == "/tmp\n"


def start_on_terminal(jails: JailLab, *words: str) -> tuple[int, int]:
    pid, terminal = pty.fork()
    if pid == 0:
        carpio = str(Path(sys.executable).with_name("carpio"))
        environment = {**os.environ, "CARPIO_JAIL_STATE": str(jails.state)}
        os.execve(carpio, (carpio, "jexec", *words), environment)
    return pid, terminal


def read_until(terminal: int, wanted: bytes, timeout_s: float = 20.0) -> bytes:
    found, deadline = b"", time.monotonic() + timeout_s
    while wanted not in found and time.monotonic() < deadline:
        try:
            found += os.read(terminal, 4096)
        except OSError:
            break
    return found


def test_a_shell_on_a_terminal_has_one_of_the_jail(jails: JailLab):
    record = jails.start({}, [jails.devfs()])
    pid, terminal = start_on_terminal(jails, record.name)
    try:
        os.write(terminal, b"tty; exit 5\n")
        assert b"/dev/pts/0" in read_until(terminal, b"/dev/pts/0")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    finally:
        os.close(terminal)


def test_an_interrupt_from_the_terminal_reaches_the_command(jails: JailLab):
    record = jails.start({}, [jails.devfs()])
    script = "trap 'echo caught; exit 3' INT; echo ready; while true; do sleep 1; done"
    pid, terminal = start_on_terminal(jails, record.name, "sh", "-c", script)
    try:
        assert b"ready" in read_until(terminal, b"ready")
        os.write(terminal, b"\x03")
        assert b"caught" in read_until(terminal, b"caught")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    finally:
        os.close(terminal)


def test_a_signal_to_jexec_reaches_the_command(jails: JailLab):
    record = jails.start()
    carpio = str(Path(sys.executable).with_name("carpio"))
    script = "trap 'echo caught; exit 4' TERM; echo ready; while true; do sleep 0.1; done"
    with subprocess.Popen(
        (carpio, "jexec", record.name, "sh", "-c", script),
        stdout=subprocess.PIPE,
        env={**os.environ, "CARPIO_JAIL_STATE": str(jails.state)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.stdout.read() == b"caught\n"
        assert process.wait(10) == 4


def test_it_ends_with_the_jail(jails: JailLab):
    record = jails.start()
    carpio = str(Path(sys.executable).with_name("carpio"))
    with subprocess.Popen(
        (carpio, "jexec", record.name, "sh", "-c", "echo ready; sleep 100"),
        stdout=subprocess.PIPE,
        env={**os.environ, "CARPIO_JAIL_STATE": str(jails.state)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        jails.containers.destroy(record)
        assert process.wait(10) != 0
