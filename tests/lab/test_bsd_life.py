"""Pairs of hosts that are run by the commands of the BSDs alone: elections, restarts, mishaps."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console, Said, adverts, is_signed
from tests.helpers.life import Film, start, wait_for, write_config

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.topology import Lab

VIPS = ("10.77.0.100/32", "10.77.0.102/32")
FIRST = "vhid 1 pass testpass alias 10.77.0.100/32"
SECOND = "vhid 2 pass testpass alias 10.77.0.102/32"
"""The lines of bug 191832, with the lab's addresses; machine02 adds `advskew 100`."""


def lines_of(host: str) -> tuple[str, str]:
    """Return what the report's machines say to ifconfig."""
    if host == "a":
        return FIRST, SECOND
    return tuple(line.replace("alias", "advskew 100 alias") for line in (FIRST, SECOND))  # type: ignore[return-value] # two


@pytest.fixture
def pair(lab: Lab) -> tuple[Console, Console]:
    """Both hosts, each with an empty daemon."""
    return Console(start(lab["a"], "")).make_quick(), Console(start(lab["b"], "")).make_quick()


@pytest.mark.alone
def test_booting_backup_of_the_report_claims_nothing_under_a_flood(
    pair: tuple[Console, Console], capture: Capture, flood: Callable[[int], Flood]
) -> None:
    a, b = pair
    with capture, flood(5000):
        for line in lines_of("a"):
            a.did(f"ifconfig eth0 {line}")
        a.become_master(1)
        a.become_master(2)
        for line in lines_of("b"):
            b.did(f"ifconfig eth0 {line}")
        b.did("sysctl net.inet.carp.preempt=1 net.inet.carp.senderr_demotion_factor=0")
        b.did("ifconfig eth0 vhid 1 advskew 101", "ifconfig eth0 10.77.0.102 -alias")
        b.did(f"ifconfig eth0 {lines_of('b')[1]}")
    assert (b.state(1), b.state(2), a.state(1), a.state(2)) == (
        "BACKUP",
        "BACKUP",
        "MASTER",
        "MASTER",
    )
    films = [Film(capture, address, vhid=vhid) for vhid, address in enumerate(VIPS, 1)]
    assert [film.claims("b") for film in films] == [[], []]
    assert [film.wrong for film in films] == [[], []]
    assert len(films[0].claims("a")) > 500, "the flood was answered"


def test_operator_moves_the_mastership_with_advskew_state_and_demotion(
    pair: tuple[Console, Console], capture: Capture
) -> None:
    a, b = pair
    with capture:
        a.did(f"ifconfig eth0 {FIRST}")
        a.become_master()
        b.did(f"ifconfig eth0 {lines_of('b')[0]}")
        b.wait_for("BACKUP")
        # another skew of a MASTER costs nothing and is in its next advert
        length = len(a.log)
        a.did("ifconfig eth0 vhid 1 advskew 20")
        sent = a.node.view()["counters"]["opackets"]
        wait_for(lambda: a.node.view()["counters"]["opackets"] > sent, "the next advert", 3)
        assert (a.state(), a.said(length)) == ("MASTER", [])
        # without preempt on the peer, demotion moves nothing
        a.did("sysctl net.inet.carp.demotion=240")
        assert (a.state(), b.state()) == ("MASTER", "BACKUP")
        # with it, it does
        b.did("sysctl net.inet.carp.preempt=1")
        b.has_logged(
            "carp: 1@eth0: INIT -> BACKUP (initialization complete)",
            "carp: 1@eth0: BACKUP -> MASTER (preempting a slower master)",
        )
        a.wait_for("BACKUP")
        assert a.said(length) == [
            "carp: demoted by 240 to 240 (sysctl)",
            "carp: 1@eth0: MASTER -> BACKUP (more frequent advertisement received)",
        ]
        # and back: R-084, the better one preempts
        length, at_b = len(a.log), len(b.log)
        a.did("sysctl net.inet.carp.preempt=1", "sysctl net.inet.carp.demotion=-240")
        a.has_logged(
            "carp: demoted by -240 to 0 (sysctl)",
            "carp: 1@eth0: BACKUP -> MASTER (preempting a slower master)",
            after=length,
        )
        b.has_logged(
            "carp: 1@eth0: MASTER -> BACKUP (more frequent advertisement received)", after=at_b
        )
        # R-079, with the goodbye that carpio says; a does not preempt, so b keeps it
        length, at_b = len(a.log), len(b.log)
        a.did("sysctl net.inet.carp.preempt=0", "ifconfig eth0 vhid 1 state Backup")
        a.has_logged("carp: 1@eth0: MASTER -> BACKUP (user requested via ifconfig)", after=length)
        b.has_logged("carp: 1@eth0: BACKUP -> MASTER (preempting a slower master)", after=at_b)
        assert (a.state(), b.state()) == ("BACKUP", "MASTER")
        #
        length, at_b = len(a.log), len(b.log)
        a.did("ifconfig eth0 vhid 1 state MASTER")
        a.has_logged("carp: 1@eth0: BACKUP -> MASTER (user requested via ifconfig)", after=length)
        b.has_logged(
            "carp: 1@eth0: MASTER -> BACKUP (more frequent advertisement received)", after=at_b
        )
    film = Film(capture, VIPS[0])
    skews = [heard.advert.advskew for heard in film.adverts("a")]
    assert list(dict.fromkeys(skews)) == [0, 20, 240]
    assert skews[-1] == 20
    assert [mastership.host for mastership in film.masterships()] == ["a", "b", "a", "b", "a"]
    assert film.wrong == []


