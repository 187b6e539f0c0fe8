from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.helpers import builders
from tests.helpers.builders import engine_config, group, key_of, running_engine

from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.control.messages import VhidStatus
from carpio.control.network import Configuration, GroupConfiguration, GroupName
from carpio.core.engine import Engine
from carpio.core.events import DemotionAdjusted, Event, SendSucceeded, StateRequested
from carpio.core.model import EngineView, Nanoseconds, State
from carpio.runtime.claims import Claim
from carpio.runtime.report import (
    WallClock,
    absent_status,
    configuration,
    demotion_status,
    vhid_status,
)
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


# -- of a group whose namespace is not there ---------------------------------------------------


def test_group_without_its_namespace_is_init_and_says_why() -> None:
    waiting = VhidConfig(instance=group(advskew=7), netns="blue", name="web")
    status = absent_status(waiting, "opening network namespace blue: No such file")
    assert (status.state, status.netns, status.name) == ("INIT", "blue", "web")
    assert status.reason == "refused: opening network namespace blue: No such file"
    assert (status.advskew, status.effective_advskew, status.demotion) == (7, 7, 0)
    assert (status.addresses, status.counters, status.rivals) == (["10.0.0.1/24"], {}, [])


# -- what runs, as a file would say it -----------------------------------------------------------

OWN = VhidConfig(instance=group("1@eth0", "10.0.0.1/24", preempt=True), netns="a", name="first")
JAIL = VhidConfig(instance=group("2@eth0", "10.0.0.2/24"), netns="blue", name="second")
NAMELESS = VhidConfig(instance=group("3@eth0"), netns="net:[7]", name="3@eth0")
SAVED = DaemonConfig(vhids=(OWN, JAIL), files=(Path("c.toml"),), digests=("d1",))


def told(config: DaemonConfig, **more: Any) -> Configuration:
    values: dict[str, Any] = {
        "file": Path("/etc/c.toml"),
        "saved": SAVED,
        "has_unsaved": False,
        "own": "a",
        "nameless": {"net:[7]"},
        **more,
    }
    return configuration(config, **values)


def test_groups_are_told_with_their_keys_as_the_file_places_them() -> None:
    assert told(SAVED).groups[0] == GroupConfiguration(
        id=1,
        interface="eth0",
        netns=None,
        name="first",
        key=OWN.instance.key.raw.hex(),
        advbase=1,
        advskew=0,
        addresses=["10.0.0.1/24"],
        preempt=True,
    )
    assert told(SAVED).groups[1].netns == "blue"
    assert [one.netns for one in told(SAVED, own=None).groups] == ["a", "blue"]


def test_files_are_told_absolute_with_what_tells_their_texts() -> None:
    found = told(SAVED)
    assert (found.file, found.files) == ("/etc/c.toml", [str(Path("c.toml").absolute())])
    assert found.digests == ["d1"]


def test_group_in_a_namespace_without_a_name_does_not_last_but_one_that_waits_does() -> None:
    groups = told(replace(SAVED, vhids=(JAIL, NAMELESS))).groups
    assert [(one.name, one.is_lasting) for one in groups] == [("second", True), ("3@eth0", False)]


def test_settings_are_told_at_the_top_and_per_namespace_that_a_file_can_name() -> None:
    config = replace(
        SAVED,
        preempt=True,
        dscp=10,
        namespaces=(
            ("blue", NamespaceSettings(preempt=False, log=2)),
            ("absent", NamespaceSettings(dscp=10)),
            ("net:[7]", NamespaceSettings(preempt=False)),
        ),
    )
    found = told(config)
    assert (found.settings["preempt"], found.settings["dscp"], found.settings["allow"]) == (
        1,
        10,
        1,
    )
    assert found.netns_settings == {"blue": {"preempt": 0, "log": 2}, "absent": {"dscp": 10}}


def test_group_that_was_taken_away_is_named() -> None:
    assert told(SAVED).removed == []
    assert told(DaemonConfig()).removed == [
        GroupName(id=1, interface="eth0", netns=None),
        GroupName(id=2, interface="eth0", netns="blue"),
    ]


def test_keys_are_not_shown_by_the_answer() -> None:
    assert OWN.instance.key.raw.hex() not in repr(told(SAVED))
