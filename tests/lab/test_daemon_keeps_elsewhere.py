"""What was configured in other namespaces, jails and containers outlives the daemon as long as they
do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.configuring import Place, namespace_of, on, shared, tenant
from tests.helpers.jail_lab import make_root, need_jails
from tests.helpers.life import Film, Node, kept_by, start, wait_for

from carpio.control.network import AddAddress, SetVhid
from carpio.jail.registry import FileRegistry
from carpio.lab.flood import Flood
from carpio.lab.namespaces import ip
from carpio.lab.observe import Capture
from carpio.lab.topology import Lab
from carpio.runtime.namespace import Namespace

PASSPHRASE = "carpio life"
GROUP = SetVhid(1, advbase=3, passphrase=PASSPHRASE, state="master")
"""Slow enough for a machine that is busy to start the next daemon in time."""
RESUMED = r"INIT -> MASTER \(resumed\)"
JAILS = """
path = "{root}"; persist;
cured {{ ip4.addr = "eth0|10.77.0.100/32 vhid 1 advbase 3 pass geheim advskew 100"; }}
inner {{ vnet; vnet.interface = "j0";
    exec.poststart = "ifconfig -j inner j0 vhid 7 advbase 3 pass x 10.88.0.1/24 alias"; }}
"""


@pytest.fixture
def node(lab: Lab) -> Iterator[Node]:
    """A daemon with an empty file on the router, a host without groups."""
    yield start(lab.router, "")
    lab.router.shut_down()
    kept_by(lab.router).unlink(missing_ok=True)


def restarted(node: Node, *, kill: bool = False) -> Node:
    """Return the host with its next daemon, which has an empty file."""
    if kill:
        node.daemon.kill9()
    else:
        assert node.daemon.terminate() == 0
    return start(node.host, "")


def place(netns: str, node: Node) -> Place:
    return Place(Namespace(netns), node.daemon.control)


# -- namespaces ----------------------------------------------------------------------------------


def test_group_of_a_named_namespace_resumes_and_its_settings_are_there(
    lab: Lab, node: Node, capture: Capture
) -> None:
    name = lab["a"].namespace
    there = place(name, node)
    with capture, Flood(lab, 500):
        there.configure(on("eth0", GROUP, shared()))
        there.change(preempt=1)
        wait_for(lambda: there.groups()[0].state == "MASTER", "MASTER")
        time.sleep(0.5)
        node = restarted(node, kill=True)
        node.wait_for_state("MASTER", timeout_s=1)
        time.sleep(0.5)
    assert node.transitions()[-1].endswith("INIT -> MASTER (resumed)")
    assert there.settings().preempt == 1
    film = Film(capture)
    assert len(film.claims("a")) > 100
    assert film.wrong == []


def test_group_of_a_namespace_without_a_name_is_found_by_who_lives_there(
    lab: Lab, node: Node
) -> None:
    with tenant(lab) as process, namespace_of(process.pid) as namespace:
        there = Place(namespace, node.daemon.control)
        there.configure(on("eth0", shared("10.77.0.7/24", vhid=None), GROUP, shared()))
        wait_for(lambda: there.groups()[0].state == "MASTER", "MASTER")
        node = restarted(node, kill=True)
        node.wait_for_state("MASTER", timeout_s=1)
        node.daemon.wait_for_log(RESUMED)
        assert node.transitions()[-1].endswith("INIT -> MASTER (resumed)")
        assert node.view()["netns"].startswith("net:[")
        node = restarted(node)
        node.wait_for_state("BACKUP")
        assert [one.vhid for one in there.groups()] == [1]
        assert node.daemon.terminate() == 0
    node = start(node.host, "")
    assert node.ask("status")["vhids"] == []
    node.daemon.wait_for_log("is gone")
    assert not kept_by(node.host).exists()


def test_new_namespace_of_the_same_name_has_nothing_of_the_old_one(lab: Lab, node: Node) -> None:
    name = lab["b"].namespace
    place(name, node).configure(on("eth0", GROUP, shared()))
    node.ask("demote", cause="maintenance", delta=9)
    assert node.daemon.terminate() == 0
    ip("netns", "del", name)
    ip("netns", "add", name)
    node = start(node.host, "")
    assert node.ask("status")["vhids"] == []
    node.daemon.wait_for_log(f"gone: network namespace {name} is another one now")


# -- containers ----------------------------------------------------------------------------------


def test_attachment_by_name_and_by_process_is_as_before(lab: Lab, node: Node) -> None:
    name = lab["b"].namespace
    own = place(node.host.namespace, node)
    address = AddAddress("10.99.0.100", 24, vhid=1)
    ip("link", "add", "n0", "type", "veth", "peer", "name", "n1", namespace=node.host.namespace)
    ip("link", "set", "n1", "up", namespace=node.host.namespace)
    own.configure(on("n0", SetVhid(1, advbase=3), address))
    node.ask("attach", name="1@n0", netns=name)
    node = restarted(node)
    assert node.view("1@n0")["attached"] == name
    with subprocess.Popen(("unshare", "--net", "sh", "-c", "echo; exec cat"), **PIPES) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        node.ask("attach", name="1@n0", pid=process.pid)
        wait_for(lambda: node.view("1@n0")["state"] == "BACKUP", "it takes part")
        node.ask("state", name="1@n0", state="master")
        node = restarted(node, kill=True)
        node.wait_for_state("MASTER", "1@n0", timeout_s=1)
        node.daemon.wait_for_log(RESUMED)
        assert node.transitions()[-1].endswith("INIT -> MASTER (resumed)")
        assert node.view("1@n0")["attached"] == f"process {process.pid}"
        assert node.daemon.terminate() == 0
        process.stdin.close()
    node = start(node.host, "")
    view = node.view("1@n0")
    assert f"process {process.pid} has ended" in view["reason"]
    assert view["state"] != "MASTER"
    node.ask("detach", name="1@n0")
    node = restarted(node)
    node.wait_for_state("BACKUP", "1@n0")
    assert node.view("1@n0")["attached"] is None


PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


# -- jails ---------------------------------------------------------------------------------------


@pytest.fixture
def a(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Host a with an empty daemon, a cable j0 to j1, and a file with two jails."""
    need_jails()
    monkeypatch.setenv("CARPIO_JAIL_STATE", str(tmp_path / "jails"))
    make_root(tmp_path / "root")
    (tmp_path / "jail.conf").write_text(JAILS.format(root=tmp_path / "root"))
    console = Console(start(lab["a"], "")).make_quick()
    console.node.host.run("ip", "link", "add", "j0", "type", "veth", "peer", "name", "j1")
    console.node.host.run("ip", "link", "set", "j1", "up")
    yield console
    console("jail -R '*'")
    kept_by(lab["a"]).unlink(missing_ok=True)


