"""A daemon that stands still (SIGSTOP): short stops are not noticed, long ones lose nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.helpers.life import (
    DEAD_MAN_NS,
    SECOND_NS,
    Film,
    config,
    freeze_after_advert,
    group,
    lost,
    start,
)

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.roles import GRACE_NS
from carpio.lab.topology import SHARED_TARGETS, Lab


def test_stop_shorter_than_the_dead_man_costs_nothing(lab: Lab) -> None:
    first = start(lab["a"], config(group()))
    first.become_master()
    second = start(lab["b"], config(group(advskew=100)))
    second.daemon.wait_for_log("INIT -> BACKUP")
    before = first.transitions()
    with Probe(lab, SHARED_TARGETS[:1]) as probe:
        freeze_after_advert(lab, first)
        time.sleep(2.0)
        first.daemon.cont()
        assert first.state() == "MASTER"
        time.sleep(1.0)
    (record,) = probe.records.values()
    assert len(record.sent) > 2000
    assert lost(record) == []
    assert first.transitions() == before
    assert len(second.transitions()) == 1


@pytest.mark.parametrize("preempts", [False, True])
def test_master_that_slept_too_long_is_silent_and_wakes_as_backup(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], preempts: bool
) -> None:
    with capture, flood(200):
        first = start(lab["a"], config(group(), preempt=preempts))
        first.become_master()
        second = start(lab["b"], config(group(advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        freeze_after_advert(lab, first)
        time.sleep(5.0)
        woken_ns = time.time_ns()
        first.daemon.cont()
        first.daemon.wait_for_log("MASTER -> BACKUP")
        time.sleep(1.5)  # long enough for another advertisement of the second
        if preempts:
            first.wait_for_state("MASTER")
    film = Film(capture)
    asleep = film.adverts("a")
    last_ns = max(heard.time_ns for heard in asleep if heard.time_ns < woken_ns)
    successor_ns = film.adverts("b")[0].time_ns
    assert film.claims("a", before=last_ns + DEAD_MAN_NS)
    silent = film.claims("a", after=last_ns + DEAD_MAN_NS + GRACE_NS, before=woken_ns)
    assert silent == []
    assert last_ns + DEAD_MAN_NS < last_ns + 3 * SECOND_NS < successor_ns < woken_ns
    assert first.transitions()[2] == "carp: 1@eth0: MASTER -> BACKUP (dead-man closed the gate)"
    assert film.wrong == []
    again = film.adverts("a", after=last_ns)
    if preempts:
        heard_ns = min(h.time_ns for h in film.adverts("b", after=woken_ns))
        assert again[0].time_ns > heard_ns
        assert first.transitions()[3].endswith("BACKUP -> MASTER (preempting a slower master)")
    else:
        assert again == []
        assert first.state() == "BACKUP"


def test_backup_whose_timer_passed_while_it_slept_does_not_take_over(
    lab: Lab, capture: Capture
) -> None:
    with capture:
        first = start(lab["a"], config(group()))
        first.become_master()
        second = start(lab["b"], config(group(advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        second.daemon.stop()
        time.sleep(6.0)
        second.daemon.cont()
        assert second.state() == "BACKUP"
        time.sleep(1.5)
        assert second.state() == "BACKUP"
    film = Film(capture)
    assert len(film.adverts("a")) > 6
    assert film.adverts("b") == []
    assert len(second.transitions()) == 1


def test_backup_that_slept_through_the_death_of_its_master_listens_anew(
    lab: Lab, capture: Capture
) -> None:
    with capture:
        first = start(lab["a"], config(group()))
        first.become_master()
        second = start(lab["b"], config(group(advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        second.daemon.stop()
        first.daemon.kill9()
        time.sleep(4.5)
        woken_ns = time.time_ns()
        second.daemon.cont()
        second.wait_for_state("MASTER")
    film = Film(capture)
    limit_ns = 3 * SECOND_NS + 100 * SECOND_NS // 256
    assert 0 <= film.adverts("b")[0].time_ns - woken_ns - limit_ns < SECOND_NS
