"""The control socket answers, survives hostile callers, and never replaces a living one."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.netns import Netns

from carpio.control.messages import Request, StatusRequest, Version, VersionResult
from carpio.core.model import Nanoseconds
from carpio.errors import ConfigError, ControlError, PlatformError
from carpio.lab.implementation import carpio_command
from carpio.runtime.caller import Caller
from carpio.runtime.server import ControlServer


class Standing:
    """A clock that stands still until somebody pushes it: all work takes no time."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> Nanoseconds:
        return Nanoseconds(self.time)


def answer(request: Request, _caller: Caller) -> object:
    match request:
        case Version():
            return VersionResult(carpio="9")
        case StatusRequest():
            raise ControlError("not today")
        case _:
            raise ConfigError(["a.toml:1: id: missing", "b.toml: gone"])


def turn(server: ControlServer) -> None:
    """What the loop of the daemon does once."""
    readable, writable, _ = select.select(server.readers(), server.writers(), [], 0)
    server.serve({*readable, *writable})


def exchange(server: ControlServer, *chunks: bytes) -> bytes:
    """Send the chunks as one caller and return all that comes back until nothing more does."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.connect(str(server.path))
    caller.setblocking(False)
    received = b""
    try:
        for chunk in [*chunks, b"", b""]:
            if chunk:
                caller.sendall(chunk)
            for _turn in range(3):
                turn(server)
            try:
                received += caller.recv(1 << 20)
            except (BlockingIOError, ConnectionError):
                continue
    except BrokenPipeError:
        pass
    finally:
        caller.close()
    return received


@pytest.fixture
def server(tmp_path: Path):
    made = ControlServer(tmp_path / "deep" / "control.sock", answer, Standing())
    yield made
    made.close()


def test_a_request_in_pieces_is_answered_when_its_line_is_complete(server: ControlServer) -> None:
    reply = exchange(server, b'{"jsonrpc":"2.0","id":7,', b'"method":"version"}\n')
    assert json.loads(reply) == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"carpio": "9", "protocol": 1},
    }


def test_two_requests_in_one_piece_get_two_replies_in_order(server: ControlServer) -> None:
    line = b'{"jsonrpc":"2.0","id":%d,"method":"version"}\n'
    replies = [json.loads(r) for r in exchange(server, line % 1 + line % 2).splitlines()]
    assert [reply["id"] for reply in replies] == [1, 2]


def test_a_failure_is_an_error_reply_with_its_code(server: ControlServer) -> None:
    reply = json.loads(exchange(server, b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'))
    assert reply["error"] == {"code": 1, "message": "not today"}


def test_an_invalid_configuration_names_its_problems(server: ControlServer) -> None:
    reply = json.loads(exchange(server, b'{"jsonrpc":"2.0","id":1,"method":"reload"}\n'))
    assert reply["error"]["code"] == 2
    assert reply["error"]["data"] == ["a.toml:1: id: missing", "b.toml: gone"]


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[]\n", b"{}\n", b"1\n", b'{"id":[]}\n'])
def test_any_line_gets_an_error_and_the_server_lives(server: ControlServer, line: bytes) -> None:
    assert b'"error"' in exchange(server, line)
    assert b'"result"' in exchange(server, b'{"jsonrpc":"2.0","id":1,"method":"version"}\n')


def test_an_endless_line_is_refused_and_its_caller_dropped(server: ControlServer) -> None:
    assert b"request longer than" in exchange(server, *[b"x" * 60_000] * 20)
    assert len(server.readers()) == 1
    assert not server.writers()


class Counting:
    """A handler that counts, with replies of a size that no socket buffer takes."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Request, caller: Caller) -> object:
        self.asked += 1
        return VersionResult(carpio="x" * 1_000_000)


def connect(server: ControlServer) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.connect(str(server.path))
    return caller


VERSION = b'{"jsonrpc":"2.0","id":1,"method":"version"}\n'


