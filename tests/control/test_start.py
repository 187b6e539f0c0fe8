"""Who needs a daemon gets one: the one that answers, or a new one, or its last words."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.helpers.control import answering
from tests.helpers.lab import need
from tests.helpers.netns import Netns, names

from carpio.config.load import load_config
from carpio.config.model import DaemonConfig
from carpio.control.client import ControlClient, NotReachable
from carpio.control.messages import Version, VersionResult
from carpio.control.start import start_daemon
from carpio.errors import ControlError, PlatformError
from carpio.lab.implementation import carpio_command

PROLOGUE = """
import os, signal, socket, sys
control = sys.argv[sys.argv.index("--control") + 1]
with open(control + ".pids", "a") as pids:
    pids.write(f"{os.getpid()}\\n")
print("carpio: about to serve", flush=True)
def listen():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(control)
    listener.listen()
    return listener
"""
SERVE = """
while True:
    with listener.accept()[0] as caller, caller.makefile("rwb") as lines:
        for line in lines:
            lines.write(b'{"id": 1, "result": {"carpio": "9", "protocol": 1}}\\n')
            lines.flush()
"""
SERVES = f"listener = listen()\n{SERVE}"
MUTE = "listener = listen()\nsignal.pause()\n"
STUBBORN = f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{MUTE}"


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", PROLOGUE + text)


def pids(control: Path) -> list[int]:
    """Return the daemons that were started."""
    file = Path(f"{control}.pids")
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Path]:
    """Where a daemon is to answer; those that were started there are ended."""
    path = tmp_path / "run" / "control.sock"
    yield path
    for pid in pids(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def start(control: Path, command: Sequence[str], **more: float) -> tuple[str, ...]:
    return start_daemon(control, control.parent / "c.toml", command=command, **more)


def test_a_daemon_that_answers_is_left_alone(tmp_path: Path) -> None:
    with answering(tmp_path / "control.sock") as daemon:
        daemon.answers["version"] = VersionResult(carpio="9")
        assert start(tmp_path / "control.sock", ("no such program",)) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["control.sock"]


def test_a_started_daemon_answers_and_is_told_of(control: Path) -> None:
    remarks = start(control, program(SERVES))
    with ControlClient(control) as client:
        assert client.ask(Version(), VersionResult).carpio == "9"
    (pid,) = pids(control)
    assert remarks == (
        f"made {control.parent}/c.toml, with comments alone",
        f"started the daemon, process {pid}; it logs to {control.parent}/daemon.log",
    )
    assert (control.parent / "daemon.log").read_text() == "carpio: about to serve\n"
    assert start(control, program(SERVES)) == ()
    assert pids(control) == [pid]


def test_a_dead_socket_does_not_count(control: Path) -> None:
    control.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(control))
    start(control, program(f"os.unlink(control)\n{SERVES}"))
    assert len(pids(control)) == 1


def test_a_daemon_has_nothing_of_its_callers(
    control: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS"):
        monkeypatch.setenv(name, "caller's")
    monkeypatch.setenv("KEPT", "yes")
    before = os.umask(0o077)
    try:
        start(control, program(SERVES))
    finally:
        os.umask(before)
    assert control.parent.stat().st_mode & 0o777 == 0o755
    (pid,) = pids(control)
    process = Path(f"/proc/{pid}")
    assert os.getsid(pid) == pid
    assert (process / "cwd").readlink() == Path("/")
    assert (process / "fd/0").readlink() == Path(os.devnull)
    assert sorted(path.name for path in (process / "fd").iterdir())[:3] == ["0", "1", "2"]
    assert b"caller's" not in (process / "environ").read_bytes()
    assert b"KEPT=yes\0" in (process / "environ").read_bytes()
    assert "Umask:\t0022\n" in (process / "status").read_text()
    limit = next(
        line for line in (process / "limits").read_text().splitlines() if "file size" in line
    )
    assert limit.split()[3:5] == ["16777216", "16777216"]


def test_a_made_configuration_is_valid_empty_and_for_its_owner_alone(control: Path) -> None:
    start(control, program(SERVES))
    file = control.parent / "c.toml"
    assert load_config(file, environ={}) == DaemonConfig(files=(file,))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_configuration_that_is_there_is_left_alone(control: Path) -> None:
    control.parent.mkdir()
    (control.parent / "c.toml").write_text("preempt = true\n")
    (remark,) = start(control, program(SERVES))
    assert remark.startswith("started the daemon")
    assert (control.parent / "c.toml").read_text() == "preempt = true\n"


@pytest.mark.parametrize(("status", "code"), [(2, 2), (5, 5), (1, 1), (0, 1)])
def test_a_daemon_that_ends_is_reported_with_status_and_last_words(
    control: Path, status: int, code: int
) -> None:
    control.parent.mkdir()
    (control.parent / "daemon.log").write_text("carpio: of an earlier one\n")
    command = program(f"print('carpio: c.toml:1: odd')\nsys.exit({status})\n")
    with pytest.raises(ControlError) as caught:
        start(control, command)
    assert str(caught.value) == (
        f"the daemon ended with status {status}; it said:\n"
        "carpio: about to serve\ncarpio: c.toml:1: odd"
    )
    assert caught.value.code == code


def test_of_a_daemon_with_many_words_the_last_whole_lines_are_told(control: Path) -> None:
    command = program("for n in range(999): print(n, '.' * 60)\n")
    with pytest.raises(ControlError) as caught:
        start(control, command)
    lines = str(caught.value).splitlines()[1:]
    assert lines == [f"{n} {'.' * 60}" for n in range(999 - len(lines), 999)]
    assert 20 < len(lines) < 40


def test_a_daemon_that_is_killed_while_it_starts_is_reported(control: Path) -> None:
    with pytest.raises(ControlError, match="ended by signal 9"):
        start(control, program("os.kill(os.getpid(), signal.SIGKILL)\n"))


@pytest.mark.parametrize("text", [MUTE, STUBBORN])
def test_a_daemon_that_answers_nobody_is_ended(control: Path, text: str) -> None:
    with pytest.raises(NotReachable, match=r"answer within 0\.5 s and was ended"):
        start(control, program(text), timeout_s=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(pids(control)[0], 0)


def test_somebody_else_who_listens_and_is_mute_is_not_replaced(control: Path) -> None:
    control.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(control))
        mute.listen()
        with pytest.raises(NotReachable, match="no answer within"):
            start(control, program(SERVES), timeout_s=0.1)
    assert pids(control) == []


QUICKER = f"""
listener, ours = listen(), os.getpid()
if os.fork():
    sys.exit(1)