def test_jails_have_their_addresses_after_a_restart_of_the_daemon(
    a: Console, lab: Lab, tmp_path: Path, capture: Capture
) -> None:
    file = f"-f {tmp_path}/jail.conf"
    with capture, Flood(lab, 500):
        for name in ("cured", "inner"):
            made = a(f"jail {file} -c {name}")
            assert made.status == 0, made.err
        a.become_master()
        a("ifconfig -j inner j0 vhid 7 state master")
        wait_for(lambda: "carp: MASTER" in a.did("ifconfig -j inner j0"), "MASTER in the jail")
        wait_for(lambda: "tentative" not in a.did("ifconfig -j inner j0"), "no address is new")
        inner = a.did("ifconfig -j inner j0")
        a = Console(restarted(a.node, kill=True))
        a.wait_for("MASTER", timeout_s=1)
        assert a.did("ifconfig -j inner j0") == inner, a.log
        a = Console(restarted(a.node))
        a.wait_for("BACKUP")
        a.become_master()
        assert a.groups() == [(1, 3, 100)]
        assert a.did("ifconfig -j inner j0").replace("BACKUP", "MASTER") == inner
        for name in ("cured", "inner"):
            assert a(f"jail {file} -r {name}") == (0, f"{name}: removed\n", "")
        a = Console(restarted(a.node))
        assert a.node.ask("status")["vhids"] == []
    film = Film(capture, "10.77.0.100/32")
    assert len(film.claims("a")) > 100
    assert film.wrong == []


def test_address_of_a_jail_that_ended_meanwhile_goes_with_the_next_command(
    a: Console, tmp_path: Path
) -> None:
    assert a(f"jail -f {tmp_path}/jail.conf -c cured").status == 0
    record = FileRegistry(tmp_path / "jails", lambda _: None).find("cured")
    assert record is not None
    assert record.holder is not None
    a.node.daemon.kill9()
    os.kill(record.holder.pid, signal.SIGKILL)
    a = Console(start(a.node.host, ""))
    assert a.groups() == [(1, 3, 100)]
    wait_for(lambda: a("jail -R nothing").status == 1 and not a.groups(), "the address is off")
    assert not kept_by(a.node.host).exists()