def test_a_turn_carries_out_one_request_however_many_wait(tmp_path: Path) -> None:
    handler = Counting()
    server = ControlServer(tmp_path / "s", handler, Standing())
    with contextlib.closing(server), connect(server) as one, connect(server) as other:
        turn(server)
        one.sendall(VERSION * 1000)
        other.sendall(VERSION)
        turn(server)
        assert handler.asked == 1
        turn(server)
        assert handler.asked == 2
        assert other.recv(1), "the other caller was served second"


def test_a_caller_who_reads_nothing_is_not_answered_again(tmp_path: Path) -> None:
    handler = Counting()
    server = ControlServer(tmp_path / "s", handler, Standing())
    with contextlib.closing(server), connect(server) as caller:
        caller.sendall(VERSION * 1000)
        for _turn in range(20):
            turn(server)
        assert handler.asked == 1
        assert len(server.readers()) == 1, "and nothing more is read from him"


@pytest.mark.parametrize(("uid", "rest"), [(0, 0), (1000, 40)])
def test_after_work_for_others_than_root_comes_a_rest(tmp_path: Path, uid: int, rest: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("becomes another user")
    clock = Standing()

    def slow(_request: Request, _caller: Caller) -> object:
        clock.time += 10
        return VersionResult(carpio="9")

    server = ControlServer(tmp_path / "s", slow, clock)
    with contextlib.closing(server):
        path = os.open(server.path, os.O_PATH)  # its directory is closed to others
        os.seteuid(uid)
        try:
            caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            caller.connect(f"/proc/self/fd/{path}")
        finally:
            os.seteuid(0)
        with caller:
            caller.sendall(VERSION)
            assert server.rest() == 0
            turn(server)
            turn(server)
            assert server.rest() == rest
            clock.time += rest
            assert server.rest() == 0
        os.close(path)


def test_without_a_free_descriptor_callers_are_turned_away(server: ControlServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with connect(server) as caller:
        resource.setrlimit(resource.RLIMIT_NOFILE, (caller.fileno() + 1, hard))
        try:
            turn(server)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caller.recv(1) == b""
    assert b'"result"' in exchange(server, VERSION)


def test_a_living_socket_is_not_replaced(server: ControlServer) -> None:
    with pytest.raises(PlatformError, match="another daemon listens"):
        ControlServer(server.path, answer, Standing())


def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(path))
    dead.close()
    ControlServer(path, answer, Standing()).close()
    assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")
    with pytest.raises(PlatformError, match="not a socket"):
        ControlServer(path, answer, Standing())
    assert path.read_text() == "precious"


def test_a_path_too_long_for_a_socket_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="too long"):
        ControlServer(tmp_path / ("x" * 120), answer, Standing())


# -- a socket of systemd -------------------------------------------------------------------

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.closerange(4, 100)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": sys.argv[2], "LISTEN_FDNAMES": "x"}
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes argv[3:] as systemd would start it, with a descriptor of ours as the one handed over."""
SERVER = """
import logging, os, select, subprocess, sys
from pathlib import Path
from carpio.errors import PlatformError
from carpio.runtime.server import ControlServer
class Standing:
    now = staticmethod(lambda: 0)
seen = []
def answer(request, caller):
    command = ("sh", "-c", "ls -l /proc/$$/fd; env")
    child = subprocess.run(command, capture_output=True, text=True, close_fds=False)
    seen.append(child.stdout)
    return ["LISTEN" in child.stdout, "socket:" in child.stdout]
logging.basicConfig(format="%(message)s")
try:
    server = ControlServer(Path(sys.argv[1]), answer, Standing())
except PlatformError as error:
    sys.exit(str(error))
while not seen:
    server.serve(set().union(*select.select(server.readers(), server.writers(), [])[:2]))
