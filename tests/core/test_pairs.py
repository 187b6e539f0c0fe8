"""Two and three engines on one segment: elections as they happen between hosts."""

from __future__ import annotations

from random import Random

import pytest
from tests.helpers.builders import engine_config, group, key_of, seconds

from carpio.core.effects import Effect, ReportTransition, SendAdvertisement
from carpio.core.engine import Engine
from carpio.core.events import (
    ConfigurationReplaced,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    Event,
    LinkWentDown,
    LinkWentUp,
    SendSucceeded,
    Started,
    Stopped,
)
from carpio.core.model import InstanceConfig, State

ONE = key_of("1@eth0")


class Segment:
    """A link without delay: what one engine sends, all others that are plugged in hear."""

    def __init__(self) -> None:
        self.now = 0
        self.engines: dict[str, Engine] = {}
        self.unplugged: set[str] = set()
        self.transitions: list[tuple[str, str, str]] = []
        self.wire: list[tuple[str, bytes]] = []

    def boot(self, name: str, *, at: float = 0, advskew: int = 0, **settings) -> None:
        self.run(until=at)
        addresses = settings.pop("addresses", ("10.0.0.1/24",))
        config: InstanceConfig = group("1@eth0", *addresses, advskew=advskew)
        self.engines[name] = Engine(Random(name))
        self.tell(name, Started(config=engine_config(config, **settings)))
        self.tell(name, LinkWentUp("eth0"))

    def tell(self, name: str, event: Event) -> None:
        self.deliver(name, self.engines[name].handle(event, self.now))

    def deliver(self, name: str, effects: list[Effect]) -> None:
        """Perform the effects of `name`, and all that comes of them, in order."""
        waiting = [it for effect in effects for it in self._perform(name, effect)]
        while waiting:
            whom, what = waiting.pop(0)
            for effect in self.engines[whom].handle(what, self.now):
                waiting += self._perform(whom, effect)

    def _perform(self, name: str, effect: Effect) -> list[tuple[str, Event]]:
        if isinstance(effect, ReportTransition):
            self.transitions.append((name, effect.new.value, effect.reason))
        if not isinstance(effect, SendAdvertisement):
            return []
        self.wire.append((name, effect.payload))
        source = [it.address for it in group("1@eth0", "10.0.0.9/24", "fe80::9/64").addresses]
        datagram = DatagramReceived(
            carpdev="eth0",
            family=effect.family,
            source=source[effect.family == 6],
            ttl=255,
            payload=effect.payload,
            is_own_source=False,
        )
        results: list[tuple[str, Event]] = []
        if not effect.bow_out:
            results.append((name, SendSucceeded(effect.instance, effect.family)))
        if name not in self.unplugged:
            others = [it for it in self.engines if it != name and it not in self.unplugged]
            results += [(other, datagram) for other in others]
        return results

    def run(self, *, until: float) -> None:
        while True:
            due = [(e.next_deadline(), name) for name, e in self.engines.items()]
            at, name = min(((at, it) for at, it in due if at is not None), default=(None, ""))
            if at is None or at > seconds(until):
                break
            self.now = at
            self.tell(name, DeadlineReached())
        self.now = seconds(until)

    def kill(self, name: str) -> None:
        del self.engines[name]

    def masters(self) -> list[str]:
        return [
            name
            for name, engine in self.engines.items()
            if engine.snapshot().instances[0].state is State.MASTER
        ]

    def became_master(self) -> list[str]:
        return [name for name, new, _ in self.transitions if new == "MASTER"]


def test_r082_of_two_equal_nodes_the_first_becomes_and_stays_the_only_master():
    segment = Segment()
    segment.boot("a")
    segment.boot("b", at=0.05)
    segment.run(until=60)
    assert segment.masters() == ["a"]
    assert segment.became_master() == ["a"]


def test_r083_of_three_nodes_the_second_follows_the_first_and_the_third_never_speaks():
    segment = Segment()
    for name, advskew in (("a", 0), ("b", 100), ("c", 200)):
        segment.boot(name, advskew=advskew)
    segment.run(until=10)
    assert segment.masters() == ["a"]
    segment.kill("a")
    segment.run(until=20)
    assert segment.became_master() == ["a", "b"]


@pytest.mark.parametrize("preempt", [False, True])
def test_after_a_graceful_stop_the_second_follows_within_its_turn(preempt):
    segment = Segment()
    for name, advskew in (("a", 0), ("b", 100), ("c", 200)):
        segment.boot(name, advskew=advskew, preempt=preempt)
    segment.run(until=10)
    segment.tell("a", Stopped())
    segment.run(until=10.015)
    assert segment.masters() == ["b"]
    segment.run(until=20)
    assert segment.became_master() == ["a", "b"]


@pytest.mark.parametrize(("preempt", "master"), [(False, "b"), (True, "a")])
def test_r084_a_better_node_that_returns_takes_over_only_with_preempt(preempt, master):
    segment = Segment()
    segment.boot("b", advskew=100)
    segment.run(until=10)
    segment.boot("a", at=10, preempt=preempt)
    segment.run(until=30)
    assert segment.masters() == [master]


def test_two_masters_that_meet_settle_with_the_first_advert():
    segment = Segment()
    segment.boot("a", advskew=10)
    segment.boot("b", advskew=20)
    segment.unplugged.add("b")
    segment.run(until=10)
    assert segment.masters() == ["a", "b"]
    segment.unplugged.clear()
    segment.run(until=12)
    assert segment.masters() == ["a"]


def test_r125_a_node_that_loses_another_link_hands_over_to_a_preempting_peer():
    segment = Segment()
    segment.boot("a")
    segment.boot("b", advskew=100, preempt=True)
    segment.run(until=10)
    other = group("2@eth1", "10.0.2.1/24")
    segment.tell("a", ConfigurationReplaced(config=engine_config(group(), other)))
    segment.tell("a", LinkWentDown("eth1"))
    segment.run(until=10.1)
    assert segment.masters() == ["b"]


def test_r040_r041_counters_of_a_sender_never_repeat_across_changes_of_master():
    segment = Segment()
    segment.boot("a", preempt=True)
    segment.boot("b", advskew=50)
    segment.run(until=10)
    segment.tell("a", LinkWentDown("eth0"))
    segment.run(until=20)
    segment.tell("a", LinkWentUp("eth0"))
    segment.run(until=30)
    assert segment.became_master() == ["a", "b", "a"]
    for name in "ab":
        counters = [payload[8:16] for sender, payload in segment.wire if sender == name]
        assert len(set(counters)) == len(counters) > 6


def test_a_dual_stack_pair_changes_master_both_ways():
    segment = Segment()
    addresses = ("10.0.0.1/24", "2001:db8::1/64")
    segment.boot("a", addresses=addresses, preempt=True)
    segment.boot("b", addresses=addresses, advskew=50)
    segment.run(until=10)
    segment.tell("a", LinkWentDown("eth0"))
    segment.run(until=20)
    segment.tell("a", LinkWentUp("eth0"))
    segment.run(until=30)
    assert segment.became_master() == ["a", "b", "a"]
    assert segment.masters() == ["a"]


def test_a_preempting_peer_is_heard_though_its_counter_is_that_of_our_last_advert():
    segment = Segment()
    segment.boot("a", preempt=True)
    segment.boot("b", advskew=100, preempt=True)
    segment.run(until=10)
    first, second = (
        segment.engines["a"].handle(DemotionAdjusted(cause, 240), segment.now)
        for cause in ("eth1", "eth2")
    )
    segment.deliver("a", [*first, *second])
    assert segment.masters() == ["b"]
