from __future__ import annotations

import sys

import pytest
from tests.helpers.netns import Netns

from carpio.runtime import inventory
from carpio.runtime.rules import ensure_rules, remove_rules

pytestmark = pytest.mark.lab

KERNELS = ["0:\tfrom all lookup local", "32766:\tfrom all lookup main"]
OURS = ["1:\tfrom all lookup 1001", "2:\tfrom all lookup local", KERNELS[1]]

TALK_TO_SELF = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=1)
"""


def rules(netns: Netns, family: str = "-4") -> list[str]:
    lines = [line.rstrip() for line in netns.ip(family, "rule").splitlines()]
    return [line for line in lines if "lookup default" not in line]


def ensure(netns: Netns) -> bool:
    routes = netns.routes()
    return ensure_rules(routes, inventory.take(routes))


def remove(netns: Netns) -> None:
    routes = netns.routes()
    remove_rules(routes, inventory.take(routes))


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_backup_table_comes_before_local_and_goes_without_a_trace(
    netns: Netns, family: str
) -> None:
    before = rules(netns, family)
    assert before == KERNELS
    assert ensure(netns)
    assert rules(netns, family) == OURS
    assert not ensure(netns)
    remove(netns)
    assert rules(netns, family) == before


def test_rules_are_of_protocol_kernel(netns: Netns) -> None:
    ensure(netns)
    told = netns.ip("-d", "rule").splitlines()
    assert [line for line in told if "proto kernel" not in line] == []


@pytest.mark.parametrize("table", ["local", "1001"])
def test_rule_that_somebody_removed_comes_back(netns: Netns, table: str) -> None:
    ensure(netns)
    netns.ip("rule", "del", "lookup", table)
    assert ensure(netns)
    assert rules(netns) == OURS


def test_host_reaches_itself_all_the_time(netns: Netns) -> None:
    for change in (ensure, remove):
        change(netns)
        netns.run(sys.executable, "-c", TALK_TO_SELF)


def test_talk_fails_without_a_lookup_of_local(netns: Netns) -> None:
    netns.ip("rule", "del", "priority", "0")
    with pytest.raises(AssertionError, match="Network is unreachable"):
        netns.run(sys.executable, "-c", TALK_TO_SELF)


def test_rules_of_others_stay(netns: Netns) -> None:
    netns.ip("rule", "add", "from", "10.9.0.0/16", "lookup", "77", "priority", "5")
    ensure(netns)
    remove(netns)
    assert rules(netns) == [KERNELS[0], "5:\tfrom 10.9.0.0/16 lookup 77", KERNELS[1]]


def test_local_rule_that_the_host_had_elsewhere_is_left_there(netns: Netns) -> None:
    netns.ip("rule", "add", "lookup", "local", "priority", "100")
    netns.ip("rule", "del", "priority", "0")
    before = rules(netns)
    ensure(netns)
    remove(netns)
    assert rules(netns) == before
