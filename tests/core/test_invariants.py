"""Whatever happens, in whatever order: what must always be true of an engine."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.helpers.builders import advert, engine_config, group, key_of

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    ReportDemotion,
    ReportTransition,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    ConfigurationReplaced,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    Event,
    LinkWentDown,
    LinkWentUp,
    SendFailed,
    SendSucceeded,
    Stalled,
    Started,
    StateRequested,
    Stopped,
)
from carpio.core.model import EngineConfig, InstanceKey, Nanoseconds, State
from carpio.wire.constants import Family

GROUPS = {
    "1@eth0": (("10.0.0.1/24",), ("10.0.0.1/24", "2001:db8::1/64"), ("2001:db8::1/64",)),
    "2@eth0": (("10.0.0.2/24",), ("10.0.0.2/24", "10.0.0.3/24")),
    "1@eth1": (("10.1.0.1/24",),),
}
NAMES = st.sampled_from(sorted(GROUPS))
LINKS = st.sampled_from(["eth0", "eth1"])
FAMILIES = st.sampled_from(list(Family))
CAUSES = st.sampled_from(["sysctl", "maintenance"])


@st.composite
def configurations(draw):
    chosen = draw(st.lists(NAMES, unique=True))
    groups = [
        group(
            name,
            *draw(st.sampled_from(GROUPS[name])),
            advskew=draw(st.sampled_from([0, 100, 254])),
            preempt=draw(st.sampled_from([None, False, True])),
        )
        for name in chosen
    ]
    policy = {
        name: draw(st.booleans()) for name in ("preempt", "allow", "bow_out", "strict_freebsd")
    }
    return EngineConfig(instances=tuple(groups), **policy)


class AnyLife(RuleBasedStateMachine):
    """Feeds an engine and keeps its own account of what the effects amount to."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(Random(7))
        self.now = 0
        self.states: dict[InstanceKey, State] = {}
        self.open: set[InstanceKey] = set()
        self.serving: set[InstanceKey] = set()
        self.sent: set[InstanceKey] = set()
        self.demotion = 0

    def tell(self, event: Event) -> None:
        for effect in self.engine.handle(event, Nanoseconds(self.now)):
            self.account(effect)

    def account(self, effect: Effect) -> None:
        match effect:
            case ReportTransition():
                assert effect.old is self.states.get(effect.instance, State.INIT)
                assert effect.new is not effect.old
                self.states[effect.instance] = effect.new
                if effect.new is not State.MASTER:
                    assert effect.instance not in self.open, "silent before the report"
            case AcquireAddresses():
                assert self.states[effect.instance] is State.MASTER
                self.open.add(effect.instance)
                self.sent.discard(effect.instance)
            case ReleaseAddresses():
                assert effect.instance in self.open
                self.open.discard(effect.instance)
                self.serving.discard(effect.instance)
            case SendAdvertisement():
                assert (effect.instance in self.open) != effect.bow_out
                self.sent.add(effect.instance)
            case ServeAddresses():
                assert effect.instance in self.sent, "nothing is claimed before the advert"
                assert effect.instance not in self.serving
                self.serving.add(effect.instance)
            case AnnounceAddresses():
                assert effect.instance in self.serving
            case ReportDemotion():
                assert effect.total == self.demotion + effect.delta
                self.demotion = effect.total

    @initialize(config=configurations(), resumed=st.lists(NAMES))
    def start(self, config, resumed):
        self.tell(Started(config=config, resumed=tuple(map(key_of, resumed))))

    @rule(link=LINKS)
    def link_up(self, link):
        self.tell(LinkWentUp(link))

    @rule(link=LINKS)
    def link_down(self, link):
        self.tell(LinkWentDown(link))

    @precondition(lambda self: self.engine.next_deadline() is not None)
    @rule(late=st.sampled_from([0, 1_000_000, 400_000_000, 10**10]))
    def deadline(self, late):
        self.now = max(self.now, self.engine.next_deadline()) + late
        self.tell(DeadlineReached())
        due = self.engine.next_deadline()
        assert due is None or due > self.now

    @rule(passed=st.sampled_from([1, 10**6, 10**9]))
    def too_early(self, passed):
        due = self.engine.next_deadline()
        self.now = self.now + passed if due is None else min(self.now + passed, due - 1)
        assert self.engine.handle(DeadlineReached(), Nanoseconds(self.now)) == []

    @rule(
        name=NAMES,
        family=FAMILIES,
        advbase=st.sampled_from([1, 2, 255]),
        advskew=st.sampled_from([0, 100, 101, 255]),
        ttl=st.sampled_from([255, 255, 255, 64]),
        counter=st.integers(0, 2**64 - 1),
        data=st.data(),
    )
    def peer_speaks(self, name, family, advbase, advskew, ttl, counter, data):
        settings_ = group(name, *data.draw(st.sampled_from(GROUPS[name])))
        rank = {"advbase": advbase, "advskew": advskew, "counter": counter}
        self.tell(advert(settings_, family=family, ttl=ttl, **rank))

    @rule(payload=st.binary(max_size=50), family=FAMILIES)
    def noise(self, payload, family):
        self.tell(advert(payload=payload, family=family))

    @rule(name=NAMES, family=FAMILIES, good=st.booleans())
    def result(self, name, family, good):
        key = key_of(name)
        if key in self.sent:
            self.tell(SendSucceeded(key, family) if good else SendFailed(key, family, 100))

    @rule(cause=CAUSES, delta=st.sampled_from([-240, 0, 100, 240]))
    def adjust(self, cause, delta):
        self.tell(DemotionAdjusted(cause, delta))

    @rule(cause=CAUSES)
    def clear(self, cause):
        self.tell(DemotionCleared(cause))

    @rule(name=NAMES, state=st.sampled_from(list(State)))
    def request(self, name, state):
        self.tell(StateRequested(key_of(name), state))

    @rule(name=NAMES, refused=st.booleans())
    def platform(self, name, refused):
        key = key_of(name)
        self.tell(AddressesRefused(key, "refused") if refused else AddressesAvailable(key))
        assert not (refused and key in self.open)

    @rule()
    def stall(self):
        self.tell(Stalled(Nanoseconds(4 * 10**9)))
        assert not self.open

    @rule(config=configurations())
    def reconfigure(self, config):
        self.tell(ConfigurationReplaced(config=config))
        kept = {it.instance for it in config.instances}
        self.states = {key: state for key, state in self.states.items() if key in kept}

    @rule()
    def stop_and_start(self):
        self.tell(Stopped())
        assert not self.open
        assert self.engine.next_deadline() is None
        views = self.engine.snapshot().instances
        assert all(view.state is State.INIT for view in views)
        config = engine_config(*(group(str(view.instance)) for view in views))
        self.tell(Started(config=config))

    @invariant()
    def the_account_agrees_with_the_picture(self):
        picture = self.engine.snapshot()
        masters = {view.instance for view in picture.instances if view.state is State.MASTER}
        assert masters == self.open
        assert {view.instance for view in picture.instances if view.serving} == self.serving
        for view in picture.instances:
            assert view.state is self.states.get(view.instance, State.INIT)
            assert (view.next_deadline is None) == (view.state is State.INIT)
            assert not (view.refusal and view.state is State.MASTER)
        assert picture.demotion == self.demotion == sum(it.value for it in picture.causes)

    @invariant()
    def the_next_deadline_is_the_earliest(self):
        known = [view.next_deadline for view in self.engine.snapshot().instances]
        assert self.engine.next_deadline() == min(
            (at for at in known if at is not None), default=None
        )


AnyLife.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
