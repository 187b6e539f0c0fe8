"""A stack on a kernel that cannot guard refuses its groups, and takes heart when it can."""

from __future__ import annotations

import errno
import random
import socket
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.helpers.netns import Netns, next_advert

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.core.model import InstanceConfig, Nanoseconds, State, Vhid, VirtualAddress
from carpio.runtime.guard import Guard
from carpio.runtime.nfnetlink import open_netfilter_socket
from carpio.runtime.settings import StateFile
from carpio.runtime.stack import Stack
from carpio.wire.auth import Key
from carpio.wire.checksum import internet_checksum

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


def stack_in(netns: Netns, directory: Path, clock: Clock, guard: Guard | None = None) -> Stack:
    """Return a stack with `GROUP` that has not begun; its state file is in the directory."""
    vhid = VhidConfig(instance=GROUP, netns=netns.name, name="1@eth0")
    return Stack(
        netns.namespace,
        DaemonConfig(vhids=(vhid,)),
        StateFile(directory / "state.json"),
        clock,
        random.Random(1),
        guard=guard,
    )


def from_source(frame: bytes, source: str) -> bytes:
    """Return an IPv4 frame as it would be from another host."""
    blank = frame[14:24] + bytes(2) + ip_address(source).packed + frame[30:34]
    header = blank[:10] + internet_checksum(blank).to_bytes(2, "big") + blank[12:]
    return frame[:14] + header + frame[34:]


@pytest.mark.parametrize("own", [True, False], ids=["own address", "no address"])
def test_r057_an_advert_that_comes_back_is_an_echo_and_the_same_from_another_host_is_none(
    netns: Netns, tmp_path: Path, own: bool
) -> None:
    if not own:
        netns.ip("addr", "del", "10.1.0.1/24", "dev", "eth0")
    clock = Clock()
    stack = stack_in(netns, tmp_path, clock)
    stack.start()
    with netns.on_the_wire() as wire:
        clock.step(stack, 3.1)
        assert stack.view().instances[0].state is State.MASTER
        advert = next_advert(wire)
        assert advert[26:30] == (ip_address("10.1.0.1").packed if own else bytes(4))
        wire.send(advert)
        heard = 0
        while not heard:  # it is there when send returns, or a softirq later
            stack.turn()
            heard = stack.view().counters["ipackets"]
        assert stack.view().counters["badif"] == 1
        assert stack.view().instances[0].state is State.MASTER
        wire.send(from_source(advert, "10.1.0.2"))
        while heard == stack.view().counters["ipackets"]:
            stack.turn()
        assert stack.view().counters["badif"] == 1
        assert stack.view().instances[0].state is State.BACKUP
    stack.bow_out()
    stack.leave()


def test_no_group_is_held_until_the_kernel_can_guard(netns: Netns, tmp_path: Path) -> None:
    able = False

    def open_socket() -> socket.socket:
        if not able:
            raise OSError(errno.EPROTONOSUPPORT, "no nf_tables")
        return netns.namespace.call(open_netfilter_socket)

    clock = Clock()
    stack = stack_in(netns, tmp_path, clock, Guard(open_socket=open_socket))
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
    stack.bow_out()
    stack.leave()
    assert "10.1.0.9" not in netns.ip("addr")


def test_no_look_at_the_host_begins_while_adverts_wait_to_be_read(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may be a goodbye: with hundreds of groups a look costs a tenth of a second."""
    netns.ip("addr", "add", "10.1.0.77/24", "dev", "eth0")
    clock = Clock()
    stack = stack_in(netns, tmp_path, clock)
    stack.start()
    looks: list[int] = []
    with netns.on_the_wire() as wire:
        clock.step(stack, 3.1)
        advert = next_advert(wire)
        clock.step(stack, 0.3)
        netns.ip("addr", "del", "10.1.0.77/24", "dev", "eth0")
        stack.turn()  # hears of it, and looks in 20 ms
        with monkeypatch.context() as patch:
            patch.setattr(stack, "_look", lambda _instances: looks.append(clock.time))
            for _ in range(40):
                wire.send(from_source(advert, "10.1.0.2")[:-1])
            deadline = time.monotonic() + 5
            clock.step(stack, 0.05)
            assert looks == []
            while not looks:
                assert time.monotonic() < deadline
                stack.turn()
    stack.bow_out()
    stack.leave()
