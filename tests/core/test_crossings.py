"""Two hosts of one rank that take over at the same moment: their adverts are the same and cross."""

from __future__ import annotations

from random import Random

import pytest
from tests.helpers.builders import (
    FixedEntropy,
    advert,
    engine_config,
    group,
    key_of,
    running_engine,
    seconds,
)
from tests.helpers.playbook import Play, play

from carpio.core.crossings import Crossings
from carpio.core.effects import Effect, SendAdvertisement
from carpio.core.engine import Engine
from carpio.core.events import DatagramReceived, DeadlineReached, SendSucceeded, StateRequested
from carpio.core.model import InstanceConfig, State
from carpio.wire.constants import Family

MILLISECOND = 1_000_000
DUAL = ("10.0.0.1/24", "2001:db8::1/64")
GAVE_WAY = (
    "1@eth0: release",
    "1@eth0: MASTER -> BACKUP (more frequent advertisement received)",
)
TOOK_OVER = ("1@eth0: BACKUP -> MASTER (master timed out)", "1@eth0: acquire")


def test_the_stretch_doubles_with_each_crossing_up_to_seconds():
    entropy = Random(1)
    crossings = Crossings(entropy)
    longest = [0] * 12
    for _ in range(200):
        crossings.end()
        for number in range(12):
            longest[number] = max(longest[number], crossings.next_delay())
    assert 14 * MILLISECOND < longest[0] <= MILLISECOND + 2**24
    assert all(0.8 * 2**n < longest[n] / longest[0] < 1.2 * 2**n for n in range(9))
    assert 3 * 10**9 < longest[11] <= MILLISECOND + 2**32


def test_the_least_delay_lets_all_be_heard_that_was_on_its_way():
    assert Crossings(FixedEntropy(0)).next_delay() == MILLISECOND


def just_master(
    *addresses: str, entropy: FixedEntropy | None = None, **policy: bool
) -> tuple[InstanceConfig, Play]:
    """Return settings and stage of a host that follows a master whose counter was at 500."""
    settings = group("1@eth0", *addresses, advskew=100)
    stage = play(running_engine(engine_config(settings, **policy), entropy=entropy))
    stage.at(1)
    for family in Family if len(addresses) > 1 else [Family.IPV4]:
        stage.on(advert(settings, counter=500, family=family))
    stage.deadline()
    return settings, stage.sent()


def test_r065_a_master_gives_way_to_the_same_advert_of_another_host_and_comes_back_soon():
    settings, stage = just_master(entropy=FixedEntropy(4 * MILLISECOND))
    same = advert(settings, advskew=100, counter=501)
    stage.on(same).expect(*GAVE_WAY)
    gone = stage.now
    stage.deadline().expect(*TOOK_OVER, "1@eth0: advert v4 1/100")
    assert stage.now == gone + 5 * MILLISECOND
    assert stage.payloads()[0][8:16] == (502).to_bytes(8, "big")


def test_who_hears_the_other_one_first_stays_backup():
    settings, stage = just_master()
    stage.on(advert(settings, advskew=100, counter=501)).expect(*GAVE_WAY)
    stage.on(advert(settings, advskew=100, counter=502)).expect()
    assert stage.engine.next_deadline() == stage.now + seconds(3 + 100 / 256)


def test_the_advert_of_the_other_family_that_crossed_too_changes_nothing():
    settings, stage = just_master(*DUAL, entropy=FixedEntropy(0))
    stage.on(advert(settings, advskew=100, counter=501)).expect(*GAVE_WAY)
    back = stage.engine.next_deadline()
    stage.on(advert(settings, advskew=100, counter=502, family=Family.IPV6)).expect()
    assert stage.engine.next_deadline() == back == stage.now + MILLISECOND
    stage.deadline().expect(*TOOK_OVER, "1@eth0: advert v4 1/100", "1@eth0: advert v6 1/100")
    assert [payload[15] for payload in stage.payloads()] == [503 % 256, 504 % 256]


def test_the_digest_of_our_other_family_is_that_of_a_peer_who_heard_us():
    settings, stage = just_master(*DUAL)
    stage.on(advert(settings, advskew=100, counter=502)).expect(*GAVE_WAY)
    assert stage.engine.next_deadline() == stage.now + seconds(3 + 100 / 256)


def test_an_equal_advert_with_a_counter_of_its_own_is_from_a_master_that_stays():
    settings, stage = just_master()
    stage.on(advert(settings, advskew=100, counter=9)).expect(*GAVE_WAY)
    assert stage.engine.next_deadline() == stage.now + seconds(3 + 100 / 256)


