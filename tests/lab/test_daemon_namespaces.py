"""One daemon for several namespaces, several daemons beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.helpers.life import Film, Node, config, footprint, group, start, wait_for, write_config

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
    wait_for(control.exists, "the daemon listens")
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
        node.ask("state", name="second", state="master")
        node.wait_for_state("MASTER", "second", timeout_s=2)
        node.ask("state", name="first", state="backup")
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
    before = footprint(lab["b"])
    assert nodes[0].daemon.terminate() == 0
    after = footprint(lab["b"])
    for what in ("addresses", "rules", "routes", "settings", "state file", "socket"):
        assert after[what] == before[what]
    assert before["state file"]
    assert nodes[1].state("2@eth0") == "MASTER"


@pytest.mark.parametrize("where", ["option", "group"])
def test_namespace_that_does_not_exist_ends_the_daemon_with_the_remedy(
    lab: Lab, where: str
) -> None:
    host = lab["a"]
    text = config(group(netns="nobody-made")) if where == "group" else config(group())
    options = ("--netns", "nobody-made") if where == "option" else ()
    path = write_config(host, text)
    before = footprint(host)
    child = host.spawn(
        *(str(carpio_command()), "daemon", "--config", str(path), "--control"),
        *(str(host.directory / "control.sock"), *options),
        log="daemon.log",
    )
    assert child.wait(10) == 1
    assert child.log == (
        "carpio: opening network namespace nobody-made: No such file or directory; "
        "make it with `ip netns add nobody-made`\n"
    )
    assert footprint(host) == before
