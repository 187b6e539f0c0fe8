"""Addresses that live in containers, while interface, adverts and guard stay on the host."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.helpers.life import (
    SECOND_NS,
    SHARED4,
    SHARED6,
    Film,
    config,
    footprint,
    group,
    start,
    wait_for,
)

from carpio.errors import ControlError
from carpio.lab.flood import Flood
from carpio.lab.gaps import gap_between
from carpio.lab.namespaces import add_namespace, remove_namespace, socket_in
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import SHARED_TARGETS, Lab
from carpio.runtime.namespace import Namespace
from carpio.wire.arp import gratuitous_arp_frame
from carpio.wire.ndp import unsolicited_na_frame

pytestmark = pytest.mark.lab

_MAC = "00:00:5e:00:01:01"


@dataclass(slots=True)
class Containers:
    """Namespaces with names and processes that live in them, as a runtime would make them."""

    prefix: str
    names: list[str] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def named(self, name: str, before: str = "") -> str:
        """Make a namespace that ip-netns(8) knows."""
        whole = f"{before}{self.prefix}-{name}"
        add_namespace(whole)
        self.names.append(whole)
        return whole

    def process(self, name: str | None = None) -> subprocess.Popen[bytes]:
        """Start a process in a network namespace of its own, or in a named one."""
        way = ("unshare", "--net") if name is None else ("ip", "netns", "exec", name)
        child = subprocess.Popen(
            (*way, "sh", "-c", "echo ready; exec sleep 600"), stdout=subprocess.PIPE
        )
        self.processes.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        return child

    def end(self) -> None:
        for child in self.processes:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
        for name in self.names:
            remove_namespace(name)


@pytest.fixture
def containers(lab: Lab) -> Iterator[Containers]:
    made = Containers(lab.prefix)
    yield made
    made.end()


def in_namespace(name: str, *command: str) -> str:
    done = subprocess.run(
        ("ip", "netns", "exec", name, *command), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def in_process(pid: int, *command: str) -> str:
    done = subprocess.run(
        ("nsenter", "-t", str(pid), "-n", *command), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def shout(netns: str, interface: str) -> None:
    """Claim the shared addresses, with each MAC that comes to mind."""
    addresses = [ip_address(text).packed for text in SHARED_TARGETS]
    for mac in (bytes.fromhex("00005e000101"), bytes.fromhex("020000000009")):
        frames = [gratuitous_arp_frame(mac, a) for a in addresses if len(a) == 4]
        frames += [unsolicited_na_frame(mac, a, a) for a in addresses if len(a) == 16]
        for frame in frames:
            # the guard's answer is ENOBUFS; a macvlan that was changed is soon made anew
            with (
                suppress(OSError),
                socket_in(netns, socket.AF_PACKET, socket.SOCK_RAW) as raw,
            ):
                raw.bind((interface, 0))
                raw.send(frame)


def attached(netns: str, **more: int) -> str:
    return config(group(SHARED4, SHARED6, attach=netns, **more), preempt=True)


def test_address_lives_in_the_container_and_moves_between_hosts(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    first, second = containers.named("ca"), containers.named("cb")
    with capture, Flood(lab, 500), Probe(lab) as probe:
        a = start(lab["a"], attached(first, advskew=0))
        a.become_master()
        b = start(lab["b"], attached(second, advskew=100))
        b.wait_for_state("BACKUP")
        time.sleep(1)
        stopped_ns = time.time_ns()
        assert a.daemon.terminate() == 0
        b.wait_for_state("MASTER", timeout_s=3)
        time.sleep(1)
        assert _MAC in in_namespace(second, "ip", "-o", "link")
        assert "10.77.0.100" in in_namespace(second, "ip", "-o", "addr")
        assert _MAC not in lab["b"].run("ip", "-o", "link").stdout
        assert _MAC not in in_namespace(first, "ip", "-o", "link")
        over_ns = time.time_ns()
    film = Film(capture, SHARED4, SHARED6)
    assert film.wrong == []
    assert {spoken.host for spoken in film.all_claims} == {"a", "b"}
    for record in probe.records.values():
        gap = gap_between(record, stopped_ns - SECOND_NS // 2, over_ns)
        assert gap.is_over
        assert gap.gap_ns < SECOND_NS // 4


def test_group_moves_in_and_out_while_it_runs(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    name = containers.named("ca")
    before = in_namespace(name, "ip", "-o", "link")
    with capture, Flood(lab, 500):
        node = start(lab["a"], config(group(SHARED4, SHARED6), preempt=True))
        node.become_master()
        done = node.carpio("attach", "1@eth0", "--netns", name)
        assert (done.returncode, done.stdout) == (0, f"1@eth0: its addresses live in {name}\n")
        node.wait_for_state("MASTER")
        assert _MAC in in_namespace(name, "ip", "-o", "link")
        assert _MAC not in lab["a"].run("ip", "-o", "link").stdout
        assert node.view()["attached"] == name
        done = node.carpio("detach", "1@eth0")
        assert (done.returncode, done.stdout) == (0, "1@eth0: its addresses live beside eth0\n")
        node.wait_for_state("MASTER")
        assert _MAC in lab["a"].run("ip", "-o", "link").stdout
        assert node.view()["attached"] is None
    assert in_namespace(name, "ip", "-o", "link") == before
    assert Film(capture, SHARED4, SHARED6).wrong == []


def test_end_of_the_container_passes_the_role_on(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    with capture, Flood(lab, 500):
        a = start(lab["a"], config(group(), preempt=True))
        a.become_master()
        b = start(lab["b"], config(group(advskew=100)))
        b.wait_for_state("BACKUP")
        container = containers.process()
        a.ask("attach", name="1@eth0", pid=container.pid)
        wait_for(lambda: a.state() == "MASTER" or b.state() == "MASTER", "somebody is MASTER")
        a.ask("state", name="1@eth0", state="master")
        a.wait_for_state("MASTER")
        b.wait_for_state("BACKUP")
        assert _MAC in in_process(container.pid, "ip", "-o", "link")
        ended = time.monotonic()
        container.kill()
        container.wait()
        b.wait_for_state("MASTER", timeout_s=2)
        assert time.monotonic() - ended < 1.5  # not the 3 s after which a crash is noticed
        assert a.state() == "BACKUP"
        assert f"process {container.pid} has ended" in a.view()["reason"]
        assert a.ask("detach", name="1@eth0")["attached"] is None
        a.wait_for_state("MASTER")
    assert Film(capture).wrong == []


def test_named_container_that_goes_and_comes_back(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    name = containers.named("ca")
    with capture, Flood(lab, 500):
        a = start(lab["a"], attached(name))
        a.become_master()
        remove_namespace(name)
        wait_for(lambda: "refused" in a.view()["reason"], "it is refused", 4)
        assert a.state() == "BACKUP"
        assert name in a.view()["reason"]
        add_namespace(name)
        a.wait_for_state("MASTER", timeout_s=10)
        assert _MAC in in_namespace(name, "ip", "-o", "link")
    assert Film(capture, SHARED4, SHARED6).wrong == []


def test_jail_that_died_is_gone_although_its_namespace_has_a_name(
    lab: Lab, containers: Containers
) -> None:
    name = containers.named("ca", before="jail-")
    process = containers.process(name)
    a = start(lab["a"], attached(name))
    a.become_master()
    time.sleep(2.5)
    assert a.state() == "MASTER"
    process.kill()
    process.wait()
    wait_for(lambda: "refused" in a.view()["reason"], "it is refused", 4)
    assert a.state() == "BACKUP"
    assert _MAC not in in_namespace(name, "ip", "-o", "link")


def test_root_in_the_container_cannot_make_it_lie(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    """He has the macvlan to himself; what counts is out of his reach."""
    name = containers.named("ca")
    with capture, Flood(lab, 500):
        b = start(lab["b"], config(group(SHARED4, SHARED6)))
        b.become_master()
        a = start(lab["a"], attached(name, advskew=100))
        a.wait_for_state("BACKUP")
        link = next(
            line.split(":")[1].strip().partition("@")[0]
            for line in in_namespace(name, "ip", "-o", "link").splitlines()
            if _MAC in line
        )
        for line in (
            f"link set {link} up",
            f"link set {link} address 02:00:00:00:00:09",
            f"addr add 10.77.0.55/24 dev {link}",
        ):
            in_namespace(name, "ip", *line.split())
            shout(name, link)
            in_namespace(name, "ping", "-c", "1", "-W", "1", "10.77.0.254")
        time.sleep(2.5)
    film = Film(capture, SHARED4, SHARED6)
    assert film.claims("a") == []
    assert film.wrong == []


def test_other_interfaces_of_the_container_do_not_answer(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    """A container often has a way of its own to the same wire."""
    name = containers.named("ca")
    host = lab["a"].namespace
    for words in (
        f"-n {host} link add br0 type bridge",
        f"-n {host} link set eth0 master br0",
        f"-n {host} link set br0 up",
        f"-n {host} link add v0 type veth peer name eth9 netns {name}",
        f"-n {host} link set v0 master br0 up",
        f"-n {name} link set eth9 up",
        f"-n {name} addr add 10.77.0.9/24 dev eth9",
    ):
        subprocess.run(("ip", *words.split()), check=True)
    with capture, Flood(lab, 500):
        a = start(lab["a"], config(group(interface="br0", attach=name)))
        a.become_master("1@br0")
        time.sleep(1)
        setting = in_namespace(name, "cat", "/proc/sys/net/ipv4/conf/eth9/arp_ignore")
        assert setting == "1\n"
        assert a.daemon.terminate() == 0
    setting = in_namespace(name, "cat", "/proc/sys/net/ipv4/conf/eth9/arp_ignore")
    assert setting == "0\n"
    film = Film(capture)
    assert film.claims("a")
    assert film.wrong == []


def test_killed_daemon_resumes_in_the_container(
    lab: Lab, capture: Capture, containers: Containers
) -> None:
    name = containers.named("ca")
    with capture, Flood(lab, 500), Probe(lab, SHARED_TARGETS[:1]) as probe:
        a = start(lab["a"], attached(name))
        a.become_master()
        time.sleep(1.2)
        killed_ns = time.time_ns()
        a.daemon.kill9()
        a = start(lab["a"], attached(name))
        a.wait_for_state("MASTER")
        time.sleep(0.5)
        over_ns = time.time_ns()
    (record,) = probe.records.values()
    assert gap_between(record, killed_ns - SECOND_NS // 2, over_ns).lost == 0
    assert Film(capture, SHARED4, SHARED6).wrong == []


def test_what_a_killed_daemon_left_in_a_container_is_removed(
    lab: Lab, containers: Containers
) -> None:
    name = containers.named("ca")
    clean = in_namespace(name, "ip", "-o", "link")
    a = start(lab["a"], attached(name))
    a.become_master()
    assert _MAC in in_namespace(name, "ip", "-o", "link")
    a.daemon.kill9()
    a = start(lab["a"], config(group(SHARED4, SHARED6)))
    a.wait_for_state("BACKUP")
    assert in_namespace(name, "ip", "-o", "link") == clean
    a.become_master()
    assert a.daemon.terminate() == 0


def test_what_a_killed_daemon_left_of_one_group_is_removed_beside_another(
    lab: Lab, containers: Containers
) -> None:
    name = containers.named("ca")
    second = group("10.77.0.101/24", vhid=2, attach=name)
    a = start(lab["a"], config(group(attach=name), second))
    a.become_master()
    a.become_master("2@eth0")
    a.daemon.kill9()
    a = start(lab["a"], config(group(), second))
    a.wait_for_state("MASTER", "2@eth0")
    inside = in_namespace(name, "ip", "-o", "link")
    assert "00:00:5e:00:01:02" in inside
    assert _MAC not in inside


def test_leaving_removes_everything(lab: Lab, containers: Containers) -> None:
    name = containers.named("ca")
    before, clean = footprint(lab["a"]), in_namespace(name, "ip", "-o", "link")
    a = start(lab["a"], attached(name))
    a.become_master()
    assert a.daemon.terminate() == 0
    after = footprint(lab["a"])
    for what in ("links", "rules", "firewall", "settings", "state file", "socket"):
        assert after[what] == before[what]
    assert in_namespace(name, "ip", "-o", "link") == clean
    assert not list(Path("/run/carpio").glob(f"guest-*-{Namespace(name).identity}.json"))


def test_what_cannot_be_is_refused_and_nothing_changes(lab: Lab, containers: Containers) -> None:
    a = start(lab["a"], config(group()))
    a.become_master()
    a.daemon.wait_for_log("BACKUP -> MASTER")
    before = a.transitions()
    for parameters, words in (
        ({"netns": "no-such-container"}, "no-such-container"),
        ({"pid": 2**22 - 1}, "process"),
        ({"pid": a.daemon.pid}, "where the interface itself is"),
        ({}, "either a network namespace or a process"),
        ({"netns": "x", "pid": 1}, "either a network namespace or a process"),
    ):
        with pytest.raises(ControlError, match=words):
            a.ask("attach", name="1@eth0", **parameters)
    with pytest.raises(ControlError, match="no group is called 9@eth0"):
        a.ask("attach", name="9@eth0", pid=1)
    assert a.transitions() == before
    assert a.state() == "MASTER"
    done = a.carpio("attach", "1@eth0")
    assert done.returncode == 64
    assert "--netns NAME or --pid PID" in done.stderr


def test_address_that_the_container_has_elsewhere_is_refused(
    lab: Lab, containers: Containers
) -> None:
    name = containers.named("ca")
    in_namespace(name, "ip", "addr", "add", "10.77.0.100/32", "dev", "lo")
    a = start(lab["a"], config(group()))
    a.become_master()
    with pytest.raises(ControlError, match="already on lo"):
        a.ask("attach", name="1@eth0", netns=name)
    wait_for(lambda: a.state() == "MASTER" or a.state() == "BACKUP", "it takes part again")
    assert a.view()["attached"] is None


def test_attachment_to_a_name_is_saved_and_survives_a_reload(
    lab: Lab, containers: Containers
) -> None:
    name = containers.named("ca")
    a = start(lab["a"], config(group()))
    a.become_master()
    a.ask("attach", name="1@eth0", netns=name)
    with pytest.raises(ControlError, match="carpio save"):
        a.ask("reload")
    assert a.carpio("save", "--yes").returncode == 0
    assert f'attach = "{name}"' in (lab["a"].directory / "carpio.toml").read_text()
    a.ask("reload")
    assert a.view()["attached"] == name
    process = containers.process()
    a.ask("attach", name="1@eth0", pid=process.pid)
    a.ask("reload")
    assert a.view()["attached"] == f"process {process.pid}"
