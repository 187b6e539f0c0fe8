"""Transcripts of netstat."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_calls import Caller, Outcome, SettingsKeeper
from tests.helpers.control import serving

from carpio.control.messages import ErrorCode
from carpio.control.network import ChangeSettings, SettingChange, SettingsRequest

TEXT = """\
carp:
\t7 packets received (IPv4)
\t1 packet received (IPv6)
\t\t1 packet discarded for wrong TTL
\t\t0 packets shorter than header
\t\t2 discarded for bad checksums
\t\t1 discarded packet with a bad version
\t\t0 discarded because packet too short
\t\t3 discarded for bad authentication
\t\t0 discarded for bad vhid
\t\t0 discarded because of a bad address list
\t600 packets sent (IPv4)
\t0 packets sent (IPv6)
\t\t1 send failed due to mbuf memory error
"""
FIELDS = {
    "received-inet-packets": 7,
    "received-inet6-packets": 1,
    "dropped-wrong-ttl": 1,
    "dropped-short-header": 0,
    "dropped-bad-checksum": 2,
    "dropped-bad-version": 1,
    "dropped-short-packet": 0,
    "dropped-bad-authentication": 3,
    "dropped-bad-vhid": 0,
    "dropped-bad-address-list": 0,
    "sent-inet-packets": 600,
    "sent-inet6-packets": 0,
    "send-failed-memory-error": 1,
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SettingsKeeper]:
    keeper = SettingsKeeper()
    with serving(tmp_path / "control.sock", keeper.reply):
        yield keeper


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    return Caller(tmp_path / "control.sock", tmp_path)


@pytest.mark.parametrize(
    "argv",
    [
        ["-s", "-p", "carp"],
        ["-sp", "carp"],
        ["-spcarp"],
        ["-s"],
        ["-s", "-p", "CARP"],
        ["-sn", "-W", "-p", "carp"],
        ["--libxo", "text", "-s"],
    ],
)
def test_statistics_are_those_of_freebsd(
    daemon: SettingsKeeper, call: Caller, argv: list[str]
) -> None:
    assert call("netstat", *argv) == Outcome(0, TEXT, "")
    assert daemon.requests == [SettingsRequest()]


def test_zeros_are_hidden_when_asked_twice(daemon: SettingsKeeper, call: Caller) -> None:
    expected = "".join(line for line in TEXT.splitlines(True) if not line.strip().startswith("0 "))
    assert call("netstat", "-ss", "-p", "carp").stdout == expected
    assert call("netstat", "-s", "-s").stdout == expected


@pytest.mark.parametrize(
    "words",
    [
        ["--libxo", "json", "-s", "-p", "carp"],
        ["--libxo=json", "-s"],
        ["-s", "--libxo:J", "-p", "carp"],
        ["-s", "-p", "carp", "--libxo", "json"],
    ],
)
def test_json_has_the_names_and_nesting_of_freebsd(
    daemon: SettingsKeeper, call: Caller, words: list[str]
) -> None:
    outcome = call("netstat", *words)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.count("\n") == 1
    found = json.loads(outcome.stdout)
    assert found == {"statistics": {"carp": FIELDS}}
    assert list(found["statistics"]["carp"]) == list(FIELDS)


@pytest.mark.parametrize("option", ["--libxo=json,pretty", "--libxo=pretty,json", "--libxo:PJ"])
def test_pretty_json_has_a_line_for_each_counter(
    daemon: SettingsKeeper, call: Caller, option: str
) -> None:
    expected = json.dumps({"statistics": {"carp": FIELDS}}, indent=2)
    assert call("netstat", option, "-s").stdout == f"{expected}\n"


@pytest.mark.parametrize(("option", "lines"), [("--libxo=xml", 1), ("--libxo:XP", 17)])
def test_xml_has_the_same_names(
    daemon: SettingsKeeper, call: Caller, option: str, lines: int
) -> None:
    text = call("netstat", option, "-s").stdout
    assert text.count("\n") == lines
    carp = ElementTree.fromstring(text).find("carp")
    assert carp is not None
    assert {field.tag: int(field.text or "") for field in carp} == FIELDS


def test_nothing_counted_is_still_json(daemon: SettingsKeeper, call: Caller) -> None:
    daemon.stats = {}
    assert call("netstat", "-ss", "--libxo", "json").stdout == '{"statistics": {"carp": {}}}\n'
    pretty = call("netstat", "-ss", "--libxo", "json,pretty").stdout
    assert json.loads(pretty) == {"statistics": {"carp": {}}}


def test_counters_are_shown_and_then_reset(daemon: SettingsKeeper, call: Caller) -> None:
    assert call("netstat", "-sz", "-p", "carp") == Outcome(0, TEXT, "")
    assert daemon.requests == [SettingsRequest(), ChangeSettings([SettingChange("stats", 0)])]
    assert call("netstat", "-ss").stdout == "carp:\n"


def test_who_may_not_reset_hears_so(daemon: SettingsKeeper, call: Caller) -> None:
    daemon.refuse("settings.change", ErrorCode.NOT_PERMITTED, "needs CAP_NET_ADMIN")
    assert call("netstat", "-sz") == Outcome(1, TEXT, "netstat: needs CAP_NET_ADMIN\n")


def test_it_goes_into_the_namespace_before_it_asks(daemon: SettingsKeeper, call: Caller) -> None:
    call.on_enter = lambda _name: daemon.stats.update(badauth=4)
    assert "4 discarded for bad authentication" in call("netstat", "-j", "web", "-s").stdout
    assert call.entered == ["web"]


@pytest.mark.parametrize(
    ("argv", "stderr"),
    [
        (["-s", "-p", "tcp"], "netstat: tcp: unknown or uninstrumented protocol\n"),
        (["-p", "nonsense"], "netstat: nonsense: unknown or uninstrumented protocol\n"),
        (
            ["-rn"],
            "netstat: this one knows only -s, of CARP; the system's own is in the package "
            "net-tools\n",
        ),
    ],
)
def test_what_it_does_not_know_it_says(
    daemon: SettingsKeeper, call: Caller, argv: list[str], stderr: str
) -> None:
    assert call("netstat", *argv) == Outcome(1, "", stderr)
    assert daemon.requests == []


@pytest.mark.parametrize("argv", [[], ["-an"], ["-i"], ["-s", "-I", "eth0"], ["-s", "5"]])
def test_other_uses_are_for_the_netstat_of_the_system(
    call: Caller, tmp_path: Path, argv: list[str]
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/netstat").touch()
    assert call("netstat", *argv) == Outcome(
        1,
        "",
        "netstat: this one knows only -s, of CARP; the system's own is /bin/netstat\n",
    )


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["-K"], "illegal option -- K"),
        (["-tlnp"], "illegal option -- t"),
        (["-s", "-p"], "option requires an argument -- p"),
        (["-s", "--libxo"], "missing libxo option"),
        (["-s", "--libxo=html"], "--libxo: html: not known here"),
        (["-s", "--libxo:H"], "--libxo: H: not known here"),
        (["-s", "--libxoid"], "illegal option -- --libxoid"),
    ],
)
def test_a_wrong_command_line_is_answered_with_the_usage(
    call: Caller, argv: list[str], complaint: str
) -> None:
    assert call("netstat", *argv) == Outcome(
        1,
        "",
        f"netstat: {complaint}\n"
        "usage: netstat [--libxo json|xml|text[,pretty]] [-j jail] -s [-sz] [-p carp]\n"
        "the system's own is in the package net-tools\n",
    )


def test_without_a_daemon_it_says_how_to_start_one(call: Caller) -> None:
    outcome = call("netstat", "-s")
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.endswith("or let it be started: netstat --start ...\n")