with open(control + ".pids", "a") as pids:
    pids.write(f"{{os.getpid()}}\\n")
while os.getppid() == ours:
    pass
{SERVE}"""


def test_where_another_daemon_was_quicker_that_one_serves(control: Path) -> None:
    remarks = start(control, program(QUICKER))
    assert remarks == (f"made {control.parent}/c.toml, with comments alone",)
    with ControlClient(control) as client:
        assert client.ask(Version(), VersionResult).carpio == "9"


def test_a_command_that_is_not_there_is_named(control: Path) -> None:
    with pytest.raises(PlatformError, match="starting /no/such/carpio: No such file"):
        start(control, ("/no/such/carpio",))


def test_where_no_file_can_be_made_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match=r"making .*file"):
        start(tmp_path / "file" / "deep" / "control.sock", program(SERVES))
    (tmp_path / "control.sock.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlatformError, match=r"making .*control\.sock\.lock"):
        start(tmp_path / "control.sock", program(SERVES))
    assert not (tmp_path / "elsewhere").exists()


def test_a_log_that_leads_elsewhere_is_not_written(control: Path, tmp_path: Path) -> None:
    control.parent.mkdir()
    (control.parent / "daemon.log").symlink_to(tmp_path / "elsewhere")
    assert start(control, program(SERVES))[-1].endswith("it logs to /dev/null")
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_log_the_end_of_a_daemon_is_told_all_the_same(control: Path) -> None:
    (control.parent / "daemon.log").mkdir(parents=True)
    with pytest.raises(ControlError, match="ended with status 3; its log is /dev/null"):
        start(control, program("sys.exit(3)\n"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_log_of_somebody_else_is_not_written(control: Path) -> None:
    control.parent.mkdir()
    (control.parent / "daemon.log").write_text("")
    os.chown(control.parent / "daemon.log", 1234, 1234)
    assert start(control, program(SERVES))[-1].endswith("it logs to /dev/null")


def test_a_long_log_is_put_aside(control: Path) -> None:
    control.parent.mkdir()
    (control.parent / "daemon.log").write_text("x" * 1024 * 1024)
    start(control, program(SERVES))
    assert (control.parent / "daemon.log").read_text() == "carpio: about to serve\n"
    assert (control.parent / "daemon.log.1").stat().st_size == 1024 * 1024


def test_of_many_callers_at_once_one_starts_the_daemon_and_all_are_served(control: Path) -> None:
    done: list[tuple[str, ...]] = []
    begin = threading.Barrier(5)

    def call() -> None:
        begin.wait()
        done.append(start(control, program(SERVES)))

    callers = [threading.Thread(target=call) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(pids(control)) == 1
    assert sorted(len(remarks) for remarks in done) == [0, 0, 0, 0, 2]


def test_who_waits_for_another_starter_does_not_wait_for_ever(control: Path) -> None:
    control.parent.mkdir()
    with Path(f"{control}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(NotReachable, match="has been starting the daemon for long"):
            start(control, program(SERVES), timeout_s=0.05)
    assert pids(control) == []


# -- with the real daemon ------------------------------------------------------------------


@pytest.fixture
def make_netns() -> Iterator[Callable[[], Netns]]:
    need("ip")
    made: list[Netns] = []
    free = names()

    def make() -> Netns:
        made.append(Netns(next(free)))
        return made[-1]

    yield make
    for netns in made:
        netns.remove()


@pytest.fixture
def command(make_netns: Callable[[], Netns]) -> tuple[str, ...]:
    """How to call the real carpio, in a namespace of the test."""
    return ("ip", "netns", "exec", make_netns().name, str(carpio_command()))


@pytest.fixture
def ended(control: Path) -> Iterator[Callable[[str], int]]:
    """Remember the daemon of a remark, to end it; return its process id."""
    found: list[int] = []

    def remember(remark: str) -> int:
        found.append(int(remark.partition("process ")[2].partition(";")[0]))
        return found[-1]

    yield remember
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


@pytest.mark.lab
def test_the_real_daemon_is_started_and_outlives_its_caller(
    control: Path, command: tuple[str, ...], ended: Callable[[str], int]
) -> None:
    script = (
        "import sys; from pathlib import Path; from carpio.control.start import start_daemon\n"
        f"print(*start_daemon(Path({str(control)!r}), Path({str(control.parent / 'c.toml')!r}), "
        f"command={command!r}), sep='\\n')"
    )
    callers = [
        subprocess.Popen((sys.executable, "-c", script), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [caller.communicate(timeout=60)[0] for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0]
    (remark,) = [line for text in said for line in text.splitlines() if "started" in line]
    pid = ended(remark)
    with ControlClient(control) as client:
        client.ask(Version(), VersionResult)
    assert b"daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert start(control, command) == ()


@pytest.mark.lab
def test_what_the_real_daemon_says_of_a_bad_file_is_reported(
    control: Path, command: tuple[str, ...]
) -> None:
    control.parent.mkdir()
    (control.parent / "c.toml").write_text("preemt = true\n")
    with pytest.raises(ControlError) as caught:
        start(control, command)
    assert caught.value.code == 2
    assert "ended with status 2" in str(caught.value)
    assert "preemt: unknown key; did you mean preempt?" in str(caught.value)