print(server.path)
server.close()
"""


def handed_over(
    descriptor: int, *command: str, count: str = "1", within: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start a command that is handed `descriptor`."""
    return subprocess.Popen(
        (*within, sys.executable, "-c", HAND_OVER, str(descriptor), count, *command),
        pass_fds=(descriptor,),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def server_of_one_request(path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", SERVER, str(path))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(str(tmp_path / "s"))
        made.listen()
        yield made


def test_a_socket_of_systemd_is_served_and_stays_for_the_next_daemon(
    tmp_path: Path, listener: socket.socket
) -> None:
    for _ in range(2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(str(tmp_path / "s"))
            caller.sendall(VERSION)  # before there is anybody who could answer
            with handed_over(listener.fileno(), *server_of_one_request(tmp_path / "s")) as server:
                reply = json.loads(caller.makefile().readline())
                assert reply["result"] == [False, False], "children know nothing of the socket"
                assert server.communicate() == (f"{tmp_path}/s\n", "")
    assert (tmp_path / "s").is_socket()


def test_a_socket_of_systemd_elsewhere_wins_over_the_path_and_that_is_said(
    tmp_path: Path, listener: socket.socket
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(tmp_path / "s"))
        caller.sendall(VERSION)
        with handed_over(listener.fileno(), *server_of_one_request(tmp_path / "other")) as server:
            assert server.communicate() == (
                f"{tmp_path}/s\n",
                f"carpio: listening on {tmp_path}/s as systemd says, not on {tmp_path}/other\n",
            )
    assert not (tmp_path / "other").exists()


def refusal(descriptor: int, path: Path, count: str = "1") -> str:
    with handed_over(descriptor, *server_of_one_request(path), count=count) as server:
        _, complaint = server.communicate()
    assert server.returncode == 1
    return complaint


def test_what_is_no_listening_stream_socket_with_a_path_is_refused(
    tmp_path: Path, listener: socket.socket
) -> None:
    silent, datagrams, abstract, internet = (
        socket.socket(family, kind)
        for family, kind in (
            (socket.AF_UNIX, socket.SOCK_STREAM),
            (socket.AF_UNIX, socket.SOCK_DGRAM),
            (socket.AF_UNIX, socket.SOCK_STREAM),
            (socket.AF_NETLINK, socket.SOCK_RAW),
        )
    )
    silent.bind(str(tmp_path / "silent"))
    datagrams.bind(str(tmp_path / "datagrams"))
    abstract.bind(f"\0{tmp_path}")
    abstract.listen()
    for wrong in (silent, datagrams, internet):
        with wrong:
            assert "does not listen for streams; write one" in refusal(wrong.fileno(), tmp_path)
    with abstract:
        assert "has no path; write one ListenStream=" in refusal(abstract.fileno(), tmp_path)
    with (tmp_path / "file").open("w") as file:
        assert "Socket operation on non-socket" in refusal(file.fileno(), tmp_path)
    assert "handed over 2 sockets; write one" in refusal(listener.fileno(), tmp_path, "2")


def test_a_socket_that_was_handed_to_another_process_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    with contextlib.closing(ControlServer(tmp_path / "s", answer, Standing())) as server:
        assert b'"result"' in exchange(server, VERSION)
    assert not (tmp_path / "s").exists()
    assert "LISTEN_FDS" not in os.environ


@pytest.mark.lab
def test_the_real_daemon_answers_who_asked_before_it_was_started(
    tmp_path: Path, listener: socket.socket, netns: Netns
) -> None:
    (tmp_path / "c.toml").write_text("")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(tmp_path / "s"))
        caller.sendall(VERSION)
        daemon = handed_over(
            *(listener.fileno(), str(carpio_command()), "daemon"),
            *("--config", str(tmp_path / "c.toml"), "--control", str(tmp_path / "s")),
            within=("ip", "netns", "exec", netns.name),
        )
        try:
            assert "carpio" in json.loads(caller.makefile().readline())["result"]
        finally:
            daemon.terminate()
            _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, said
    assert (tmp_path / "s").is_socket(), "the daemon has left it to its owner"
