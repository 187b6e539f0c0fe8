from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tests.helpers import builders
from tests.helpers.builders import engine_config, group, key_of, running_engine

from carpio.config.model import VhidConfig
from carpio.control.messages import VhidStatus
from carpio.core.engine import Engine
from carpio.core.events import DemotionAdjusted, Event, SendSucceeded, StateRequested
from carpio.core.model import EngineView, Nanoseconds, State
from carpio.runtime.claims import Claim
from carpio.runtime.report import WallClock, demotion_status, vhid_status
from carpio.wire.constants import Family

KEY = key_of("1@eth0")
SECOND = 1_000_000_000
MAC = bytes.fromhex("020000000009")


def engine_after(*events: Event) -> Engine:
    engine = running_engine(engine_config())
    for number, event in enumerate(events, start=1):
        engine.handle(event, Nanoseconds(number * SECOND))
    return engine


def status_of(
    engine: Engine, *, refusal: str | None = None, claims: tuple[Claim, ...] = ()
) -> VhidStatus:
    view = engine.snapshot()
    return vhid_status(
        VhidConfig(instance=group(), netns="blue", name="web"),
        view.instances[0],
        demotion=view.demotion,
        refusal=refusal,
        claims=claims,
        clock=WallClock(Nanoseconds(10 * SECOND)),
    )


def test_moments_are_told_as_utc_with_microseconds() -> None:
    clock = WallClock(Nanoseconds(10 * SECOND))
    text = clock.text(Nanoseconds(7 * SECOND))
    assert text is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    age = datetime.now(UTC) - datetime.fromisoformat(text)
    assert timedelta(seconds=3) <= age < timedelta(seconds=8)
    assert clock.text(None) is None


def test_backup_tells_its_master_and_when_it_was_heard() -> None:
    status = status_of(engine_after(builders.advert(source="10.0.0.12", advskew=0)))
    assert (status.state, status.peer, status.netns) == ("BACKUP", "10.0.0.12", "blue")
    assert status.name == "web"
    assert status.last_advert == status.rivals[0].last_heard
    assert (status.rivals[0].advbase, status.rivals[0].advskew) == (1, 0)
    assert status.next_deadline is not None
    assert status.counters["ipackets"] == 1


def test_master_has_no_peer_and_tells_when_it_advertised() -> None:
    requested = StateRequested(KEY, State.MASTER)
    status = status_of(engine_after(requested, SendSucceeded(KEY, Family.IPV4)))
    assert (status.state, status.peer) == ("MASTER", None)
    assert status.last_advert == status.since
    assert status.reason == "user requested via ifconfig"


def test_refusal_goes_before_the_reason_of_the_state() -> None:
    assert status_of(engine_after(), refusal="no room").reason == "refused: no room"


def test_foreign_claim_is_listed_with_mac_and_count() -> None:
    claim = Claim(
        instance=KEY,
        address=group().addresses[0].address,
        mac=MAC,
        count=3,
        heard_at=Nanoseconds(9 * SECOND),
        logged_at=Nanoseconds(9 * SECOND),
    )
    (rival,) = status_of(engine_after(), claims=(claim,)).rivals
    assert (rival.source, rival.mac, rival.claims) == ("10.0.0.1", "02:00:00:00:00:09", 3)
    assert rival.advbase is None


def demoted(*shares: tuple[str, int]) -> EngineView:
    return engine_after(*(DemotionAdjusted(*share) for share in shares)).snapshot()


def test_demotion_lists_causes_and_their_sum() -> None:
    status = demotion_status([demoted(("disk", 30), ("maintenance", 100))])
    assert status.sum == 130
    assert [(s.cause, s.value) for s in status.causes] == [("disk", 30), ("maintenance", 100)]


def test_demotion_of_all_stacks_at_once_counts_once() -> None:
    both = demotion_status([demoted(("disk", 30)), demoted(("disk", 30), ("link", 240))])
    assert both.sum == 270
    assert [share.cause for share in both.causes] == ["disk", "link"]


def test_nothing_to_tell_is_zero() -> None:
    assert demotion_status([]).sum == 0
