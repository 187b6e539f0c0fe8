"""Calls of ifconfig made in this process, and what the daemon says is where."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.helpers.control import serving
from tests.helpers.ifconfig import PaperDaemon

from carpio.bsd.world import World
from carpio.control.network import AddAddress, SetVhid
from carpio.errors import CarpioError
from carpio.jail.aliases import Called, DaemonInterfaces, HeldAddress, same_address


def interfaces_at(
    socket: Path, enter: Callable[[str], None] = lambda _name: None
) -> DaemonInterfaces:
    return DaemonInterfaces(
        World(
            stdin=io.StringIO(),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
            environ={},
            control=socket,
            enter=enter,
            start_daemon=lambda: None,
        )
    )


def test_a_call_is_one_request_to_the_daemon(tmp_path: Path) -> None:
    daemon = PaperDaemon()
    with serving(tmp_path / "s", daemon.reply):
        words = ["igb0", "inet", "10.10.10.11/32", "vhid", "1", "pass", "testpass", "alias"]
        assert interfaces_at(tmp_path / "s").ifconfig(words, 0) == Called(is_good=True)
    (line,) = daemon.lines
    assert line.interface == "igb0"
    assert line.steps == [
        SetVhid(vhid=1, passphrase="testpass"),
        AddAddress(address="10.10.10.11", prefix_length=32, vhid=1),
    ]


def test_what_it_says_comes_back(tmp_path: Path) -> None:
    refusal = b'{"code": 1, "message": "no", "line": 0, "step": 0, "errno": 17}'
    daemon = PaperDaemon(refusal=refusal)
    with serving(tmp_path / "s", daemon.reply):
        interfaces = interfaces_at(tmp_path / "s")
        called = interfaces.ifconfig(["em0", "10.0.0.1/24", "alias"], 0)
        assert called == Called(
            is_good=False, texts=("ifconfig: ioctl (SIOCAIFADDR): File exists", "\tno")
        )
        assert interfaces.ifconfig(["-l"], 0).output.startswith("lo em0 ")
        warned = PaperDaemon()
    with serving(tmp_path / "t", warned.reply):
        called = interfaces_at(tmp_path / "t").ifconfig(["em0", "10.0.0.1", "alias"], 0)
        assert called.is_good
        assert called.texts[0].startswith(
            "ifconfig: WARNING: setting interface address without mask"
        )


def test_without_the_daemon_it_says_how_to_start_it(tmp_path: Path) -> None:
    interfaces = interfaces_at(tmp_path / "none")
    called = interfaces.ifconfig(["em0", "10.0.0.1/24", "alias"], 5)
    assert not called.is_good
    assert not called.is_timed_out
    assert "daemon not reachable" in called.texts[0]
    with pytest.raises(CarpioError, match="not reachable"):
        interfaces.held()


def test_a_daemon_that_does_not_answer_in_time_is_told(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        called = interfaces_at(tmp_path / "s").ifconfig(["em0", "10.0.0.1/24", "alias"], 1)
    assert msgspec.structs.replace(called, texts=()) == Called(is_good=False, is_timed_out=True)


def test_all_addresses_are_told_with_their_groups(tmp_path: Path) -> None:
    with serving(tmp_path / "s", PaperDaemon().reply):
        held = interfaces_at(tmp_path / "s").held()
    assert HeldAddress(interface="em0", address="10.10.1.20", vhid=1) in held
    assert HeldAddress(interface="em0", address="10.10.1.11", vhid=None) in held
    assert HeldAddress(interface="em0", address="2001:db8::20", vhid=1) in held


def test_addresses_are_compared_however_they_are_written() -> None:
    assert same_address("2001:DB8:0::1") == same_address("2001:db8::1")
    assert same_address("10.0.0.1") == "10.0.0.1"


def test_another_namespace_is_entered_by_a_thread_that_ends_with_the_call(tmp_path: Path) -> None:
    entered: list[tuple[str, bool]] = []

    def enter(name: str) -> None:
        entered.append((name, threading.current_thread() is threading.main_thread()))

    daemon = PaperDaemon()
    before = threading.active_count()
    with serving(tmp_path / "s", daemon.reply):
        words = ["-j", "www", "e0", "vhid", "1", "pass", "x"]
        assert interfaces_at(tmp_path / "s", enter).ifconfig(words, 0) == Called(is_good=True)
    assert entered == [("www", False)]
    assert [line.interface for line in daemon.lines] == ["e0"]
    assert threading.active_count() == before
