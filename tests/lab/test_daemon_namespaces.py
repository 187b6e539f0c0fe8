"""One daemon for several namespaces, several daemons beside each other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.helpers.life import (
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

from carpio.errors import ControlError
from carpio.lab.flood import Flood
from carpio.lab.implementation import carpio_command
from carpio.lab.observe import Capture
from carpio.lab.topology import DaemonProcess, Host, Lab


@pytest.fixture
def office(lab: Lab) -> Iterator[Host]:
    """A host for a daemon without groups of its own: the router."""
    yield lab.router
    lab.router.shut_down()


def start_with(host: Host, text: str, *options: str) -> Node:
    """Start a daemon with further options."""
    path = write_config(host, text)
    control = host.directory / "control.sock"
    host.daemon = host.spawn(
        *(str(carpio_command()), "daemon", "--config", str(path), "--control", str(control)),
        *options,
        log="daemon.log",
    )
    node = Node(host, DaemonProcess(host.daemon, control))
    wait_for(lambda: answers(node), "the daemon answers")
    return node


def test_one_daemon_holds_both_ends_of_a_group_in_two_namespaces(
    lab: Lab, capture: Capture, office: Host
) -> None:
    names = {name: lab[name].namespace for name in "ab"}
    text = config(
        group(name="first", netns=names["a"], advskew=0),
        group(name="second", netns=names["b"], advskew=100),
    )
    before = {name: footprint(lab[name]) for name in "ab"}
    with capture, Flood(lab, 100):
        node = start_with(office, text, "--netns", names["a"], "--netns", names["b"])
        node.ask("state", name="first", state="master")
        assert [node.state(name) for name in ("first", "second")] == ["MASTER", "BACKUP"]
        node.ask("state", name="first", state="backup")
        node.wait_for_state("MASTER", "second", timeout_s=2)
        assert [v["netns"] for v in node.ask("status")["vhids"]] == list(names.values())
        assert [node.state(name) for name in ("first", "second")] == ["BACKUP", "MASTER"]
        assert node.daemon.terminate() == 0
    film = Film(capture)
    assert film.adverts("a")
    assert film.adverts("b")
    assert film.wrong == []
    after = {name: footprint(lab[name]) for name in "ab"}
    for name in "ab":
        assert after[name]["links"] == before[name]["links"]
        assert after[name]["rules"] == before[name]["rules"]
        assert after[name]["firewall"] == before[name]["firewall"]
        assert after[name]["state file"] == ""


def test_single_named_namespace_is_that_of_all_groups(lab: Lab, office: Host) -> None:
    node = start_with(office, config(group()), "--netns", lab["a"].namespace)
    node.become_master()
    assert "00:00:5e:00:01:01" in lab["a"].run("ip", "-o", "link").stdout
    assert "00:00:5e:00:01:01" not in office.run("ip", "-o", "link").stdout


def test_demotion_holds_in_all_namespaces(lab: Lab, office: Host) -> None:
    node = start_with(
        office,
        config(
            *(group(name=name, netns=lab[name].namespace) for name in "ab"),
        ),
        *("--netns", lab["a"].namespace, "--netns", lab["b"].namespace),
    )
    wait_for(lambda: node.state("a") == "BACKUP", "BACKUP")
    assert node.ask("demote", cause="maintenance", delta=50) == {
        "sum": 50,
        "causes": [{"cause": "maintenance", "value": 50}],
    }
    assert [node.view(name)["effective_advskew"] for name in "ab"] == [50, 50]
    node.ask("demote.clear", cause="maintenance")
    assert node.ask("status")["demotion"] == {"sum": 0, "causes": []}


def test_leaving_daemon_does_not_touch_what_another_one_holds(lab: Lab) -> None:
    nodes = [start(lab["a"], config(group())), start(lab["b"], config(group(vhid=2)))]
    nodes[0].become_master("1@eth0")
    nodes[1].become_master("2@eth0")
    wait_for(lambda: " tentative" not in lab["b"].run("ip", "addr").stdout, "no more detection")
    before = footprint(lab["b"])
    assert nodes[0].daemon.terminate() == 0
    after = footprint(lab["b"])
    for what in ("addresses", "rules", "routes", "settings", "state file", "socket"):
        assert after[what] == before[what]
    assert before["state file"]
    assert nodes[1].state("2@eth0") == "MASTER"


def test_namespace_option_that_names_none_ends_the_daemon_with_the_remedy(lab: Lab) -> None:
    host = lab["a"]
    path = write_config(host, config(group()))
    wait_for(lambda: " tentative" not in host.run("ip", "addr").stdout, "no more detection")
    before = footprint(host)
    child = host.spawn(
        *(str(carpio_command()), "daemon", "--config", str(path), "--control"),
        *(str(host.directory / "control.sock"), "--netns", "nobody-made"),
        log="daemon.log",
    )
    assert child.wait(10) == 1
    assert child.log == (
        "carpio: opening network namespace nobody-made: No such file or directory; "
        "make it with `ip netns add nobody-made`\n"
    )
    assert footprint(host) == before


def test_groups_wait_for_their_namespace_and_wait_again_when_it_has_gone(lab: Lab) -> None:
    """What `carpio save` wrote of a jail must not keep the daemon from starting at boot."""
    name = f"{lab['a'].namespace}-late"
    node = start(lab["a"], config(group(), group(name="late", netns=name)))
    node.become_master()
    assert node.view("late")["state"] == "INIT"
    assert f"ip netns add {name}" in node.view("late")["reason"]
    with pytest.raises(ControlError, match="ip netns add"):
        node.ask("state", name="late", state="master")
    for _time in range(2):
        subprocess.run(("ip", "netns", "add", name), check=True)
        try:
            run_in(name, "ip link add eth0 type veth peer name eth1")
            run_in(name, "ip link set eth0 up && ip link set eth1 up")
            node.wait_for_state("BACKUP", "late", timeout_s=6)
        finally:
            subprocess.run(("ip", "netns", "del", name), check=True)
        wait_for(lambda: node.state("late") == "INIT", "the namespace is missed", 6)
        node.daemon.wait_for_log(f"network namespace {name} is gone")
    assert node.state() == "MASTER"
    assert node.daemon.terminate() == 0


def run_in(netns: str, line: str) -> None:
    subprocess.run(("ip", "netns", "exec", netns, "sh", "-c", line), check=True)
