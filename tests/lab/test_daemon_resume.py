"""The start after a kill -9: clean up, and go on as MASTER only if nobody else can be it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.helpers.life import SHARED4, SHARED6, Film, config, group, lost, start

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import Lab

OTHER4 = "10.77.0.101/24"
OTHER6 = "2001:db8:77::101/64"


def test_restart_at_once_goes_on_as_master_and_nobody_notices(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    text = config(group(SHARED4, SHARED6))
    with capture:
        first = start(lab["a"], text)
        first.become_master()
        second = start(lab["b"], config(group(SHARED4, SHARED6, advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        with flood(200), Probe(lab) as probe:
            for _ in range(2):
                time.sleep(0.5)
                first.daemon.kill9()
                first = start(lab["a"], text)
            first.wait_for_state("MASTER", timeout_s=1)
            time.sleep(1.2)
    assert first.transitions()[2:] == ["carp: 1@eth0: INIT -> MASTER (resumed)"] * 2
    assert len(second.transitions()) == 1
    for record in probe.records.values():
        assert len(record.sent) > 2000
        assert lost(record) == []
    film = Film(capture, SHARED4, SHARED6)
    assert len(film.claims("a")) > 100
    assert film.wrong == []
    assert film.adverts("b") == []


@pytest.mark.parametrize(
    "changed",
    [
        config(group(), resume=False),
        config(group(SHARED4, OTHER4)),
        config(group(passphrase="another")),
        config(group(advbase=2)),
    ],
    ids=["resume off", "other addresses", "other key", "other advbase"],
)
def test_restart_with_another_configuration_begins_silent_as_backup(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], changed: str
) -> None:
    with capture, flood(500):
        node = start(lab["a"], config(group()))
        node.become_master()
        time.sleep(0.3)
        node.daemon.kill9()
        killed_ns = time.time_ns()
        node = start(lab["a"], changed)
        node.daemon.wait_for_log(r"(?s)MASTER .*INIT -> BACKUP")
        started_ns = time.time_ns()
        time.sleep(1.0)
        assert node.state() == "BACKUP"
    film = Film(capture)
    assert film.claims("a", before=killed_ns)
    assert film.claims("a", after=killed_ns), "the dead host answered on: the check can fail"
    assert film.claims("a", after=started_ns) == []
    assert film.adverts("a", after=killed_ns) == []
    assert film.wrong == []


def test_restart_after_the_dead_man_begins_as_backup_without_a_frame_for_the_address(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    text = config(group(SHARED4, SHARED6))
    with capture, flood(200):
        first = start(lab["a"], text)
        first.become_master()
        second = start(lab["b"], config(group(SHARED4, SHARED6, advskew=50)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        first.daemon.kill9()
        second.wait_for_state("MASTER")
        began_ns = time.time_ns()
        first = start(lab["a"], text)
        first.wait_for_state("BACKUP", timeout_s=2)
        time.sleep(1.5)
        assert first.state() == "BACKUP"
    film = Film(capture, SHARED4, SHARED6)
    assert len(film.claims("a", before=began_ns)) > 50
    assert film.claims("a", after=began_ns) == []
    assert film.adverts("a", after=began_ns) == []
    assert first.transitions()[2:] == ["carp: 1@eth0: INIT -> BACKUP (initialization complete)"]
    assert film.wrong == []


def test_start_after_a_kill_removes_groups_that_are_no_longer_configured(lab: Lab) -> None:
    node = start(lab["a"], config(group(), group(OTHER4, vhid=2)))
    node.become_master("2@eth0")
    assert "carpio 2@eth0" in lab["a"].run("ip", "-o", "link").stdout
    node.daemon.kill9()
    start(lab["a"], config(group())).wait_for_state("BACKUP", timeout_s=2)
    left = lab["a"].run("sh", "-c", "ip -d -o link; ip addr; ip route show table 1001").stdout
    assert "carpio 1@eth0" in left
    assert "carpio 2@eth0" not in left
    assert "10.77.0.101" not in left
