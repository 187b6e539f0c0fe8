"""What is remembered of an engine is enough to go on as it would have done."""

from __future__ import annotations

from random import Random

import pytest
from tests.helpers.builders import advert, engine_config, group

from carpio.core.announcer import Announcer
from carpio.core.demotion import DemotionLedger
from carpio.core.effects import Effect, SendAdvertisement
from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
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
)
from carpio.core.memory import recall, remember, settings_of
from carpio.core.model import EngineConfig, Nanoseconds, State
from carpio.core.send_health import SendHealth
from carpio.core.signer import Signer
from carpio.core.tenure import Tenure
from carpio.wire.constants import Family

BOTH = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64", advskew=100)
OTHER = group("2@eth1", "10.0.1.1/24")
CONFIGS = [
    engine_config(BOTH, OTHER, preempt=True),
    engine_config(BOTH, preempt=False),
    engine_config(BOTH, preempt=True, strict_freebsd=True),
]


class Life:
    """An engine to which random things happen."""

    def __init__(self, config: EngineConfig, seed: int) -> None:
        self.config = config
        self.entropy = Random(seed)
        self.chance = Random(seed + 1000)
        self.engine = Engine(self.entropy)
        self.now = Nanoseconds(10**12)
        self.unsent: list[SendAdvertisement] = []
        self.handle(Started(config=config, resumed=(BOTH.instance,) if seed % 3 == 0 else ()))

    def handle(self, event: Event) -> list[Effect]:
        effects = self.engine.handle(event, self.now)
        self.unsent += [e for e in effects if isinstance(e, SendAdvertisement) and not e.bow_out]
        return effects

    def next_event(self) -> Event:
        """Let time pass, and say what happens then."""
        chance = self.chance
        if self.unsent and chance.random() < 0.9:
            one = self.unsent.pop(0)
            if chance.random() < 0.7:
                return SendSucceeded(one.instance, one.family)
            return SendFailed(one.instance, one.family, 100)
        due = self.engine.next_deadline()
        if due is not None and chance.random() < 0.6:
            late = chance.choice([0, 0, 1_000_000, 700_000_000])
            self.now = Nanoseconds(max(self.now, due) + late)
            return DeadlineReached()
        self.now = Nanoseconds(self.now + chance.choice([0, 1_000_000, 300_000_000]))
        return self.something_else()

    def something_else(self) -> Event:
        chance = self.chance
        rank = {"advbase": chance.choice([1, 1, 255]), "advskew": chance.choice([0, 100, 240])}
        heard = advert(
            BOTH, family=chance.choice(list(Family)), counter=chance.getrandbits(64), **rank
        )
        others: list[Event] = [
            LinkWentUp("eth0"),
            LinkWentUp("eth1"),
            LinkWentDown("eth0"),
            DemotionAdjusted("test", chance.choice([-10, 10, 240])),
            DemotionCleared("test"),
            AddressesRefused(BOTH.instance, "no room"),
            AddressesAvailable(BOTH.instance),
            StateRequested(BOTH.instance, chance.choice([State.MASTER, State.BACKUP])),
            Stalled(Nanoseconds(4 * 10**9)),
        ]
        return chance.choice([heard, heard, heard, LinkWentUp("eth0"), *others])

    def twin(self) -> Engine:
        """Return another engine that is what this one is."""
        entropy = Random()
        entropy.setstate(self.entropy.getstate())
        engine = Engine(entropy)
        engine.handle(Started(config=self.config), Nanoseconds(0))
        recall(engine, remember(self.engine))
        return engine


@pytest.mark.parametrize("config", CONFIGS, ids=["preempt", "no preempt", "strict"])
def test_a_recalled_engine_goes_on_as_the_remembered_one(config: EngineConfig):
    for seed in range(60):
        life = Life(config, seed)
        for _ in range(life.chance.randrange(40)):
            life.handle(life.next_event())
        twin = life.twin()
        assert settings_of(twin) == settings_of(life.engine) == config
        assert remember(twin) == remember(life.engine)
        for _ in range(40):
            event = life.next_event()
            assert life.handle(event) == twin.handle(event, life.now)
            assert life.engine.next_deadline() == twin.next_deadline()


def test_recalling_takes_back_what_happened_since():
    life = Life(CONFIGS[0], 1)
    for _ in range(30):
        life.handle(life.next_event())
    before = remember(life.engine)
    life.handle(DemotionAdjusted("later", 100))
    for _ in range(30):
        life.handle(life.next_event())
    recall(life.engine, before)
    assert remember(life.engine) == before


def test_nothing_that_is_kept_was_forgotten_here():
    """A new attribute must be remembered, or be named here as what nothing depends on."""
    life = Life(CONFIGS[0], 1)
    instance = life.engine._instances[BOTH.instance]
    settings = {"_config", "_groups", "_instances", "_is_running", "_entropy", "_order"}
    remembered = {"_links", "_resumed", "_demotion", "_schedule"}
    between_calls = {"_demotion_changed", "_counters"}
    assert vars(life.engine).keys() == settings | remembered | between_calls
    settings = {"key", "order", "config", "families", "_policy", "_master_down_time", "_rank"}
    statistics = {"counters", "_totals", "_rivals"}
    remembered = {"due", "is_suppressed", "send_health", "_signer", "_crossings", "_demotion"}
    remembered |= {"_refusal", "_last_sent", "_tenure"}
    assert vars(instance).keys() == settings | statistics | remembered
    kept = {"_vhid", "_entropy", "_authenticator", "_counter", "_sent"}
    assert set(Signer.__slots__) == kept
    assert set(SendHealth.__slots__) == {"_errors", "_successes"}
    assert set(Announcer.__slots__) == {"_at", "_against", "_has_rival", "_left", "_advertisements"}
    assert set(DemotionLedger.__slots__) == {"_shares", "_total"}
    assert set(Tenure.__slots__) == {
        *("state", "since", "reason", "announcements", "advertise_at", "announcer"),
        *("master_down", "takeover"),
    }
