"""Callers in other namespaces, what is kept of them, and many callers at once."""

from __future__ import annotations

import errno
import itertools
import resource
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.helpers.configuring import (
    Place,
    descriptors_of,
    namespace_of,
    on,
    place_of,
    shared,
    tenant,
)
from tests.helpers.daemon_lab import QUICK
from tests.helpers.lab import need
from tests.helpers.life import (
    SHARED4,
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

from carpio.control.client import Refused
from carpio.control.messages import ErrorCode, encode_request, parse_reply
from carpio.control.network import (
    ChangeSettings,
    ConfigurationRequest,
    Configure,
    Create,
    DeleteAddress,
    MoveTo,
    NetworkRequest,
    SetLink,
    SettingsRequest,
    SetVhid,
    TakeFrom,
)
from carpio.errors import ControlError
from carpio.lab.implementation import carpio_command
from carpio.lab.namespaces import ip
from carpio.lab.observe import Capture
from carpio.lab.topology import DaemonProcess, Lab
from carpio.wire.auth import Key

PASSPHRASE = "carpio life"
VIP = "10.77.0.100"
MASTER = SetVhid(1, passphrase=PASSPHRASE, state="master")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two hosts whose own addresses need no duplicate address detection."""
    need()
    with Lab(sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
def node(lab: Lab) -> Iterator[Node]:
    """A daemon with an empty file on the router, a host without groups."""
    yield start(lab.router, "")
    lab.router.shut_down()


@pytest.fixture
def places(lab: Lab, node: Node) -> Iterator[dict[str, Place]]:
    """Callers on the hosts a and b and on the daemon's own."""
    with (
        place_of(lab["a"].namespace, node) as a,
        place_of(lab["b"].namespace, node) as b,
        place_of(lab.router.namespace, node) as own,
    ):
        yield {"a": a, "b": b, "own": own}


# -- in another namespace ----------------------------------------------------------------------


def test_caller_acts_in_his_own_namespace_which_is_left_with_its_last_group(
    lab: Lab, node: Node, places: dict[str, Place], capture: Capture
) -> None:
    host = lab["a"]
    before, own = footprint(host), footprint(lab.router)
    open_before = descriptors_of(node)
    with capture:
        for _ in range(2):
            places["a"].configure(on("eth0", MASTER, shared()))
            view = node.view()
            assert (view["state"], view["netns"]) == ("MASTER", host.namespace)
            assert [one.vhid for one in places["a"].groups()] == [1]
            assert places["b"].groups() == places["own"].groups() == []
            assert footprint(lab.router) == own
            places["a"].configure(on("eth0", DeleteAddress(VIP)))
            assert footprint(host) == before
            assert descriptors_of(node) == open_before
    assert node.ask("status")["vhids"] == []
    film = Film(capture)
    assert len(film.bow_outs("a")) == 2
    assert film.wrong == []


def test_request_that_makes_no_group_leaves_nothing_of_the_daemon(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    before = footprint(lab["a"])
    open_before = descriptors_of(node)
    places["a"].configure(on("eth0", SetLink(mtu=1400)), on("eth0", SetLink(mtu=1500)))
    places["a"].change(stats=0)
    with pytest.raises(Refused):
        places["a"].configure(on("eth0", SetVhid(1), SetLink(mtu=40)))
    places["a"].look("eth0")
    places["a"].settings()
    assert footprint(lab["a"]) == before
    assert descriptors_of(node) == open_before


def test_role_is_passed_on_when_the_namespace_goes(
    lab: Lab, node: Node, places: dict[str, Place], capture: Capture
) -> None:
    """Only the daemon's own sockets, and the test's, keep it alive then."""
    open_before = descriptors_of(node)
    with capture:
        heir = start(lab["a"], config(group(SHARED4, advskew=100)))
        heir.wait_for_state("BACKUP")
        places["b"].configure(on("eth0", MASTER, shared()))
        ip("netns", "del", lab["b"].namespace)
        heir.wait_for_state("MASTER", timeout_s=2.9)
    assert node.ask("status")["vhids"] == []
    assert descriptors_of(node) == open_before
    film = Film(capture)
    assert len(film.bow_outs("b")) == 1
    assert film.adverts("a")
    assert film.wrong == []


def test_namespace_without_a_name_is_served_until_nobody_lives_there(lab: Lab, node: Node) -> None:
    open_before = descriptors_of(node)
    heir = start(lab["a"], config(group(SHARED4, advskew=100)))
    heir.wait_for_state("BACKUP")
    with tenant(lab) as process, namespace_of(process.pid) as namespace:
        there = Place(namespace, node.daemon.control)
        there.configure(on("eth0", shared("10.77.0.7/24", vhid=None), MASTER, shared()))
        wait_for(lambda: there.groups()[0].state == "MASTER", "MASTER")
        link = f"net:[{Path(f'/proc/{process.pid}/ns/net').stat().st_ino}]"
        assert node.view()["netns"] == link
        (known,) = node.ask("configuration")["groups"]
        assert (known["netns"], known["is_lasting"]) == (link, False)
        assert not node.ask("configuration")["has_unsaved"], "no file could say it"
        wait_for(lambda: heir.view()["rivals"] != [], "the heir hears it")
        node.ask("reload")
        assert there.groups()[0].state == "MASTER"
    heir.wait_for_state("MASTER", timeout_s=2.9)
    assert node.ask("status")["vhids"] == []
    assert descriptors_of(node) == open_before


def test_new_namespace_of_the_same_name_has_nothing_of_the_old_one(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    """Also when it is made before the daemon noticed that the old one is gone."""
    name = lab["b"].namespace
    open_before = descriptors_of(node)
    places["b"].configure(on("eth0", MASTER, shared()))
    places["b"].change(preempt=1)
    ip("netns", "del", name)
    ip("netns", "add", name)
    with place_of(name, node) as again:
        again.configure(on("epair0", Create("epair")))
        assert again.settings().preempt == 0
        again.configure(on("epair0a", SetVhid(1), shared("10.78.0.9/24")))
        assert [one["interface"] for one in node.ask("status")["vhids"]] == ["epair0a"]
        assert again.namespace.call(lambda: Path("/sys").exists())
        again.configure(on("epair0a", DeleteAddress("10.78.0.9")))
    assert descriptors_of(node) == open_before


def test_interface_moves_between_namespaces_and_carries_a_group_at_once(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    """As a jail gets its interface: made on the host, moved, configured inside, taken back."""
    name = lab["b"].namespace
    made = places["own"].configure(
        on("epair0", Create("epair"), SetLink(up=True)), on("epair0b", MoveTo(name))
    )
    assert made == ["epair0a", "epair0b"]
    places["b"].configure(on("epair0b", MASTER, shared("10.79.0.9/24")))
    wait_for(lambda: places["b"].groups("epair0b")[0].state == "MASTER", "MASTER")
    with pytest.raises(Refused) as caught:
        places["b"].configure(on("epair0b", MoveTo(lab["a"].namespace)))
    assert caught.value.errno == errno.EBUSY
    places["own"].configure(on("epair0b", TakeFrom(name)))
    assert places["own"].look("epair0b").kind == "veth"
    wait_for(lambda: node.view("1@epair0b")["state"] == "INIT", "INIT without its interface")
    places["b"].configure(on("epair0b", DeleteAddress("10.79.0.9")))
    assert "carpio" not in lab["b"].run("nft", "list", "tables").stdout


def test_jail_that_is_none_is_not_found_and_the_daemon_lives(
    node: Node, places: dict[str, Place]
) -> None:
    for name in ("nobody", "..", "a/b", "a\0b", "x" * 64):
        for step in (MoveTo(name), TakeFrom(name)):
            with pytest.raises(Refused, match="not found") as caught:
                places["own"].configure(on("eth0", step))
            assert caught.value.errno == errno.ESRCH
    assert node.daemon.child.is_running


# -- settings ------------------------------------------------------------------------------


def test_settings_and_demotion_hold_in_one_namespace_only(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    for name in "ab":
        places[name].configure(
            on("eth0", SetVhid(1, advskew=10), shared(f"10.77.0.10{name == 'a':d}/24"))
        )
    (changed,) = places["a"].change(preempt=1)
    assert (changed.old, changed.new) == (0, 1)
    assert [places[name].settings().preempt for name in ("a", "b", "own")] == [1, 0, 0]
    (changed,) = places["b"].change(demotion=50)
    assert (changed.old, changed.new) == (0, 50)
    (changed,) = places["b"].change(demotion=-20)
    assert (changed.old, changed.new) == (50, 30)
    assert [places[name].settings().demotion for name in ("a", "b", "own")] == [0, 30, 0]
    skews = {view["netns"]: view["effective_advskew"] for view in node.ask("status")["vhids"]}
    assert skews == {lab["a"].namespace: 10, lab["b"].namespace: 40}
    assert [one.advskew for one in places["b"].groups()] == [10], "shown as configured"


def test_setting_of_the_daemons_own_namespace_changes_no_other(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    places["a"].configure(on("eth0", SetVhid(1), shared()))
    places["own"].change(preempt=1, ifdown_demotion_factor=7)
    assert places["own"].settings().preempt == 1
    told = places["a"].settings()
    assert (told.preempt, told.ifdown_demotion_factor) == (0, 240)
    keep = node.ask("configuration")
    assert (keep["settings"]["preempt"], keep["settings"]["ifdown_demotion_factor"]) == (1, 7)
    assert keep["netns_settings"] == {
        lab["a"].namespace: {"preempt": 0, "ifdown_demotion_factor": 240}
    }


def test_illegal_setting_changes_none(node: Node, places: dict[str, Place]) -> None:
    for bad in ({"dscp": 64}, {"log": -1}, {"stats": 1}, {"demotion": 70_000}):
        with pytest.raises(Refused, match="not a legal value") as caught:
            places["own"].change(preempt=1, **bad)
        assert (caught.value.errno, caught.value.step) == (errno.EINVAL, 1)
    assert places["own"].settings().preempt == 0


def test_settings_of_the_file_are_told_in_a_namespace_that_has_no_group(
    lab: Lab, places: dict[str, Place], node: Node
) -> None:
    name = lab["b"].namespace
    node.reload(f'[[netns]]\nname = "{name}"\npreempt = true\n')
    assert [places[one].settings().preempt for one in ("a", "b", "own")] == [0, 1, 0]


# -- keeping -------------------------------------------------------------------------------


def test_reload_is_refused_while_something_is_unsaved_and_done_when_it_may_be_lost(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    before = footprint(lab["a"])
    open_before = descriptors_of(node)
    places["a"].configure(on("eth0", MASTER, shared()))
    assert node.ask("configuration")["has_unsaved"]
    with pytest.raises(ControlError, match=r"carpio save.*carpio reload --discard"):
        node.ask("reload")
    assert places["a"].groups()[0].state == "MASTER"
    node.ask("reload", discard=True)
    assert node.ask("status")["vhids"] == []
    assert not node.ask("configuration")["has_unsaved"]
    assert footprint(lab["a"]) == before
    assert descriptors_of(node) == open_before


def test_reload_is_done_when_the_file_says_what_runs(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    places["own"].configure(on("eth0", SetVhid(1, advskew=7, passphrase=PASSPHRASE), shared()))
    node.daemon.wait_for_log("INIT -> BACKUP")
    node.reload(config(group(SHARED4, advskew=7, passphrase=PASSPHRASE)))
    node.daemon.wait_for_log("configuration read again: 1 groups")
    assert len(node.transitions()) == 1
    assert not node.ask("configuration")["has_unsaved"]


def test_configuration_tells_everything_that_runs_and_what_was_taken_away(
    lab: Lab, node: Node, places: dict[str, Place]
) -> None:
    text = config(group("10.77.0.105/24", vhid=5, name="five"), log=2)
    node.reload(text)
    places["own"].configure(on("eth0", DeleteAddress("10.77.0.105")))
    places["a"].configure(on("eth0", SetVhid(1, advskew=7, passphrase="hush"), shared()))
    places["a"].change(preempt=1)
    file = str(lab.router.directory / "carpio.toml")
    told = node.ask("configuration")
    (digest,) = told.pop("digests")
    assert digest
    assert told == {
        "file": file,
        "files": [file],
        "has_unsaved": True,
        "settings": {
            "preempt": 0,
            "allow": 1,
            "dscp": 56,
            "log": 2,
            "ifdown_demotion_factor": 240,
            "senderr_demotion_factor": 240,
        },
        "netns_settings": {lab["a"].namespace: {"preempt": 1}},
        "groups": [
            {
                "id": 1,
                "interface": "eth0",
                "netns": lab["a"].namespace,
                "name": "1@eth0",
                "key": Key.from_passphrase("hush").raw.hex(),
                "advbase": 1,
                "advskew": 7,
                "addresses": [SHARED4],
                "preempt": None,
                "attach": None,
                "is_lasting": True,
            }
        ],
        "removed": [{"id": 5, "interface": "eth0", "netns": None}],
    }
    assert "hush" not in node.daemon.log
    assert "hush" not in str(node.ask("status"))


# -- many callers, and those who may not -------------------------------------------------------


def test_two_hundred_callers_at_once_lose_nothing(
    lab: Lab, node: Node, places: dict[str, Place], capture: Capture
) -> None:
    here = places["a"]
    addresses = [f"10.77.1.{number}/32" for number in range(1, 201)]
    with capture:
        here.configure(on("eth0", MASTER, shared()))

        def add(address: str) -> list[str]:
            return here.configure(on("eth0", shared(address)), timeout_s=60)

        with ThreadPoolExecutor(len(addresses)) as pool:
            assert list(pool.map(add, addresses)) == [["eth0"]] * len(addresses)
    assert sorted(node.view()["addresses"]) == sorted([SHARED4, *addresses])
    shown = lab["a"].run("ip", "-o", "addr").stdout
    assert [one for one in addresses if f" {one} " not in shown] == []
    assert len(node.transitions()) == 2, node.transitions()
    times = [heard.time_ns for heard in Film(capture).adverts("a")]
    assert max(b - a for a, b in itertools.pairwise(times)) < 1_500_000_000


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c")
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    answers = connection.makefile()
    for request in sys.argv[2:]:
        connection.sendall(request.encode() + b"\\n")
        print(answers.readline(), end="")
"""


@pytest.fixture
def public(lab: Lab) -> Iterator[Node]:
    """A daemon on host a whose socket everybody can reach, unlike those of pytest."""
    host = lab["a"]
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        control = Path(name) / "control.sock"
        command = (str(carpio_command()), "daemon", "--config", str(write_config(host, "")))
        host.daemon = host.spawn(*command, "--control", str(control), log="daemon.log")
        node = Node(host, DaemonProcess(host.daemon, control))
        wait_for(lambda: answers(node), "the daemon answers")
        yield node
        host.shut_down()


def test_unprivileged_caller_may_look_without_keys_and_change_nothing(public: Node) -> None:
    with place_of(public.host.namespace, public) as here:
        here.configure(on("eth0", SetVhid(1, passphrase="hush"), shared()))
        assert here.groups()[0].key is None, "who does not ask is not told"
        (told,) = here.look("eth0", keys=True).groups
        assert told.key == Key.from_passphrase("hush").raw.hex()
        requests = (
            NetworkRequest(keys=True),
            SettingsRequest(),
            Configure(lines=[on("eth0", DeleteAddress(VIP))]),
            ChangeSettings(changes=[]),
            ConfigurationRequest(),
        )
        lines = [encode_request(one, 1).decode().strip() for one in requests]
        said = public.host.run(*NOBODY, ASK, str(public.daemon.control), *lines).stdout
        network, settings, *refusals = (parse_reply(line.encode()) for line in said.splitlines())
        assert b'"vhid":1' in bytes(network.result)
        assert told.key.encode() not in bytes(network.result)
        assert b'"preempt":0' in bytes(settings.result)
        assert [one.error and one.error.code for one in refusals] == [ErrorCode.NOT_PERMITTED] * 3
        assert [one.vhid for one in here.groups()] == [1]


def test_daemon_without_descriptors_refuses_and_lives(node: Node, places: dict[str, Place]) -> None:
    open_before = descriptors_of(node)
    _, hard = resource.prlimit(node.daemon.pid, resource.RLIMIT_NOFILE)
    for spare in itertools.count(1):
        resource.prlimit(node.daemon.pid, resource.RLIMIT_NOFILE, (open_before + spare, hard))
        try:
            places["a"].configure(on("eth0", SetVhid(1), shared()))
        except ControlError:
            assert node.daemon.child.is_running, node.daemon.log
        else:
            break
    assert spare > 5
    assert places["a"].groups()[0].state == "BACKUP"
    resource.prlimit(node.daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
    places["a"].configure(on("eth0", DeleteAddress(VIP)))
    assert descriptors_of(node) == open_before