def test_r125_lost_carrier_of_another_interface_moves_the_group(
    pair: tuple[Console, Console],
) -> None:
    a, b = pair
    for console in pair:
        console.did("sysctl net.inet.carp.preempt=1")
    a.did(
        "ifconfig epair0 create", "ifconfig epair0b up", "ifconfig epair0a vhid 2 10.9.0.1/24 alias"
    )
    a.did(f"ifconfig eth0 {FIRST}")
    a.become_master()
    b.did(f"ifconfig eth0 {lines_of('b')[0]}")
    length = len(a.log)
    a.did("ifconfig epair0b down")
    b.wait_for("MASTER")
    a.wait_for("BACKUP")
    assert a.did("sysctl -n net.inet.carp.demotion") == "240\n"
    a.did("ifconfig epair0b up")
    a.wait_for("MASTER")
    assert a.did("sysctl -n net.inet.carp.demotion") == "0\n"
    said = a.said(length)
    assert [line for line in said if "demoted" in line] == [
        "carp: demoted by 240 to 240 (interface down)",
        "carp: demoted by -240 to 0 (interface up)",
    ]
    assert "carp: 1@eth0: BACKUP -> MASTER (preempting a slower master)" in said


# -- what remains --------------------------------------------------------------------------------


def test_what_was_saved_is_the_same_after_a_restart_and_signs_the_same(
    lab: Lab, capture: Capture
) -> None:
    a = Console(start(lab["a"], "# kept by hand\n")).make_quick()
    file = a.node.host.directory / "carpio.toml"
    file.chmod(0o644)
    a.did(
        "ifconfig eth0 vhid 1 advbase 2 advskew 7 pass 'a \"b\\' 10.77.0.100/24 alias",
        "ifconfig eth0 inet6 2001:db8:77::100/64 vhid 1",
        "ifconfig eth0 vhid 9 pass 12345678901234567890 10.77.0.109/32 alias",
        "ifconfig eth0 vhid 5 advskew 5",
        "sysctl net.inet.carp.preempt=1 net.inet.carp.senderr_demotion_factor=0",
        "sysctl net.inet.carp.log=2 net.inet.carp.dscp=48 net.inet.carp.demotion=0",
    )
    told = [line for line in a.did("ifconfig -ak").splitlines() if "vhid" in line]
    settings = a.did("sysctl net.inet.carp")
    refused = a("reload")
    assert refused.status != 0
    assert "carpio save" in refused.err
    with capture:
        a.become_master()
        difference = a("save --yes")
        assert difference.status == 0
        assert "12345" not in difference.out
        assert "+preempt = true" in difference.out
        assert a.node.daemon.terminate() == 0
        assert file.stat().st_mode & 0o077 == 0
        assert file.read_text().startswith("# kept by hand\n")
        a = Console(start(lab["a"], file.read_text()))
        a.become_master()
    again = [line for line in a.did("ifconfig -ak").splitlines() if "vhid" in line]
    assert [without_state(line) for line in again] == [without_state(line) for line in told]
    assert a.did("sysctl net.inet.carp") == settings
    assert a("reload") == Said(0, "", "")
    heard = adverts(Film(capture, "10.77.0.100/24"), "a")
    assert len({header.counter for *_, header in heard}) >= 4
    assert all(
        is_signed(header, 'a "b\\', "10.77.0.100", "2001:db8:77::100") for *_, header in heard
    )


def without_state(line: str) -> str:
    """Return a line of ifconfig without the state of a group."""
    return re.sub(r"carp: \w+", "carp:", line)


