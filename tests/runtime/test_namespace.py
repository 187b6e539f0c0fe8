from __future__ import annotations

import gc
import os
import socket
import subprocess
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.helpers.netns import Netns

from carpio.errors import PlatformError
from carpio.runtime.namespace import Namespace


def own_namespace() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def test_name_that_nobody_made_is_refused_with_the_remedy() -> None:
    with pytest.raises(PlatformError, match=r"network namespace nobody-made.*ip netns add"):
        Namespace("nobody-made")


def test_own_namespace_needs_no_other_thread() -> None:
    assert Namespace(None).call(own_namespace) == own_namespace()


@pytest.mark.lab
def test_function_runs_inside_and_the_caller_stays_where_it_was(netns: Netns) -> None:
    before = own_namespace()
    inside = Namespace(netns.name).call(own_namespace)
    assert inside == netns.run("readlink", "/proc/self/ns/net").strip()
    assert inside != before
    assert own_namespace() == before


@pytest.mark.lab
def test_failure_inside_is_raised_outside(netns: Netns) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Namespace(netns.name).call(fail)


@pytest.mark.lab
def test_failure_inside_keeps_nothing_that_the_caller_held(netns: Netns) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    def hold_and_fail() -> weakref.ref[socket.socket]:
        with socket.socket() as held, suppress(ZeroDivisionError):
            netns.namespace.call(fail)
        return weakref.ref(held)

    gc.disable()
    try:
        assert hold_and_fail()() is None
    finally:
        gc.enable()


@pytest.mark.lab
def test_two_names_of_one_namespace_have_one_identity(netns: Netns) -> None:
    other = f"{netns.name}-again"
    subprocess.run(("ip", "netns", "attach", other, str(netns.process.pid)), check=True)
    try:
        assert Namespace(other).identity == Namespace(netns.name).identity
    finally:
        subprocess.run(("ip", "netns", "del", other), check=True)


@pytest.mark.lab
def test_identity_is_not_given_to_a_later_namespace(make_netns: Callable[[], Netns]) -> None:
    identities = []
    for _ in range(4):
        made = make_netns()
        identities.append(int(made.namespace.identity))
        made.remove()
    assert len(set(identities)) == 4
