"""Every state x trigger against a second, hand-written copy of the specification."""

import pytest
from tests.helpers.builders import FixedEntropy, engine_config, group
from tests.helpers.playbook import in_words

from carpio.core.effects import ReportTransition
from carpio.core.events import AddressesRefused
from carpio.core.instance import Instance
from carpio.core.model import Nanoseconds, State
from carpio.core.table import AFTER_RIVAL, AT_ONCE, RULES, Step, Trigger, mermaid
from carpio.wire.constants import Family

REQUESTED = "user requested via ifconfig"
T = Trigger

CHANGES = {
    (State.INIT, T.READY): (State.BACKUP, "initialization complete"),
    (State.INIT, T.RESUMED): (State.MASTER, "resumed"),
    (State.BACKUP, T.MASTER_TIMED_OUT): (State.MASTER, "master timed out"),
    (State.BACKUP, T.PREEMPT_LIVING): (State.MASTER, "preempting a slower master"),
    (State.BACKUP, T.PREEMPT_LEAVING): (State.MASTER, "preempting a slower master"),
    (State.BACKUP, T.WILL_TIME_OUT): (State.MASTER, "master will time out"),
    (State.BACKUP, T.MASTER_REQUESTED): (State.MASTER, REQUESTED),
    (State.BACKUP, T.LINK_LOST): (State.INIT, "hardware interface down"),
    (State.BACKUP, T.FORBIDDEN): (State.INIT, "hardware interface down"),
    (State.BACKUP, T.REEVALUATED): (State.INIT, "hardware interface up"),
    (State.BACKUP, T.SHUT_DOWN): (State.INIT, "shutdown"),
    (State.BACKUP, T.VHID_REMOVED): (State.INIT, "vhid removed"),
    (State.MASTER, T.ADVERTISEMENT_BETTER): (
        State.BACKUP,
        "more frequent advertisement received",
    ),
    (State.MASTER, T.BACKUP_REQUESTED): (State.BACKUP, REQUESTED),
    (State.MASTER, T.ADDRESSES_REFUSED): (State.BACKUP, "no room"),
    (State.MASTER, T.ADDRESSES_WITHDRAWN): (State.BACKUP, "no room"),
    (State.MASTER, T.STALLED): (State.BACKUP, "stalled"),
    (State.MASTER, T.LINK_LOST): (State.INIT, "hardware interface down"),
    (State.MASTER, T.FORBIDDEN): (State.INIT, "hardware interface down"),
    (State.MASTER, T.REEVALUATED): (State.INIT, "hardware interface up"),
    (State.MASTER, T.SHUT_DOWN): (State.INIT, "shutdown"),
    (State.MASTER, T.VHID_REMOVED): (State.INIT, "vhid removed"),
}
"""All changes of state (spec 6.3, and our own reasons); every other pair stays."""

GRACEFUL = {
    *(T.BACKUP_REQUESTED, T.FORBIDDEN, T.SHUT_DOWN, T.VHID_REMOVED, T.REEVALUATED),
    T.ADDRESSES_WITHDRAWN,
}

PAIRS = [(state, trigger) for state in State for trigger in Trigger]


def instance_in(state: State) -> Instance:
    made = Instance(
        group(),
        engine_config(),
        demotion=0,
        entropy=FixedEntropy(),
        order=0,
        now=Nanoseconds(0),
        totals={"opackets": 0},
    )
    way = {
        State.INIT: (),
        State.BACKUP: (T.READY,),
        State.MASTER: (T.READY, T.MASTER_TIMED_OUT),
    }
    for trigger in way[state]:
        made.apply(trigger, Nanoseconds(0), [])
    assert made.state is state
    return made


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_each_pair_leads_where_the_specification_says(state, trigger):
    instance, effects = instance_in(state), []
    instance.apply(trigger, Nanoseconds(5), effects, family=Family.IPV4, reason="no room")
    reports = [it for it in effects if isinstance(it, ReportTransition)]
    expected = CHANGES.get((state, trigger))
    if expected is None:
        assert instance.state is state
        assert reports == []
    else:
        new, reason = expected
        assert instance.state is new
        assert reports == [ReportTransition(instance.key, state, new, reason)]


@pytest.mark.parametrize(("state", "trigger"), sorted(CHANGES, key=str))
def test_r086_each_change_of_state_is_reported_exactly_once(state, trigger):
    assert RULES[state][trigger].steps.count(Step.REPORT) == 1


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_an_instance_awaits_something_exactly_when_it_is_not_init(state, trigger):
    instance = instance_in(state)
    instance.apply(trigger, Nanoseconds(5), [])
    assert (instance.due is None) == (instance.state is State.INIT)


@pytest.mark.parametrize("trigger", Trigger)
def test_leaving_master_releases_before_all_else(trigger):
    rule = RULES[State.MASTER].get(trigger)
    if rule is not None and rule.next is not None:
        assert rule.steps[0] is Step.RELEASE
        assert (Step.BOW_OUT in rule.steps) == (trigger in GRACEFUL)


@pytest.mark.parametrize("state", [State.INIT, State.BACKUP])
def test_becoming_master_reports_acquires_and_advertises(state):
    for rule in RULES[state].values():
        if rule.next is State.MASTER:
            assert rule.steps == (Step.REPORT, Step.ACQUIRE, Step.ADVERTISE)


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_only_a_master_advertises(state, trigger):
    rule = RULES[state].get(trigger)
    if rule is not None and Step.ADVERTISE in rule.steps:
        assert State.MASTER in (rule.next, state)


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_while_refused_no_pair_leads_to_master(state, trigger):
    if state is State.MASTER:
        return
    instance, effects = instance_in(state), []
    instance.refuse(AddressesRefused(instance.key, "no room"), Nanoseconds(1), effects)
    instance.apply(trigger, Nanoseconds(5), effects)
    assert instance.state is not State.MASTER
    assert "1@eth0: acquire" not in [in_words(effect) for effect in effects]


def test_announcements_wait_only_after_a_living_master():
    late = [
        trigger
        for rules in RULES.values()
        for trigger, rule in rules.items()
        if rule.announcements != AT_ONCE
    ]
    assert late == [T.PREEMPT_LIVING]
    assert RULES[State.BACKUP][T.PREEMPT_LIVING].announcements == AFTER_RIVAL


def test_the_diagram_shows_each_change_with_its_reason():
    lines = mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> INIT"]
    for (old, _), (new, reason) in CHANGES.items():
        arrow = f"    {old.value} --> {new.value}: "
        label = next(line for line in lines if line.startswith(arrow))
        assert reason.replace("no room", "addresses refused") in label[len(arrow) :].split("<br>")
