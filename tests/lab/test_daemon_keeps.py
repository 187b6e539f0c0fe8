"""What was configured at run time outlives the daemon: it is there again, guarded as ever."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.life import SHARED4, SHARED6, Film, config, group, kept_by, lost, start

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import Lab

FIRST = "vhid 1 pass 'carpio life' 10.77.0.100/24 alias"
SECOND = "inet6 2001:db8:77::100/64 vhid 1"


@pytest.fixture
def a(lab: Lab) -> Iterator[Console]:
    """A host whose daemon has an empty configuration, with one group made by ifconfig."""
    console = Console(start(lab["a"], "")).make_quick()
    console.did(f"ifconfig eth0 {FIRST}", f"ifconfig eth0 {SECOND}")
    yield console
    kept_by(console.node.host).unlink(missing_ok=True)


def restarted(console: Console, text: str = "", *, kill: bool = False) -> Console:
    """Return the host with its next daemon."""
    if kill:
        console.node.daemon.kill9()
    else:
        assert console.node.daemon.terminate() == 0
    return Console(start(console.node.host, text))


def test_groups_addresses_and_settings_are_there_after_a_stop_and_a_start(a: Console) -> None:
    a.did(
        "ifconfig eth0 vhid 9 advbase 2 advskew 7 pass secret 10.77.0.109/32 alias",
        "sysctl net.inet.carp.preempt=1 net.inet.carp.senderr_demotion_factor=0",
        "sysctl net.inet.carp.demotion=30",
    )
    a.wait_for("MASTER")
    a.wait_for("MASTER", 9, timeout_s=12)
    told, settings = a.did("ifconfig -k eth0"), a.did("sysctl net.inet.carp")
    assert kept_by(a.node.host).stat().st_mode & 0o777 == 0o600
    a = restarted(a)
    a.wait_for("MASTER")
    a.wait_for("MASTER", 9, timeout_s=12)
    assert a.did("ifconfig -k eth0") == told
    assert a.did("sysctl net.inet.carp") == settings
    assert "secret" not in a.log
    assert a("reload").status != 0, "what no file says would be lost"


def test_restart_at_once_goes_on_as_master_and_nobody_notices(
    a: Console, lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    a.did("ifconfig eth0 vhid 1 advbase 2")  # so that a busy machine starts the next one in time
    with capture:
        a.become_master()
        second = start(lab["b"], config(group(SHARED4, SHARED6, advbase=2, advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        with flood(500), Probe(lab) as probe:
            time.sleep(0.5)
            a = restarted(a, kill=True)
            a.wait_for("MASTER", timeout_s=1)
            time.sleep(2.2)
    assert a.said()[-1:] == ["carp: 1@eth0: INIT -> MASTER (resumed)"]
    for probed in probe.records.values():
        assert len(probed.sent) > 1000
        assert lost(probed) == []
    film = Film(capture, SHARED4, SHARED6)
    assert len(film.claims("a")) > 100
    assert film.wrong == []
    assert film.adverts("b") == []


def test_host_that_comes_back_beside_a_master_says_nothing_for_the_address(
    a: Console, lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    with capture, flood(2000):
        a.become_master()
        b = start(lab["b"], config(group(SHARED4, SHARED6, advskew=0)))
        b.daemon.wait_for_log("INIT -> BACKUP")
        assert a.node.daemon.terminate() == 0
        b.wait_for_state("MASTER")
        stopped_ns = time.time_ns()
        a = Console(start(lab["a"], ""))
        a.wait_for("BACKUP")
        time.sleep(1.5)
        assert (a.state(), b.state()) == ("BACKUP", "MASTER")
    film = Film(capture, SHARED4, SHARED6)
    assert film.claims("a", before=stopped_ns)
    assert film.claims("a", after=stopped_ns) == []
    assert film.wrong == []


def test_what_was_removed_stays_removed_also_of_the_file(a: Console) -> None:
    text = config(group(vhid=3, interface="eth0", name="kept"))
    a = restarted(a, "")
    a.did("ifconfig eth0 10.77.0.100 -alias", "ifconfig eth0 inet6 2001:db8:77::100 -alias")
    assert not kept_by(a.node.host).exists()
    text = config(group("10.77.0.103/24", vhid=3), group("10.77.0.104/24", vhid=4))
    a = restarted(a, text)
    assert a.groups() == [(3, 1, 0), (4, 1, 0)]
    a.did("ifconfig eth0 10.77.0.103 -alias")
    a = restarted(a, text, kill=True)
    assert a.groups() == [(4, 1, 0)]
    a.did("reload --discard")
    assert a.groups() == [(3, 1, 0), (4, 1, 0)]
    assert not kept_by(a.node.host).exists()
    a = restarted(a, text)
    assert a.groups() == [(3, 1, 0), (4, 1, 0)]


def test_files_that_changed_count_for_what_they_say_and_the_rest_stays(a: Console) -> None:
    old = config(group("10.77.0.103/24", vhid=3, advskew=3), preempt=False)
    new = config(
        group("10.77.0.103/24", vhid=3, advskew=33),
        group(SHARED4, advskew=11, passphrase="of the file"),
        preempt=False,
        dscp=40,
    )
    a = restarted(a, old)
    a.did("ifconfig eth0 vhid 3 advskew 4", "ifconfig eth0 vhid 5 pass p 10.77.0.105/32 alias")
    a.did("sysctl net.inet.carp.preempt=1 net.inet.carp.dscp=8")
    a = restarted(a, new)
    assert sorted(a.groups()) == [(1, 1, 11), (3, 1, 33), (5, 1, 0)]
    assert a.key(1) == "of the file"
    assert a.did("sysctl -n net.inet.carp.preempt net.inet.carp.dscp") == "1\n40\n"
    for what in ("3@eth0", "1@eth0", "dscp"):
        words = f"is given up: {what}: the configuration files changed, and say what it is"
        a.node.daemon.wait_for_log(re.escape(words))
    assert "carpio life" not in a.log
    length = len(a.log)
    a = restarted(a, new)
    assert sorted(a.groups()) == [(1, 1, 11), (3, 1, 33), (5, 1, 0)]
    assert "is given up" not in a.log[length:]


def test_what_is_saved_is_not_recorded_any_more(a: Console) -> None:
    assert kept_by(a.node.host).exists()
    assert a("save --yes").status == 0
    assert not kept_by(a.node.host).exists()


def test_damaged_record_stops_nothing_and_the_files_count(a: Console) -> None:
    assert a.node.daemon.terminate() == 0
    record = kept_by(a.node.host)
    for damage in (b"", b"\xff{]", b'{"version": 2}', record.read_bytes()[:-40]):
        record.write_bytes(damage)
        length = len(a.log)
        a = Console(start(a.node.host, config(group("10.77.0.103/24", vhid=3))))
        assert a.groups() == [(3, 1, 0)]
        assert not record.exists()
        assert a.node.daemon.terminate() == 0
        assert f"{record}: it " in a.log[length:]
        assert "what was configured at run time is lost" in a.log[length:]


def test_demotion_holds_from_the_first_advert_of_the_next_daemon_on(
    a: Console, capture: Capture
) -> None:
    a.did("ifconfig eth0 vhid 1 advbase 2")
    a.become_master()
    a.node.ask("demote", cause="maintenance", delta=50)
    with capture:
        a = restarted(a, kill=True)
        a.wait_for("MASTER", timeout_s=1)
        time.sleep(2.5)
        assert a.node.ask("status")["demotion"]["causes"] == [{"cause": "maintenance", "value": 50}]
    heard = Film(capture, SHARED4, SHARED6).adverts("a")
    assert {one.advert.advskew for one in heard} == {50}
    a.node.ask("demote.clear", cause="maintenance")
    a = restarted(a)
    assert a.did("sysctl -n net.inet.carp.demotion") == "0\n"