def test_files_of_the_report_become_a_running_pair(lab: Lab, tmp_path: Path) -> None:
    consoles = [Console(start(lab[name], "")).make_quick() for name in "ab"]
    rc_conf, script, settings = (tmp_path / name for name in ("rc.conf", "up.sh", "sysctl.conf"))
    rc_conf.write_text(
        'hostname="machine01"\nifconfig_eth0="inet 10.77.0.1/24"\n'
        + "".join(f'ifconfig_eth0_alias{n}="inet {it}"\n' for n, it in enumerate(lines_of("a")))
    )
    script.write_text("".join(f"/sbin/ifconfig eth0 {it}\n" for it in lines_of("b")))
    settings.write_text("net.inet.carp.preempt=1\nnet.inet.carp.senderr_demotion_factor=0\n")
    for console, kind, file in zip(
        consoles, ("rc.conf", "ifconfig"), (rc_conf, script), strict=True
    ):
        toml = console.did(f"import sysctl.conf {settings}")
        said = console(f"import {kind} {file}")
        assert said.status == 0
        assert ("10.77.0.1/24" in said.err) == (kind == "rc.conf")
        path = write_config(console.node.host, toml + said.out)
        assert console(f"check {path}").status == 0
        console.did("reload")
    a, b = consoles
    for vhid in (1, 2):
        a.become_master(vhid)
    wait_for(lambda: (b.state(1), b.state(2)) == ("BACKUP", "BACKUP"), "b listens")
    assert (a.groups(), b.groups()) == ([(1, 1, 0), (2, 1, 0)], [(1, 1, 100), (2, 1, 100)])
    for console in consoles:
        assert console.key(1) == console.key(2) == "testpass"
        assert console.inet()[1:] == ["10.77.0.100/32 vhid 1", "10.77.0.102/32 vhid 2"]
        assert console.did("sysctl -n net.inet.carp.preempt") == "1\n"
    assert int(b.did("netstat -s -p carp").split()[1]) > 0
    assert "0 discarded for bad authentication" in b.did("netstat -s -p carp")


# -- mishaps -------------------------------------------------------------------------------------


def test_without_a_daemon_every_command_says_so(lab: Lab) -> None:
    a = Console(start(lab["a"], ""))
    before = a.kernel()
    assert a.node.daemon.terminate() == 0
    for line in (
        "ifconfig",
        "ifconfig eth0 vhid 1 10.77.0.100/24 alias",
        "sysctl net.inet.carp.preempt=1",
        "netstat -s -p carp",
    ):
        said = a(line)
        name = line.split()[0]
        assert (said.status, said.out) == (1, "")
        assert said.err.startswith(f"{name}: ")
        assert said.err.count("\n") == 1
        assert "daemon not reachable" in said.err
    assert a.kernel() == before


def test_vanished_interface_is_told_and_troubles_no_other(lab: Lab) -> None:
    a = Console(start(lab["a"], "")).make_quick()
    a.did(f"ifconfig eth0 {FIRST}", "ifconfig epair0 create", "ifconfig epair0b up")
    a.did("ifconfig epair0a vhid 3 pass p 10.9.0.1/24 alias")
    a.become_master()
    a.node.host.run("ip", "link", "del", "epair0b")
    gone = (1, "", "ifconfig: interface epair0a does not exist\n")
    for words in ("", "vhid 3 advskew 3", "10.9.0.2/24 alias", "up", "destroy"):
        assert (words, *a(f"ifconfig epair0a {words}")) == (words, *gone)
    a.did("ifconfig epair0a 10.9.0.1 -alias")  # which takes the rest of the group away
    assert a("ifconfig epair0a 10.9.0.1 -alias") == gone
    assert "3@epair0a" not in a("status").out
    assert a.did("ifconfig -l") == "lo eth0\n"
    assert (a.groups(), a.state()) == ([(1, 1, 0)], "MASTER")
    a.did("ifconfig epair0 create", "ifconfig epair0b up", "ifconfig epair0a up")
    assert a.did("ifconfig -l") == "lo eth0 epair0b epair0a\n"


def test_file_of_lines_is_done_completely_or_not_at_all(lab: Lab, tmp_path: Path) -> None:
    a = Console(start(lab["a"], ""))
    file = tmp_path / "lines"
    lines = ["# the report", *(f"eth0 {line}" for line in lines_of("a")), "epair0 create"]
    file.write_text("\n".join((*lines, "eth0 vhid 300", "nope up", "")))
    before = (a.kernel(), a.shown())
    said = a(f"ifconfig -F {file}")
    assert (said.status, said.out) == (1, "")
    assert "vhid must be greater than 0 and less than 255" in said.err
    assert "interface nope does not exist" in said.err or f"{file}:5" in said.err
    assert (a.kernel(), a.shown()) == before
    file.write_text("\n".join(lines))
    assert a(f"ifconfig -F {file}") == (0, "epair0a\n", "")
    assert a.groups() == [(1, 1, 0), (2, 1, 0)]
    assert "epair0a" in a.links()


def test_callers_at_the_same_time_lose_nothing(lab: Lab) -> None:
    a = Console(start(lab["a"], ""))
    numbers = range(1, 33)
    with ThreadPoolExecutor(8) as pool:
        lines = [f"ifconfig eth0 vhid {n} pass p 10.77.1.{n}/32 alias" for n in numbers]
        assert set(pool.map(a, lines)) == {(0, "", "")}
    assert sorted(a.groups()) == [(n, 1, 0) for n in numbers]
    assert sorted(a.inet()[1:]) == sorted(f"10.77.1.{n}/32 vhid {n}" for n in numbers)
