"""The language of the control socket: good lines, bad lines, any bytes."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carpio.control.messages import (
    MAX_MESSAGE_OF_ROOT,
    WRITING,
    Attach,
    Demote,
    DemoteClear,
    DemotionStatus,
    Detach,
    ErrorCode,
    LogLevel,
    Reload,
    RequestError,
    SetState,
    Status,
    StatusRequest,
    Version,
    encode_call,
    encode_error,
    encode_request,
    encode_result,
    parse_reply,
    parse_request,
)
from carpio.errors import ControlError

REQUESTS = [
    Version(),
    StatusRequest(),
    Demote("boot time", -240),
    DemoteClear("x"),
    SetState("1@eth0", "backup"),
    Attach(name="1@eth0", netns="web"),
    Attach(name="1@eth0", pid=17),
    Detach(name="1@eth0"),
    LogLevel(2),
    Reload(),
]


def request(method: str, params: str = "{}", request_id: str = "1") -> bytes:
    return f'{{"jsonrpc":"2.0","id":{request_id},"method":"{method}","params":{params}}}'.encode()


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: sent.method)
@pytest.mark.parametrize("request_id", [7, "seven"])
def test_each_request_arrives_as_it_was_sent(sent, request_id: int | str) -> None:
    line = encode_request(sent, request_id)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse_request(line) == (request_id, sent)


def test_parameters_may_be_left_out_where_there_are_none() -> None:
    assert parse_request(b'{"jsonrpc":"2.0","id":1,"method":"status"}') == (1, StatusRequest())


def test_only_questions_change_nothing() -> None:
    assert {type(r) for r in REQUESTS} - set(WRITING) == {Version, StatusRequest}


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"", ErrorCode.PARSE_ERROR, None),
        (b"{", ErrorCode.PARSE_ERROR, None),
        (b'{"id":"\xff"}', ErrorCode.PARSE_ERROR, None),
        (b"[" * 60_000, ErrorCode.INVALID_REQUEST, None),
        (b"[]", ErrorCode.INVALID_REQUEST, None),
        (b'{"id":5}', ErrorCode.INVALID_REQUEST, 5),
        (b'{"id":5.5}', ErrorCode.INVALID_REQUEST, None),
        (b'{"jsonrpc":"1.0","id":5,"method":"status"}', ErrorCode.INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","method":"status"}', ErrorCode.INVALID_REQUEST, None),
        (request("shutdown"), ErrorCode.UNKNOWN_METHOD, 1),
        (request("status", "[]"), ErrorCode.INVALID_PARAMS, 1),
        (request("status", '{"x":1}'), ErrorCode.INVALID_PARAMS, 1),
        (request("demote", '{"cause":"x"}', '"i"'), ErrorCode.INVALID_PARAMS, "i"),
        (request("demote", '{"cause":"","delta":1}'), ErrorCode.INVALID_PARAMS, 1),
        (request("demote", '{"cause":"a\\nb","delta":1}'), ErrorCode.INVALID_PARAMS, 1),
        (request("demote", '{"cause":"x\\n","delta":1}'), ErrorCode.INVALID_PARAMS, 1),
        (request("demote", '{"cause":"x","delta":1.5}'), ErrorCode.INVALID_PARAMS, 1),
        (request("demote", '{"cause":"x","delta":99999}'), ErrorCode.INVALID_PARAMS, 1),
        (request("state", '{"name":"1@e","state":"init"}'), ErrorCode.INVALID_PARAMS, 1),
        (request("log_level", '{"level":-1}'), ErrorCode.INVALID_PARAMS, 1),
        (request("status", " " * MAX_MESSAGE_OF_ROOT), ErrorCode.INVALID_REQUEST, None),
    ],
)
def test_a_bad_line_is_answered_with_its_code_and_id(line, code, request_id) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(line)
    assert (caught.value.code, caught.value.request_id) == (code, request_id)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='{}[]":,0123.e-\\untf ', max_size=80).map(str.encode),
    )
)
@example(b'{"jsonrpc":"2.0","id":1,"method":"status","params":' + b"[" * 50_000)
@example(b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"status"}')
def test_any_bytes_are_a_request_or_a_request_error(line: bytes) -> None:
    try:
        parse_request(line)
    except RequestError:
        return


def test_a_result_and_an_error_are_told_apart() -> None:
    empty = Status(vhids=[], demotion=DemotionStatus(sum=0, causes=[]))
    good = parse_reply(encode_result(3, empty))
    assert (good.id, good.error) == (3, None)
    assert msgspec.json.decode(good.result, type=Status) == empty
    bad = parse_reply(encode_error(None, ErrorCode.FAILED, "no", ("a", "b")))
    assert bad.error is not None
    assert (bad.id, bad.error.code, bad.error.message, bad.error.data) == (
        None,
        1,
        "no",
        ["a", "b"],
    )


def test_replies_are_json_rpc_on_one_line() -> None:
    assert json.loads(encode_result("i", None)) == {"jsonrpc": "2.0", "id": "i", "result": None}
    assert json.loads(encode_error(1, ErrorCode.NOT_PERMITTED, "a\nb")) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": 5, "message": "a\nb"},
    }
    assert encode_error(1, ErrorCode.FAILED, "a\nb").count(b"\n") == 1


def test_a_call_may_name_any_method() -> None:
    assert parse_request(encode_call("log_level", {"level": 1}, 2)) == (2, LogLevel(1))


@given(st.binary(max_size=100))
def test_any_reply_is_understood_or_a_control_error(line: bytes) -> None:
    try:
        parse_reply(line)
    except ControlError:
        return
