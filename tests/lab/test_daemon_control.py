"""The commands against a real daemon: shapes, exit statuses, who may change what, cost."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.life import SHARED4, SHARED6, Node, config, group, start, wait_for

from carpio.lab.topology import Lab

pytestmark = pytest.mark.lab

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
WITHOUT_NET_ADMIN = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """A MASTER and a BACKUP; tests leave them as they found them."""
    need()
    with Lab(("a", "b"), out=tmp_path_factory.mktemp("control") / "lab") as lab:
        backup = start(lab["b"], config(group(SHARED4, SHARED6, advskew=100)))
        backup.daemon.wait_for_log("INIT -> BACKUP")
        master = start(lab["a"], config(group(SHARED4, SHARED6, advskew=20)))
        master.become_master()
        master.daemon.wait_for_log("BACKUP -> MASTER")
        yield master, backup


@pytest.fixture
def node(pair: tuple[Node, Node]) -> Node:
    return pair[0]


@pytest.fixture
def peer(pair: tuple[Node, Node]) -> Node:
    return pair[1]


def test_status_as_json_has_the_shape_of_the_contract(node: Node) -> None:
    done = node.carpio("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    status = json.loads(done.stdout)
    assert list(status) == ["schema", "vhids", "demotion"]
    (vhid,) = status["vhids"]
    assert set(vhid) == {
        *("vhid", "interface", "netns", "name", "state", "since", "reason", "advbase", "advskew"),
        *("effective_advskew", "demotion", "addresses", "peer", "last_advert", "next_deadline"),
        *("counters", "rivals", "attached"),
    }
    times = [vhid.pop(key) for key in ("since", "last_advert", "next_deadline")]
    assert all(TIME.fullmatch(text) for text in times)
    counters = vhid.pop("counters")
    assert counters["opackets"] == counters["opackets6"] > 0
    assert vhid == {
        "vhid": 1,
        "interface": "eth0",
        "netns": None,
        "name": "1@eth0",
        "state": "MASTER",
        "reason": "user requested via ifconfig",
        "advbase": 1,
        "advskew": 20,
        "effective_advskew": 20,
        "demotion": 0,
        "addresses": [SHARED4, SHARED6],
        "peer": None,
        "rivals": [],
        "attached": None,
    }
    assert status["schema"] == 1
    assert status["demotion"] == {"sum": 0, "causes": []}


def test_status_for_people_is_a_table(node: Node) -> None:
    heading, line, addresses = node.carpio("status").stdout.splitlines()
    assert heading.split() == ["NAME", "STATE", "SINCE", "PEER", "SKEW", "IN", "OUT", "REASON"]
    assert line.split()[:2] == ["1@eth0", "MASTER"]
    assert addresses.split() == [SHARED4, SHARED6]


def test_demotion_adds_up_by_cause_and_is_taken_back_exactly(node: Node) -> None:
    for cause, change in (("disk", "+30"), ("maintenance", "+100"), ("disk", "+5")):
        assert node.carpio("demote", cause, change).returncode == 0
    status = json.loads(node.carpio("status", "--json").stdout)
    assert status["demotion"]["sum"] == 135
    shares = {share["cause"]: share["value"] for share in status["demotion"]["causes"]}
    assert shares == {"disk": 35, "maintenance": 100}
    assert status["vhids"][0]["effective_advskew"] == 155
    for cause in shares:
        assert node.carpio("demote", "--clear", cause).returncode == 0
    assert node.ask("status")["demotion"] == {"sum": 0, "causes": []}
    node.wait_for_state("MASTER", timeout_s=1)  # the peer does not preempt


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("state", "9@eth0", "master"), 1, "no group is called 9@eth0; known: 1@eth0"),
        (("state", "1@eth0", "init"), 64, ""),
        (("demote", "x", "lots"), 64, "is not a change"),
        (("demote",), 64, "write either CAUSE"),
        (("log-level", "9"), 1, "level"),
        (("reboot",), 64, "reboot"),
    ],
)
def test_request_that_cannot_be_carried_out_says_why(
    node: Node, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = node.carpio(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_state_asked_for_again_changes_nothing(node: Node) -> None:
    before = node.transitions()
    assert node.carpio("state", "1@eth0", "master").returncode == 0
    assert node.transitions() == before


SHORT_PACKET = """
import socket
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
wire.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.2"))
wire.sendto(bytes(7), ("224.0.0.18", 0))
"""


def test_log_level_two_tells_of_bad_packets_and_one_does_not(node: Node, peer: Node) -> None:
    line = "carp_input: received len 7 < sizeof(struct vrrpv3_header) on eth0"

    def count() -> int:
        return node.daemon.log.splitlines().count(line)

    for level, told in ((2, 1), (1, 1)):
        assert node.carpio("log-level", str(level)).returncode == 0
        peer.host.run(sys.executable, "-c", SHORT_PACKET)
        wait_for(lambda: count() >= told, "the bad packet is told of")  # noqa: B023
        time.sleep(0.3)
        assert count() == told


@pytest.mark.parametrize(
    "arguments",
    [
        ("demote", "x", "+1"),
        ("demote", "--clear", "x"),
        ("state", "1@eth0", "backup"),
        ("log-level", "2"),
        ("reload",),
    ],
)
def test_caller_without_net_admin_may_not_change(node: Node, arguments: tuple[str, ...]) -> None:
    before = (node.transitions(), node.ask("status")["demotion"])
    done = node.carpio(*arguments, through=WITHOUT_NET_ADMIN)
    assert done.returncode == 5
    assert "needs CAP_NET_ADMIN" in done.stderr
    assert (node.transitions(), node.ask("status")["demotion"]) == before


def test_caller_without_net_admin_may_look(node: Node) -> None:
    assert node.carpio("status", through=WITHOUT_NET_ADMIN).returncode == 0


def test_root_of_another_user_namespace_may_look_but_not_change(node: Node) -> None:
    through = ("unshare", "--user", "--map-root-user")
    assert node.carpio("status", through=through).returncode == 0
    assert node.carpio("demote", "x", "+1", through=through).returncode == 5


def test_daemon_that_is_not_there_is_exit_status_4(node: Node, tmp_path: Path) -> None:
    done = node.carpio("status", "--control", str(tmp_path / "none.sock"))
    assert done.returncode == 4
    assert "daemon not reachable: No such file or directory; start it" in done.stderr


def test_second_daemon_on_the_same_socket_is_refused(node: Node) -> None:
    path = node.host.directory / "carpio.toml"
    done = node.carpio("daemon", "--config", str(path))
    assert done.returncode == 1
    assert "another daemon listens on" in done.stderr
    assert node.state() == "MASTER"


def test_second_daemon_in_the_same_namespace_is_refused(node: Node, tmp_path: Path) -> None:
    path = node.host.directory / "carpio.toml"
    done = node.carpio("daemon", "--config", str(path), "--control", str(tmp_path / "s"))
    assert done.returncode != 0
    assert "another carpio daemon serves this network namespace: stop it first" in done.stderr
    assert node.state() == "MASTER"


def test_file_with_problems_is_exit_status_2_of_the_daemon(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("nonsense = 1\n")
    done = node.carpio("daemon", "--config", str(path), "--control", str(tmp_path / "s"))
    assert done.returncode == 2
    assert f"{path}:1: nonsense:" in done.stderr


@pytest.mark.alone
def test_status_costs_little_more_than_the_start_of_python(node: Node) -> None:
    """Told from what else the machine does: both come first, and in turns."""
    first = ("chrt", "--rr", "1")
    bare, whole = [], []
    for _ in range(7):
        began = time.monotonic()
        node.host.run(*first, sys.executable, "-c", "pass")
        bare.append(time.monotonic() - began)
        began = time.monotonic()
        assert node.carpio("status", through=first).returncode == 0
        whole.append(time.monotonic() - began)
    ratio = min(whole) / min(bare)
    print(f"carpio status: {min(whole) * 1000:.0f} ms, {ratio:.1f} times the start of python")
    assert ratio < 12


def test_daemon_with_one_group_is_small(node: Node) -> None:
    status = Path(f"/proc/{node.daemon.pid}/status").read_text()
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    print(f"resident: {int(resident) / 1024:.1f} MiB")
    assert int(resident) <= 35 * 1024
