"""What the engine tells about itself: snapshot and statistics (spec 17)."""

from ipaddress import ip_address

from tests.helpers.builders import advert, engine_config, group, payload_of, running_engine, seconds
from tests.helpers.playbook import play

from carpio.core.events import (
    ConfigurationReplaced,
    CountersCleared,
    DemotionAdjusted,
    StateRequested,
    Stopped,
)
from carpio.core.model import DemotionCause, EngineConfig, RivalView, State
from carpio.core.schedule import Schedule
from carpio.wire.constants import Family

DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64", advskew=20)


def test_a_backup_shows_whom_it_heard_and_what_it_awaits():
    stage = play(running_engine(engine_config(group(advskew=20))))
    stage.on(DemotionAdjusted("disk", 30)).at(2).on(advert(advbase=1, advskew=7, demote=5))
    view = stage.view()
    assert (view.state, view.since, view.reason) == (State.BACKUP, 0, "initialization complete")
    assert (view.advbase, view.advskew, view.effective_advskew) == (1, 20, 50)
    assert view.last_advert_heard == seconds(2)
    assert view.last_advert_sent is None
    assert view.next_deadline == seconds(5 + 20 / 256)
    rival = RivalView(
        source=ip_address("10.0.0.12"), advbase=1, advskew=7, heard_at=seconds(2), demote=5
    )
    assert view.rivals == (rival,)
    snapshot = stage.engine.snapshot()
    assert (snapshot.demotion, snapshot.causes) == (30, (DemotionCause("disk", 30),))


def test_it_tells_whether_what_comes_next_may_be_a_takeover():
    assert not play(running_engine(engine_config())).on(Stopped()).engine.awaits_takeover()
    stage = play(running_engine(engine_config()))
    assert stage.engine.awaits_takeover()
    assert not stage.master().engine.awaits_takeover()


def test_no_group_is_stuck_as_long_as_it_awaits_something():
    stage = play(running_engine(engine_config()))
    engine = stage.engine
    assert [engine.is_stuck(*place) for place in (("eth0", 1), ("eth0", 2), ("eth9", 1))] == [
        False
    ] * 3
    assert not stage.master().engine.is_stuck("eth0", 1)
    assert not stage.on(Stopped()).engine.is_stuck("eth0", 1)


def test_a_group_that_lost_its_deadline_is_stuck(monkeypatch):
    monkeypatch.setattr(Schedule, "update", lambda *_: None)
    assert running_engine(engine_config()).is_stuck("eth0", 1)


def test_a_master_shows_since_when_and_why():
    view = play(running_engine(engine_config())).master().view()
    assert (view.state, view.since, view.reason) == (State.MASTER, seconds(3), "master timed out")
    assert view.last_advert_sent == seconds(3)
    assert view.serving


def test_r151_statistics_equal_the_packets_of_a_scripted_exchange():
    stage = play(running_engine(engine_config(DUAL))).at(1)
    stage.on(advert(DUAL), advert(DUAL, family=Family.IPV6), advert(DUAL, ttl=1))
    stage.on(advert(DUAL, payload=b""), advert(DUAL, payload=payload_of(group("2@eth0"))))
    stage.on(advert(DUAL, payload=payload_of(group(passphrase="other"))))
    stage.deadline().sent().deadline().on(Stopped())
    counters = stage.engine.snapshot().counters
    assert {name: value for name, value in counters.items() if value} == {
        "ipackets": 5,
        "ipackets6": 1,
        "badttl": 1,
        "badlen": 1,
        "badvhid": 1,
        "badauth": 1,
        "opackets": 3,
        "opackets6": 3,
    }
    own = stage.view().counters
    assert {name: value for name, value in own.items() if value} == {
        "ipackets": 1,
        "ipackets6": 1,
        "badttl": 1,
        "badauth": 1,
        "opackets": 3,
        "opackets6": 3,
    }


def test_totals_outlive_a_removed_group():
    stage = play(running_engine(engine_config())).master()
    stage.on(ConfigurationReplaced(config=EngineConfig()))
    assert stage.engine.snapshot().counters["opackets"] == 2


def test_cleared_totals_begin_anew_and_those_of_a_group_go_on():
    stage = play(running_engine(engine_config())).master()
    sent = stage.view().counters["opackets"]
    stage.on(CountersCleared())
    assert set(stage.engine.snapshot().counters.values()) == {0}
    assert stage.view().counters["opackets"] == sent
    stage.on(advert(ttl=3))
    assert stage.engine.snapshot().counters["badttl"] == 1


def test_a_snapshot_does_not_change_with_the_engine():
    stage = play(running_engine(engine_config()))
    before = stage.engine.snapshot()
    stage.at(2).on(advert(), StateRequested(before.instances[0].instance, State.MASTER))
    assert before.counters["ipackets"] == 0
    assert before.instances[0].state is State.BACKUP
    assert before.instances[0].counters["opackets"] == 0
