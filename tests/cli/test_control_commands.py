"""status, demote, state, log-level and reload against a daemon of few words."""

from __future__ import annotations

import json

import pytest

from carpio.cli.exit_status import ExitStatus
from carpio.control.messages import (
    Demote,
    DemoteClear,
    DemotionStatus,
    ErrorCode,
    LogLevel,
    Reload,
    SetState,
    Status,
    TraceOff,
    TraceOn,
    encode_error,
)


def test_status_shows_people_who_is_what_since_when_and_why(run, daemon) -> None:
    outcome = run("status")
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stdout.splitlines() == [
        "NAME    STATE   SINCE  PEER      SKEW        IN  OUT  REASON",
        "1@eth0  MASTER  9m59s  -         100 as 240  3   600  master timed out",
        "    10.0.0.1/24  2001:db8::1/64",
        "    counted: badauth 4",
        "    rival 10.0.0.9 advbase 1 advskew 0, last 4s ago",
        "    claimed by 02:00:00:00:00:09: 10.0.0.1 3 times",
        "web     BACKUP  -      10.0.0.8  0           0   0    -",
        "    no addresses",
        "demotion 240: maintenance +240",
    ]


def test_status_paints_states_on_a_terminal_that_wants_it(run, daemon) -> None:
    assert "\x1b[32mMASTER\x1b[0m" in run("status", tty=True).stdout
    assert "\x1b" not in run("status", tty=True, environ={"NO_COLOR": "1"}).stdout
    assert "\x1b" not in run("status").stdout


def test_status_without_groups_says_so(run, daemon) -> None:
    daemon.answers["status"] = Status(vhids=[], demotion=DemotionStatus(sum=0, causes=[]))
    assert run("status").stdout == "no groups are configured\n"


def test_status_in_json_has_the_shape_of_the_contract(run, daemon) -> None:
    status = json.loads(run("status", "--json").stdout)
    assert list(status) == ["schema", "vhids", "demotion"]
    assert status["schema"] == 1
    assert list(status["vhids"][0]) == [
        "vhid", "interface", "netns", "name", "state", "since", "reason", "advbase", "advskew",
        "effective_advskew", "demotion", "addresses", "peer", "last_advert", "next_deadline",
        "counters", "rivals", "attached",
    ]  # fmt: skip
    assert status["demotion"] == {"sum": 240, "causes": [{"cause": "maintenance", "value": 240}]}
    assert status["vhids"][0]["addresses"] == ["10.0.0.1/24", "2001:db8::1/64"]


@pytest.mark.parametrize(
    ("argv", "request_", "text"),
    [
        (("demote", "maintenance", "+200"), Demote("maintenance", 200), "demotion 7\n"),
        (("demote", "maintenance", "-200"), Demote("maintenance", -200), "demotion 7\n"),
        (("demote", "--clear", "maintenance"), DemoteClear("maintenance"), "demotion 0\n"),
        (("state", "1@eth0", "master"), SetState("1@eth0", "master"), ""),
        (("state", "web", "backup"), SetState("web", "backup"), ""),
        (("log-level", "2"), LogLevel(2), ""),
        (("trace", "on", "/var/tmp/a.trace"), TraceOn("/var/tmp/a.trace"), ""),
        (("trace", "on", "/var/tmp/x/../a", "--size", "3"), TraceOn("/var/tmp/a", 3), ""),
        (("trace", "off"), TraceOff(), ""),
        (("reload",), Reload(), ""),
    ],
)
def test_a_command_becomes_its_request(run, daemon, argv, request_, text: str) -> None:
    outcome = run(*argv)
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.DONE, text)
    assert daemon.requests == [request_]


def test_a_trace_is_written_where_the_caller_is(run, daemon, tmp_path) -> None:
    assert run("trace", "on", "a.trace").exit_status is ExitStatus.DONE
    assert daemon.requests == [TraceOn(str(tmp_path / "a.trace"))]


@pytest.mark.parametrize("argv", [("on",), ("off", "a.trace"), ("off", "--size", "1"), ("maybe",)])
def test_a_trace_needs_a_file_to_begin_and_none_to_end(run, daemon, argv) -> None:
    assert run("trace", *argv).exit_status is ExitStatus.USAGE
    assert daemon.requests == []


def test_reload_passes_on_warnings(run, daemon) -> None:
    assert run("reload").stderr == "warning: c.toml:1: x: odd\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.FAILED, ExitStatus.FAILED),
        (ErrorCode.INVALID_PARAMS, ExitStatus.FAILED),
        (ErrorCode.INTERNAL_ERROR, ExitStatus.FAILED),
        (ErrorCode.INVALID_CONFIGURATION, ExitStatus.INVALID),
        (ErrorCode.NOT_PERMITTED, ExitStatus.NOT_PERMITTED),
    ],
)
def test_the_error_of_the_daemon_decides_the_exit_status(run, daemon, code, status) -> None:
    daemon.answers["reload"] = encode_error(1, code, "no")
    outcome = run("reload")
    assert (outcome.exit_status, outcome.stderr) == (status, "carpio: no\n")


def test_problems_of_a_reload_are_told_line_by_line(run, daemon) -> None:
    daemon.answers["reload"] = encode_error(
        1, ErrorCode.INVALID_CONFIGURATION, "not valid", ("c.toml:1: a", "c.toml:2: b")
    )
    assert run("reload").stderr.splitlines()[-2:] == ["c.toml:1: a", "c.toml:2: b"]


def test_the_socket_named_on_the_command_line_comes_first(run, daemon, tmp_path) -> None:
    assert run("status", "--control", "none.sock").exit_status is ExitStatus.UNREACHABLE
    environ = {"CARPIO_CONTROL": "none.sock"}
    assert (
        run("status", "--control", "control.sock", environ=environ).exit_status is ExitStatus.DONE
    )