def test_strict_freebsd_listens_for_the_whole_master_down_time():
    settings, stage = just_master(strict_freebsd=True)
    stage.on(advert(settings, advskew=100, counter=501)).expect(*GAVE_WAY)
    assert stage.engine.next_deadline() == stage.now + seconds(3 + 100 / 256)


def test_who_was_told_to_be_backup_does_not_come_back_for_an_advert_that_crossed():
    settings, stage = just_master()
    stage.on(StateRequested(key_of("1@eth0"), State.BACKUP))
    stage.on(advert(settings, advskew=100, counter=501)).expect()
    assert stage.engine.next_deadline() == stage.now + seconds(3 + 100 / 256)


def test_an_interval_as_master_ends_the_contest():
    most = 2**64 - 1
    settings, stage = just_master(entropy=FixedEntropy(most, most, most))
    for counter, bits in ((501, 24), (502, 25)):
        stage.on(advert(settings, advskew=100, counter=counter)).expect(*GAVE_WAY)
        assert stage.engine.next_deadline() == stage.now + MILLISECOND + 2**bits - 1
        stage.deadline().sent()
    stage.deadline()  # the second advert of the mastership, with 504
    stage.on(advert(settings, advskew=100, counter=504)).expect(*GAVE_WAY)
    assert stage.engine.next_deadline() == stage.now + MILLISECOND + 2**24 - 1


class Contest:
    """Engines of one rank on a link with a delay, after the death of their master."""

    def __init__(self, names: str, *addresses: str, delay: int, seed: int) -> None:
        settings = group("1@eth0", *addresses, advskew=100)
        self.now = seconds(1)
        self.delay = delay
        self.engines: dict[str, Engine] = {}
        self.flying: list[tuple[int, str, DatagramReceived]] = []
        self.payloads: list[bytes] = []
        for name in names:
            engine = running_engine(engine_config(settings), entropy=Random(f"{seed}/{name}"))
            for family in Family:
                engine.handle(advert(settings, counter=500, family=family), self.now)
            self.engines[name] = engine

    def masters(self) -> list[str]:
        return [
            name
            for name, engine in self.engines.items()
            if engine.snapshot().instances[0].state is State.MASTER
        ]

    def step(self) -> None:
        """Go on to whatever happens next: all that happens at one moment happens at once."""
        due = [e.next_deadline() for e in self.engines.values()] + [at for at, *_ in self.flying]
        self.now = min(at for at in due if at is not None)
        arrived = [one for one in self.flying if one[0] == self.now]
        self.flying = [one for one in self.flying if one[0] > self.now]
        for _, name, heard in arrived:
            self.perform(name, self.engines[name].handle(heard, self.now))
        for name, engine in self.engines.items():
            self.perform(name, engine.handle(DeadlineReached(), self.now))

    def perform(self, name: str, effects: list[Effect]) -> None:
        engine = self.engines[name]
        for effect in effects:
            if not isinstance(effect, SendAdvertisement):
                continue
            self.payloads.append(effect.payload)
            heard = advert(payload=effect.payload, family=effect.family)
            others = [it for it in self.engines if it != name]
            self.flying += [(self.now + self.delay, other, heard) for other in others]
            sent = SendSucceeded(effect.instance, effect.family)
            self.perform(name, engine.handle(sent, self.now))


@pytest.mark.parametrize("names", ["ab", "abcd"])
@pytest.mark.parametrize("addresses", [("10.0.0.1/24",), DUAL], ids=["v4", "dual"])
@pytest.mark.parametrize(
    ("delay", "limit"), [(50_000, 0.1), (5 * MILLISECOND, 1), (200 * MILLISECOND, 20)]
)
def test_equal_hosts_that_take_over_at_once_are_one_master_soon(names, addresses, delay, limit):
    for seed in range(50):
        contest = Contest(names, *addresses, delay=delay, seed=seed)
        contest.step()
        assert contest.masters() == list(names)
        assert len(set(contest.payloads)) == len(addresses), "all say the same"
        begin = contest.now
        while len(contest.masters()) != 1 or contest.flying:
            contest.step()
        assert contest.now - begin < seconds(limit)
        assert contest.now - begin > delay
        (winner,) = contest.masters()
        for _ in range(20):
            contest.step()
            assert contest.masters() == [winner]
