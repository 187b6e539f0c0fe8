"""The client: results, refusals, and daemons that are away, silent, or confused."""

from __future__ import annotations

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.helpers.control import STATUS, answering, serving

from carpio.control.client import ControlClient, NotPermitted, NotReachable, Refused
from carpio.control.messages import (
    ErrorCode,
    LogLevel,
    Status,
    StatusRequest,
    Version,
    VersionResult,
    encode_error,
    encode_result,
)
from carpio.errors import ControlError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_a_result_comes_as_its_type_or_as_plain_values(path: Path) -> None:
    with answering(path), ControlClient(path) as client:
        assert client.ask(StatusRequest(), Status) == STATUS
        assert client.call("status")["demotion"]["sum"] == 240


def test_one_connection_serves_several_requests(path: Path) -> None:
    def reply(line: bytes) -> bytes:
        lines.append(line)
        return encode_result(len(lines), None)

    lines: list[bytes] = []
    with serving(path, reply), ControlClient(path) as client:
        assert client.call("log_level", level=1) is None
        assert client.ask(LogLevel(2), type(None)) is None
    assert [b'"id":1' in lines[0], b'"id":2' in lines[1]] == [True, True]


def test_nobody_there_is_not_reachable(path: Path) -> None:
    with ControlClient(path) as client, pytest.raises(NotReachable, match="No such file") as caught:
        client.call("status")
    assert caught.value.code == 4


def test_a_socket_that_nobody_listens_on_is_not_reachable(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert stat.S_ISSOCK(path.stat().st_mode)
    with pytest.raises(NotReachable, match="Connection refused"):
        ControlClient(path).call("status")


def test_a_path_too_long_for_a_socket_is_not_reachable(tmp_path: Path) -> None:
    with pytest.raises(NotReachable, match="too long"):
        ControlClient(tmp_path / ("x" * 200)).call("status")


def test_a_daemon_that_hangs_up_is_not_reachable(path: Path) -> None:
    with serving(path, lambda _: b""), pytest.raises(NotReachable, match="hung up"):
        ControlClient(path).call("status")


def test_a_daemon_that_does_not_answer_is_not_waited_for(path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with pytest.raises(NotReachable, match=r"no answer within 0.01 s"):
        ControlClient(path, timeout_s=0.01).call("status")
    listener.close()


def test_a_caller_waits_for_room_in_a_full_queue(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as callers:
        listener.bind(str(path))
        listener.listen(0)
        callers.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        with pytest.raises(NotReachable, match=r"no answer within 0\.01 s"):
            ControlClient(path, timeout_s=0.01).call("status")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(callers.enter_context(ControlClient(path)).call, "status")
            listener.accept()[0].close()  # the first one has his turn
            accepted = callers.enter_context(listener.accept()[0])
            accepted.sendall(encode_result(1, 5))
            assert waiting.result() == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="root reads everything, so it must become another")
def test_a_socket_of_another_user_is_not_permitted(path: Path) -> None:
    with answering(path):
        os.seteuid(65534)
        try:
            with pytest.raises(NotPermitted, match="not permitted; run as root"):
                ControlClient(path).call("status")
        finally:
            os.seteuid(0)


def test_an_error_that_says_not_permitted_is_that(path: Path) -> None:
    line = encode_error(1, ErrorCode.NOT_PERMITTED, "needs CAP_NET_ADMIN")
    with (
        serving(path, lambda _: line),
        pytest.raises(NotPermitted, match="CAP_NET_ADMIN") as caught,
        ControlClient(path) as client,
    ):
        client.call("reload")
    assert caught.value.code == 5


def test_another_error_carries_its_code_and_problems(path: Path) -> None:
    line = encode_error(1, ErrorCode.INVALID_CONFIGURATION, "not valid", ("a:1: x",))
    with (
        serving(path, lambda _: line),
        pytest.raises(Refused) as caught,
        ControlClient(path) as client,
    ):
        client.call("reload")
    assert (caught.value.code, caught.value.problems) == (2, ("a:1: x",))
    assert str(caught.value) == "not valid\na:1: x"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"nonsense\n", "not understood"),
        (encode_result(99, None), "answered another request"),
        (encode_result(1, {"carpio": 5}), "not understood"),
        (b'{"jsonrpc":"2.0","id":1}\n', "not understood"),
    ],
)
def test_a_reply_that_makes_no_sense_is_a_control_error(path: Path, line: bytes, what: str) -> None:
    with (
        serving(path, lambda _: line),
        ControlClient(path) as client,
        pytest.raises(ControlError, match=what),
    ):
        client.ask(Version(), VersionResult)


def test_after_a_failure_the_next_request_has_a_connection_of_its_own(path: Path) -> None:
    answers = iter([b"", encode_result(2, 5)])
    with serving(path, lambda _: next(answers)), ControlClient(path) as client:
        with pytest.raises(NotReachable):
            client.call("status")
        assert client.call("status") == 5
