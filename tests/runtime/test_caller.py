"""Who calls, from which namespace, and what he may."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.helpers.callers import Desk, descriptors
from tests.helpers.netns import Netns

from carpio.errors import PlatformError
from carpio.runtime.caller import Caller
from carpio.runtime.namespace import NAMED_NAMESPACES, Namespace

pytestmark = pytest.mark.lab

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
AMBIENT = ("--inh-caps=+net_admin", "--ambient-caps=+net_admin")
WITHOUT = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


def inside(netns: Netns, *more: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", netns.name, *more)


def may(caller: Caller) -> tuple[bool, bool]:
    """Whether he may change the network that he calls from, and the daemon's."""
    return caller.may_change_network(), caller.may_change_daemon()


# -- from where ----------------------------------------------------------------------------


def test_caller_is_known_by_the_namespace_of_his_socket(
    desk: Desk, make_netns: Callable[[], Netns]
) -> None:
    first, second = make_netns(), make_netns()
    assert desk.call_from(first.namespace).network == first.namespace.identity
    assert desk.call_from(second.namespace).network == second.namespace.identity
    assert desk.call_from(Namespace(None)).network == Namespace(None).identity
    assert desk.call_by(*inside(first)).network == first.namespace.identity


def test_caller_who_has_moved_on_is_known_by_where_he_connected(
    desk: Desk, make_netns: Callable[[], Netns]
) -> None:
    before, after = make_netns(), make_netns()
    caller = desk.call_by(*inside(before), then_into=(NAMED_NAMESPACES / after.name,))
    where_now = os.stat(f"/proc/{desk.process.pid}/ns/net")
    assert os.path.samestat(where_now, (NAMED_NAMESPACES / after.name).stat())
    assert caller.network == before.namespace.identity
    with caller.open_network() as descriptor:
        assert os.path.samestat(os.fstat(descriptor), (NAMED_NAMESPACES / before.name).stat())


def test_caller_who_is_gone_is_known_by_his_socket_and_may_nothing(
    desk: Desk, netns: Netns
) -> None:
    caller = desk.call_by(*inside(netns))
    assert may(caller) == (True, True)
    desk.hang_up()
    assert caller.network == netns.namespace.identity
    assert may(caller) == (False, False)


def test_namespace_is_open_only_within_the_block_and_for_no_child(desk: Desk, netns: Netns) -> None:
    caller = desk.call_from(netns.namespace)
    before = descriptors()
    with caller.open_network() as descriptor:
        assert not os.get_inheritable(descriptor)
        assert len(descriptors()) == len(before) + 1
    caller.may_change_network()
    assert descriptors() == before


# -- what he may ---------------------------------------------------------------------------


def test_root_may_change_the_daemon_and_the_network_that_he_calls_from(
    desk: Desk, netns: Netns
) -> None:
    assert may(desk.call_by()) == (True, True)
    assert may(desk.call_by(*inside(netns))) == (True, True)
    assert may(desk.call_by("unshare", "--net")) == (True, True)
    assert desk.call_by().may_change(netns.namespace.descriptor)


def test_root_of_a_container_may_change_its_own_network_but_not_the_daemon(
    desk: Desk, netns: Netns
) -> None:
    """As in a vnet jail that sees the control socket: he could not enter the daemon's network."""
    confined = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    assert may(desk.call_by(*inside(netns, *confined))) == (True, False)
    assert may(desk.call_by(*confined)) == (True, True)


@pytest.mark.parametrize(
    "through",
    [WITHOUT, NOBODY, (*NOBODY, "unshare", "--user", "--map-root-user")],
    ids=["root without the capability", "nobody", "nobody as root of his users"],
)
def test_who_lacks_the_capability_may_nothing_whatever_he_calls_himself(
    desk: Desk, netns: Netns, through: tuple[str, ...]
) -> None:
    for caller in (desk.call_by(*through), desk.call_by(*inside(netns, *through))):
        assert may(caller) == (False, False)
        assert not caller.may_change(netns.namespace.descriptor)


def test_who_lacks_the_capability_may_be_looked_up_all_the_same(desk: Desk, netns: Netns) -> None:
    caller = desk.call_by(*inside(netns, *NOBODY))
    assert (caller.uid, caller.network) == (65534, netns.namespace.identity)
    with caller.open_network() as descriptor:
        found = Namespace.of_descriptor(descriptor)
    assert found.name == netns.name
    found.close()


def test_who_is_not_root_but_was_given_the_capability_may(desk: Desk) -> None:
    assert may(desk.call_by(*NOBODY, *AMBIENT)) == (True, True)


def test_root_of_a_user_namespace_of_its_own_may_nothing_of_ours(desk: Desk, netns: Netns) -> None:
    caller = desk.call_by(*inside(netns, "unshare", "--user", "--map-root-user"))
    assert caller.network == netns.namespace.identity
    assert may(caller) == (False, False)
    assert not caller.may_change(netns.namespace.descriptor)


@pytest.mark.parametrize("through", [(), NOBODY], ids=["by root", "by nobody"])
def test_network_of_another_user_namespace_is_not_served(
    desk: Desk, netns: Netns, through: tuple[str, ...]
) -> None:
    """Everybody can make one, and keep the daemon busy with it."""
    caller = desk.call_by(*through, "unshare", "--user", "--map-root-user", "--net")
    before = descriptors()
    with (
        pytest.raises(PlatformError, match="belongs to another user namespace; run a daemon there"),
        caller.open_network(),
    ):
        pass
    assert may(caller) == (False, False)
    assert not caller.may_change(netns.namespace.descriptor)
    assert descriptors() == before


def test_network_of_another_user_namespace_is_nobodys_to_give(desk: Desk) -> None:
    """Not even for root of the host, who could enter it."""
    desk.call_by("unshare", "--user", "--map-root-user", "--net")
    there = os.open(Path(f"/proc/{desk.process.pid}/ns/net"), os.O_RDONLY)
    try:
        assert not desk.call_by().may_change(there)
    finally:
        os.close(there)
