"""Namespaces come, go and come again, and whoever is left gets everything back."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from tests.helpers.builders import group
from tests.helpers.callers import Desk, descriptors
from tests.helpers.life import wait_for
from tests.helpers.netns import Netns, names, next_advert

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.core.events import DemotionAdjusted
from carpio.core.model import Nanoseconds, State
from carpio.errors import PlatformError
from carpio.runtime.namespace import Namespace
from carpio.runtime.stack import Stack
from carpio.runtime.stacks import Stacks

pytestmark = pytest.mark.lab

EMPTY = DaemonConfig()
SECOND = 1_000_000_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 1_000 * SECOND

    def now(self) -> Nanoseconds:
        return Nanoseconds(self.time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stacks(clock: Clock) -> Iterator[Stacks]:
    with closing(Stacks(clock)) as made:
        yield made


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


@pytest.fixture
def jail() -> Iterator[str]:
    """The name of a namespace that may go before the test is over."""
    name = next(names())
    subprocess.run(("ip", "netns", "add", name), check=True)
    yield name
    subprocess.run(("ip", "netns", "del", name), check=False, stderr=subprocess.DEVNULL)


def remove(name: str) -> None:
    subprocess.run(("ip", "netns", "del", name), check=True)


def look(stacks: Stacks, clock: Clock, config: DaemonConfig = EMPTY, after_s: int = 3) -> list[str]:
    clock.time += after_s * SECOND
    return stacks.look_around(config)


def config_for(netns: str) -> DaemonConfig:
    instance = group("1@eth0", "10.1.0.9/24")
    return DaemonConfig(vhids=(VhidConfig(instance=instance, netns=netns, name="web"),))


def is_guarded(netns: Netns) -> bool:
    return "carpio" in netns.run("nft", "list", "tables")


# -- for callers ---------------------------------------------------------------------------


def test_namespace_of_a_caller_is_served_until_it_is_forgotten(
    stacks: Stacks, desk: Desk, netns: Netns
) -> None:
    caller = desk.call_from(netns.namespace)
    before = descriptors()
    assert stacks.of(caller) is None
    stack = stacks.make_for(caller, EMPTY)
    assert stack.namespace.name == netns.name
    assert is_guarded(netns)
    assert stacks.of(caller) is stack
    assert stacks.named(netns.name) is stack
    assert set(stack.files()) <= set(stacks.files())
    stacks.forget(stack)
    assert (stacks.of(caller), list(stacks)) == (None, [])
    assert not is_guarded(netns)
    assert descriptors() == before


def test_namespace_without_a_name_is_called_by_its_number(stacks: Stacks, desk: Desk) -> None:
    caller = desk.call_by("unshare", "--net")
    stack = stacks.make_for(caller, EMPTY)
    assert stack.namespace.name == os.readlink(f"/proc/{desk.process.pid}/ns/net")
    assert not stack.namespace.has_name
    assert stacks.of(caller) is stack


def test_namespace_is_found_under_its_second_name(stacks: Stacks, desk: Desk, netns: Netns) -> None:
    other = f"{netns.name}-again"
    subprocess.run(("ip", "netns", "attach", other, str(netns.process.pid)), check=True)
    try:
        stack = stacks.make_for(desk.call_from(netns.namespace), EMPTY)
        again = Namespace(other)
        assert stacks.of(desk.call_from(again)) is stack
        again.close()
    finally:
        remove(other)


def test_what_is_configured_for_the_name_starts_with_it(
    stacks: Stacks, desk: Desk, netns: Netns
) -> None:
    stack = stacks.make_for(desk.call_from(netns.namespace), config_for(netns.name))
    assert [str(one.instance) for one in stack.view().instances] == ["1@eth0"]
    assert "10.1.0.9/32" in netns.ip("addr")


def test_namespace_of_a_caller_is_open_while_it_is_looked_at(
    stacks: Stacks, desk: Desk, netns: Netns
) -> None:
    caller = desk.call_from(netns.namespace)
    before = descriptors()
    with stacks.namespace_of(caller) as found:
        assert (found.name, found.identity) == (netns.name, netns.namespace.identity)
    assert descriptors() == before
    stack = stacks.make_for(caller, EMPTY)
    with stacks.namespace_of(caller) as served:
        assert served is stack.namespace
    assert stack.namespace.call(os.getpid) == os.getpid(), "it is not closed with the block"


@pytest.fixture
def rival(clock: Clock, netns: Netns) -> Iterator[Stacks]:
    """Another daemon that serves the namespace."""
    with closing(Stacks(clock)) as made:
        made.make([netns.name], EMPTY)
        yield made


def test_namespace_that_another_daemon_serves_is_refused_and_given_back(
    stacks: Stacks, rival: Stacks, desk: Desk, netns: Netns
) -> None:
    caller = desk.call_from(netns.namespace)
    before = descriptors()
    for _ in range(3):
        with pytest.raises(PlatformError, match="another carpio daemon serves"):
            stacks.make_for(caller, EMPTY)
        with pytest.raises(PlatformError, match="another carpio daemon serves"):
            stacks.make([netns.name], EMPTY)
    assert descriptors() == before
    assert list(stacks) == []
    assert is_guarded(netns), "by the other one"


# -- by name -------------------------------------------------------------------------------


def test_all_namespaces_are_made_or_none(stacks: Stacks, make_netns: Callable[[], Netns]) -> None:
    first, second = make_netns(), make_netns()
    before = descriptors()
    with pytest.raises(PlatformError, match="nobody-made"):
        stacks.make([first.name, second.name, "nobody-made"], EMPTY)
    assert list(stacks) == []
    assert not is_guarded(first)
    assert not is_guarded(second)
    assert descriptors() == before
    made = stacks.make([first.name, second.name], EMPTY)
    assert list(stacks) == made


def test_event_for_all_reaches_all(stacks: Stacks, make_netns: Callable[[], Netns]) -> None:
    for stack in stacks.make([make_netns().name, make_netns().name], EMPTY):
        stack.start()
    stacks.submit(DemotionAdjusted("maintenance", 7))
    assert [stack.view().demotion for stack in stacks] == [7, 7]


# -- coming and going ------------------------------------------------------------------------


def test_namespace_is_awaited_and_served_when_it_comes(
    stacks: Stacks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    name = next(names())
    stacks.await_missing([None, name])
    before = descriptors()
    with caplog.at_level(logging.INFO, logger="carpio"):
        for _ in range(5):
            assert look(stacks, clock, config_for(name)) == []
    assert descriptors() == before
    assert name not in stacks
    assert "ip netns add" in stacks.why_absent(name)
    assert len(caplog.records) == 1, "said once"
    subprocess.run(("ip", "netns", "add", name), check=True)
    try:
        with caplog.at_level(logging.INFO, logger="carpio"):
            look(stacks, clock, config_for(name))
        assert caplog.records[-1].getMessage() == f"carpio: network namespace {name} is served"
        stack = stacks.named(name)
        assert stack is not None
        assert [str(one.instance) for one in stack.view().instances] == ["1@eth0"]
        assert stacks.why_absent(name) == ""
        stacks.forget(stack)
    finally:
        remove(name)


def test_namespace_that_another_daemon_has_is_awaited_without_losing_descriptors(
    stacks: Stacks, rival: Stacks, clock: Clock, netns: Netns
) -> None:
    stacks.await_missing([netns.name])
    before = descriptors()
    for _ in range(5):
        look(stacks, clock)
    assert "another carpio daemon serves" in stacks.why_absent(netns.name)
    assert descriptors() == before
    (other,) = rival
    rival.forget(other)
    look(stacks, clock)
    assert netns.name in stacks


def test_awaited_namespace_that_is_served_for_a_caller_is_awaited_no_more(
    stacks: Stacks, clock: Clock, desk: Desk, netns: Netns, caplog: pytest.LogCaptureFixture
) -> None:
    stacks.await_missing([netns.name])
    stack = stacks.make_for(desk.call_from(netns.namespace), EMPTY)
    look(stacks, clock)
    assert stacks.named(netns.name) is stack
    assert "its groups wait" not in caplog.text


def test_namespaces_are_looked_after_every_two_seconds_or_when_asked(
    stacks: Stacks, clock: Clock, jail: str
) -> None:
    stacks.make([jail], EMPTY)
    assert look(stacks, clock) == []
    remove(jail)
    assert look(stacks, clock, after_s=1) == []
    deadline = stacks.next_deadline()
    assert deadline is not None
    assert deadline <= clock.now() + SECOND
    stacks.look_soon()
    assert look(stacks, clock, after_s=0) == [jail]


def test_namespace_that_only_we_keep_alive_is_left_and_everything_given_back(
    stacks: Stacks, clock: Clock, desk: Desk, jail: str
) -> None:
    before = descriptors()
    stacks.make([jail], EMPTY)
    remove(jail)
    assert look(stacks, clock) == [jail]
    assert (list(stacks), descriptors()) == ([], before)

    caller = desk.call_by("unshare", "--net")
    stack = stacks.make_for(caller, EMPTY)
    assert look(stacks, clock) == []
    desk.hang_up()
    assert look(stacks, clock) == [stack.namespace.name]
    assert list(stacks) == []


def test_namespace_in_which_a_process_lives_is_kept_without_its_name(
    stacks: Stacks, clock: Clock, jail: str
) -> None:
    stacks.make([jail], EMPTY)
    with subprocess.Popen(("ip", "netns", "exec", jail, "cat"), stdin=subprocess.PIPE) as tenant:
        assert tenant.stdin is not None
        wait_until_it_lives_there(tenant.pid, stacks.named(jail))
        remove(jail)
        assert look(stacks, clock) == []
        tenant.stdin.close()
        tenant.wait()
    assert look(stacks, clock) == [jail]


def test_namespace_with_the_name_of_an_inhabited_one_is_called_by_its_number(
    stacks: Stacks, clock: Clock, desk: Desk, jail: str
) -> None:
    (former,) = stacks.make([jail], EMPTY)
    former.start()
    with subprocess.Popen(("ip", "netns", "exec", jail, "cat"), stdin=subprocess.PIPE) as tenant:
        assert tenant.stdin is not None
        wait_until_it_lives_there(tenant.pid, former)
        remove(jail)
        subprocess.run(("ip", "netns", "add", jail), check=True)
        here = Namespace(jail)
        later = stacks.make_for(desk.call_from(here), config_for(jail))
        assert (later.namespace.name, later.namespace.has_name) == (here.link, False)
        assert later.view().instances == (), "what is configured for the name is the former's"
        assert stacks.named(jail) is former
        here.close()
        tenant.stdin.close()


def wait_until_it_lives_there(pid: int, stack: Stack | None) -> None:
    """Wait until ip(8) has entered the namespace."""
    assert stack is not None
    link = stack.namespace.link
    wait_for(lambda: os.readlink(f"/proc/{pid}/ns/net") == link, "it lives in the namespace")


def test_who_is_served_is_not_late_because_others_come(
    stacks: Stacks, clock: Clock, make_netns: Callable[[], Netns]
) -> None:
    first, late = make_netns(), make_netns()
    config = DaemonConfig(vhids=(*config_for(first.name).vhids, *config_for(late.name).vhids))
    (stack,) = stacks.make([first.name], config)
    stack.start()
    clock.time += 31 * SECOND // 10
    stack.turn()
    assert stack.view().instances[0].state is State.MASTER
    stacks.await_missing([first.name, late.name])
    clock.time += 11 * SECOND // 10
    with first.on_the_wire() as wire:
        stacks.look_around(config)
        assert late.name in stacks
        assert next_advert(wire)


def test_who_is_served_is_not_late_because_others_go(
    stacks: Stacks, clock: Clock, make_netns: Callable[[], Netns]
) -> None:
    staying, going = make_netns(), make_netns()
    config = DaemonConfig(vhids=(*config_for(staying.name).vhids, *config_for(going.name).vhids))
    stacks.make([staying.name, going.name], config)
    stacks.start()
    clock.time += 31 * SECOND // 10
    stacks.turn(set(stacks.files()))
    going.remove()
    with staying.on_the_wire() as wire:
        gone = look(stacks, clock, config)
        assert gone == [going.name]
        assert next_advert(wire)


def test_namespace_whose_goodbye_fails_is_left_all_the_same(
    stacks: Stacks, netns: Netns, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stack,) = stacks.make([netns.name], config_for(netns.name))
    stacks.start()
    assert is_guarded(netns)

    def fail() -> None:
        raise PlatformError("closing gates", errno=105)

    monkeypatch.setattr(stack, "bow_out", fail)
    stacks.forget(stack)
    assert not is_guarded(netns)
    assert "carp1-" not in netns.ip("link")


def test_all_say_goodbye_before_any_link_is_taken_away(
    clock: Clock, make_netns: Callable[[], Netns], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the last of many namespaces would say it when its dead-man is long over."""
    both = (make_netns(), make_netns())
    vhids = [vhid for each in both for vhid in config_for(each.name).vhids]
    stacks = Stacks(clock)
    stacks.make([each.name for each in both], DaemonConfig(vhids=tuple(vhids)))
    stacks.start()
    clock.time += 31 * SECOND // 10
    stacks.turn(set(stacks.files()))
    assert [view.state for stack in stacks for view in stack.view().instances] == [State.MASTER] * 2
    with both[0].on_the_wire() as first, both[1].on_the_wire() as second:
        succession: list[bool] = []

        def watch(_seconds: float) -> None:
            assert next_advert(first)
            assert next_advert(second)
            succession.append(all("carp1-" in each.ip("link") for each in both))

        monkeypatch.setattr("carpio.runtime.stacks.time.sleep", watch)
        stacks.close()
    assert succession == [True]
    assert not any("carp1-" in each.ip("link") for each in both)
