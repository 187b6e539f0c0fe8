"""How a daemon lives and leaves: SIGTERM, bow-out, kill -9, its log, a reader that sleeps."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.helpers.life import (
    DEAD_MAN_NS,
    SECOND_NS,
    SHARED4,
    SHARED6,
    Film,
    Node,
    answers,
    config,
    footprint,
    group,
    start,
    wait_for,
    write_config,
)

from carpio.lab.flood import Flood
from carpio.lab.implementation import Carpio
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.roles import GRACE_NS
from carpio.lab.sighting import virtual_mac
from carpio.lab.topology import DaemonProcess, Lab
from carpio.wire.constants import Family

VMAC = virtual_mac(1)


def wait_for_service(lab: Lab) -> None:
    """Wait until IPv6 is ready on host a, so that two looks at it can be equal."""
    ready = lambda: not lab["a"].run("ip", "-6", "-o", "addr", "show", "tentative").stdout  # noqa: E731
    wait_for(ready, "duplicate address detection of host a is over")


def test_sigterm_silences_then_bows_out_from_the_nic_and_leaves_nothing(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    wait_for_service(lab)
    before = footprint(lab["a"])
    nic = lab["a"].mac
    with capture, flood(200):
        node = start(lab["a"], config(group(SHARED4, SHARED6)))
        node.become_master()
        time.sleep(0.3)
        during = footprint(lab["a"])
        assert node.daemon.terminate() == 0
        time.sleep(0.3)
    after = footprint(lab["a"])
    assert {what for what in before if before[what] != during[what]} == set(before)
    assert after == before

    film = Film(capture, SHARED4, SHARED6)
    farewells = film.bow_outs("a")
    assert {heard.advert.family for heard in farewells} == {Family.IPV4, Family.IPV6}
    assert {heard.advert.ethernet_source for heard in farewells} == {nic}
    assert {(heard.advert.advbase, heard.advert.advskew) for heard in farewells} == {(255, 255)}
    goodbye_ns = farewells[0].time_ns
    assert len(film.claims("a", before=goodbye_ns)) > 50
    assert film.claims("a", after=goodbye_ns) == []
    assert film.adverts("a", after=goodbye_ns) == []
    by_vmac = [f.time_ns for f in film.frames if f.host == "a" and f.data[6:12] == VMAC]
    assert by_vmac
    assert by_vmac[-1] < goodbye_ns
    assert film.wrong == []


@pytest.mark.parametrize(
    ("options", "farewells"), [({}, 1), ({"bow_out": False}, 0), ({"strict_freebsd": True}, 0)]
)
def test_bow_out_is_sent_unless_switched_off(
    lab: Lab, capture: Capture, options: dict[str, bool], farewells: int
) -> None:
    with capture:
        node = start(lab["a"], config(group(), **options))
        node.become_master()
        assert node.daemon.terminate() == 0
    film = Film(capture)
    assert film.adverts("a")
    assert len(film.bow_outs("a")) == farewells


@pytest.mark.alone
@pytest.mark.parametrize("is_strict", [False, True])
def test_successor_waits_for_its_turn_after_a_bow_out_unless_it_is_strict(
    lab: Lab, capture: Capture, is_strict: bool
) -> None:
    turn_ns = 240 * 15_000_000 // 256
    with capture:
        first = start(lab["a"], config(group()))
        first.become_master()
        second = start(lab["b"], config(group(advskew=240), strict_freebsd=is_strict))
        second.daemon.wait_for_log("INIT -> BACKUP")
        assert first.daemon.terminate() == 0
        second.wait_for_state("MASTER", timeout_s=2)
    film = Film(capture)
    delay_ns = film.adverts("b")[0].time_ns - film.bow_outs("a")[0].time_ns
    assert (delay_ns < turn_ns) is is_strict


def test_killed_master_falls_silent_before_its_peer_takes_over(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    with capture, flood(200):
        first = start(lab["a"], config(group()))
        first.become_master()
        second = start(lab["b"], config(group(advskew=100)))
        second.daemon.wait_for_log("INIT -> BACKUP")
        first.daemon.kill9()
        killed_ns = time.time_ns()
        second.wait_for_state("MASTER")
        time.sleep(0.2)
    film = Film(capture)
    last_ns = film.adverts("a")[-1].time_ns
    successor_ns = film.adverts("b")[0].time_ns
    assert film.claims("a", after=killed_ns), "the dead host answers on: the check can fail"
    assert film.claims("a", after=last_ns + DEAD_MAN_NS + GRACE_NS) == []
    assert film.claims("a")[-1].time_ns < last_ns + 3 * SECOND_NS < successor_ns
    assert film.claims("b", before=successor_ns) == []
    assert film.wrong == []


def test_log_lines_are_those_of_the_specification_in_order(lab: Lab) -> None:
    node = start(lab["a"], config(group()))
    node.wait_for_state("MASTER")
    node.ask("demote", cause="maintenance", delta=100)
    node.ask("demote", cause="maintenance", delta=40)
    node.ask("demote.clear", cause="maintenance")
    node.ask("state", name="1@eth0", state="backup")
    node.ask("state", name="1@eth0", state="master")
    lab["a"].pull_cable()
    node.wait_for_state("INIT")
    lab["a"].plug_cable()
    node.wait_for_state("BACKUP")
    node.daemon.wait_for_log("interface up")
    assert node.daemon.terminate() == 0
    name = lab["a"].directory / "carpio.toml"
    assert node.daemon.log.replace(str(name), "FILE") == (
        "carp: 1@eth0: INIT -> BACKUP (initialization complete)\n"
        "carp: 1@eth0: BACKUP -> MASTER (master timed out)\n"
        "carp: demoted by 100 to 100 (maintenance)\n"
        "carp: demoted by 40 to 140 (maintenance)\n"
        "carp: demoted by -140 to 0 (maintenance)\n"
        "carp: 1@eth0: MASTER -> BACKUP (user requested via ifconfig)\n"
        "carp: 1@eth0: BACKUP -> MASTER (user requested via ifconfig)\n"
        "carp: 1@eth0: MASTER -> INIT (hardware interface down)\n"
        "carp: demoted by 240 to 240 (interface down)\n"
        "carp: 1@eth0: INIT -> BACKUP (initialization complete)\n"
        "carp: demoted by -240 to 0 (interface up)\n"
        "carp: 1@eth0: BACKUP -> INIT (shutdown)\n"
    )


@contextmanager
def full_pipe(path: Path) -> Iterator[None]:
    """Make a named pipe that has a reader, who never reads, and no room left."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.fcntl(end, 1031, 4096)  # F_SETPIPE_SZ
        assert os.write(end, bytes(4096)) == 4096
        with pytest.raises(BlockingIOError):
            os.write(end, b"x")
        yield
    finally:
        os.close(end)


def test_log_that_nobody_reads_does_not_stop_the_daemon(lab: Lab, tmp_path: Path) -> None:
    host = lab["a"]
    pipe = tmp_path / "log"
    text = config(group())
    write_config(host, text)
    command = Carpio().command_for(text, host.directory)
    watch = AdvertWatch(lab)
    try:
        with full_pipe(pipe):
            child = host.spawn("sh", "-c", f'exec "$@" 2>{pipe}', "sh", *command, log="out.log")
            host.daemon = child
            node = Node(host, DaemonProcess(child, host.directory / "control.sock"))
            wait_for(lambda: answers(node), "the daemon answers")
            wait_for(lambda: node.state() == "BACKUP", "BACKUP")
            node.ask("state", name="1@eth0", state="master")
            for _ in range(1100):  # more lines than are kept
                node.ask("demote", cause="noise", delta=1)
                node.ask("demote", cause="noise", delta=-1)
            watch.forget()
            for _ in range(2):
                assert watch.wait_for(lambda host, _: host == "a", 1.5)
            assert node.state() == "MASTER"
            assert child.terminate(5) == 0
    finally:
        watch.close()
