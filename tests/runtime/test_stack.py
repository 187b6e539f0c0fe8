"""A stack on a kernel that cannot guard refuses its groups, and takes heart when it can."""

from __future__ import annotations

import errno
import random
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.helpers.netns import Netns

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.core.model import InstanceConfig, Nanoseconds, State, Vhid, VirtualAddress
from carpio.runtime.guard import Guard
from carpio.runtime.nfnetlink import open_netfilter_socket
from carpio.runtime.settings import StateFile
from carpio.runtime.stack import Stack
from carpio.wire.auth import Key

pytestmark = pytest.mark.lab

GROUP = InstanceConfig(
    vhid=Vhid(1),
    carpdev="eth0",
    key=Key.from_passphrase("secret"),
    addresses=(VirtualAddress(ip_address("10.1.0.9"), 24),),
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 1_000_000_000_000

    def now(self) -> Nanoseconds:
        return Nanoseconds(self.time)

    def step(self, stack: Stack, seconds: float) -> None:
        self.time += int(seconds * 1_000_000_000)
        stack.turn()


def test_no_group_is_held_until_the_kernel_can_guard(netns: Netns, tmp_path: Path) -> None:
    able = False

    def open_socket() -> socket.socket:
        if not able:
            raise OSError(errno.EPROTONOSUPPORT, "no nf_tables")
        return netns.namespace.call(open_netfilter_socket)

    vhid = VhidConfig(instance=GROUP, netns=netns.name, name="1@eth0")
    clock = Clock()
    stack = Stack(
        netns.namespace,
        DaemonConfig(vhids=(vhid,)),
        StateFile(tmp_path / "state.json"),
        clock,
        random.Random(1),
        guard=Guard(open_socket=open_socket),
    )
    stack.start()
    for _ in range(3):
        clock.step(stack, 3.1)
    (view,) = stack.view().instances
    assert view.state is State.BACKUP
    assert "netfilter" in (stack.refusal(GROUP.instance) or "")
    assert "10.1.0.9" not in netns.ip("addr"), "an address without a guard would be answered for"

    able = True
    for _ in range(3):
        clock.step(stack, 3.1)
    (view,) = stack.view().instances
    assert view.state is State.MASTER
    assert stack.refusal(GROUP.instance) is None
    stack.stop()
    assert "10.1.0.9" not in netns.ip("addr")
