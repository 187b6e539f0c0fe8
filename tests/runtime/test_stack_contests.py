"""Contests are judged, however the guard and the daemon come to know of a rival's advert."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.helpers import builders
from tests.helpers.netns import Netns
from tests.runtime.test_stack import GROUP, Clock, stack_in

from carpio.core.model import InstanceKey, State
from carpio.runtime.guard import Guard
from carpio.runtime.nfnetlink import open_netfilter_socket
from carpio.runtime.stack import Stack
from carpio.wire.constants import CARP_GROUP_V4_MAC, DEFAULT_DSCP, ETHERTYPE_IPV4
from carpio.wire.ethernet import ethernet_header, virtual_mac
from carpio.wire.ipv4 import carp_ipv4_header

pytestmark = pytest.mark.lab

MASTER_DOWN_S = 3.1


def advert_of_another(advskew: int) -> bytes:
    payload = builders.payload_of(GROUP, advskew=advskew, counter=1 << 40)
    header = carp_ipv4_header(
        ip_address("10.1.0.77").packed, dscp=DEFAULT_DSCP, payload_length=len(payload)
    )
    return ethernet_header(CARP_GROUP_V4_MAC, virtual_mac(1), ETHERTYPE_IPV4) + header + payload


BETTER, SLOWER = advert_of_another(0), advert_of_another(200)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(netns: Netns) -> Guard:
    return Guard(open_socket=lambda: netns.namespace.call(open_netfilter_socket))


@pytest.fixture
def stack(netns: Netns, tmp_path: Path, clock: Clock, guard: Guard) -> Iterator[Stack]:
    made = stack_in(netns, tmp_path, clock, guard)
    made.start()
    yield made
    made.bow_out()
    made.leave()


@pytest.fixture
def wire(netns: Netns) -> Iterator[socket.socket]:
    with netns.on_the_wire() as opened:
        yield opened


def state_of(stack: Stack) -> State:
    return stack.view().instances[0].state


def wait_until(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_advert_that_arrives_while_the_gate_opens_is_judged_before_anything_is_served(
    stack: Stack, clock: Clock, wire: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, serve = stack._plane.acquire, stack._plane.serve
    served: list[InstanceKey] = []

    def be_late(keys: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        wire.send(BETTER)
        time.sleep(0.02)  # it has arrived, and the gate was closed
        return acquire(keys)

    def note(keys: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        served.extend(keys)
        return serve(keys)

    monkeypatch.setattr(stack._plane, "serve", note)
    with monkeypatch.context() as patch:
        patch.setattr(stack._plane, "acquire", be_late)
        clock.step(stack, MASTER_DOWN_S)
    assert (served, state_of(stack)) == ([], State.BACKUP)
    clock.step(stack, MASTER_DOWN_S)
    assert (served, state_of(stack)) == ([GROUP.instance], State.MASTER), "it serves otherwise"


def test_a_contest_that_comes_after_its_dismissal_is_dismissed_some_milliseconds_later(
    stack: Stack,
    clock: Clock,
    guard: Guard,
    wire: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A frame is heard before the guard sees it: the daemon can be faster than the kernel."""
    clock.step(stack, MASTER_DOWN_S)
    with monkeypatch.context() as patch:
        patch.setattr(stack._plane, "dismiss", lambda _keys: None)  # it found nothing to dismiss
        wire.send(SLOWER)
        wait_until(guard.contested)
        stack.turn()
        assert guard.contested()
    assert stack.next_deadline() <= clock.time + 5_000_000
    clock.step(stack, 0.004)
    assert guard.contested()
    clock.step(stack, 0.001)
    assert not guard.contested()
    assert state_of(stack) is State.MASTER


def test_a_contest_whose_advert_was_never_read_is_dismissed_at_the_second_look(
    stack: Stack, clock: Clock, guard: Guard, wire: socket.socket
) -> None:
    clock.step(stack, MASTER_DOWN_S)
    wire.send(SLOWER)
    wait_until(guard.contested)
    assert stack._carpdevs["eth0"].socket.receive(9), "lost, as in a full buffer"
    steps = 0
    while guard.contested():
        clock.step(stack, 0.5)
        steps += 1
        assert steps < 30
    assert steps > 2, "the first look cannot tell it from one that is being judged"
    assert state_of(stack) is State.MASTER
