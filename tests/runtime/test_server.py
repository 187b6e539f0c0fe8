"""The control socket answers, survives hostile callers, and never replaces a living one."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
from pathlib import Path

import pytest

from carpio.control.messages import Request, StatusRequest, Version, VersionResult
from carpio.core.model import Nanoseconds
from carpio.errors import ConfigError, ControlError, PlatformError
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
