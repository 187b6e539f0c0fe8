"""Debian's FRR on both hosts: it elects and moves, and the lab finds what its hosts say wrongly.

What plays a scenario runs alone, as echo replies of labs beside it may be lost: those of its hosts
that wait for a neighbour fill a buffer that all namespaces share (docs/reference/lab.md).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.lab.frr import VRRPD, FrrPeer
from carpio.lab.implementation import carpio_command
from carpio.lab.namespaces import pids_in
from carpio.lab.observe import AdvertWatch
from carpio.lab.peers import Duty, Post
from carpio.lab.process import POLL_S
from carpio.lab.result import Outcome, Result, read_result
from carpio.lab.sighting import virtual_mac, vrrp_mac_v6
from carpio.lab.topology import SHARED_ADDRESSES, Lab
from carpio.wire.constants import Family

pytestmark = [pytest.mark.lab, pytest.mark.interop]

VHID = 7
MACS = {Family.IPV4: virtual_mac(VHID), Family.IPV6: vrrp_mac_v6(VHID)}
FIRST_ADVERT_S = 10.0
"""Three intervals, and one more for IPv6, whose first advert FRR cannot send; then patience."""
AS_ORDINARY_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
"""Not root to whoever asks, but still the owner of the files of whoever runs the tests."""
OF_THE_PACKAGE = (Path("/run/frr"), Path("/etc/frr"), Path("/var/tmp/frr"))


@pytest.fixture(autouse=True, scope="module")
def _frr() -> None:
    need("ip", "tcpdump", "nft", VRRPD, "unshare")


@pytest.fixture
def watch(lab: Lab) -> Iterator[AdvertWatch]:
    ears = AdvertWatch(lab)
    yield ears
    ears.close()


def start(lab: Lab, name: str, advskew: int) -> None:
    host = lab[name]
    duty = Duty(
        vhid=VHID,
        interface=host.interface,
        own=host.addresses,
        addresses=SHARED_ADDRESSES,
        passphrase="",
        advbase=1,
        advskew=advskew,
    )
    (command,) = FrrPeer().commands(
        Post(directory=host.directory, control=host.control, duties=(duty,))
    )
    host.daemon = host.spawn(*command, log="daemon.log")


def wait_for_adverts(lab: Lab, watch: AdvertWatch, name: str) -> None:
    """Wait for adverts of both families, each from the virtual MAC of its own."""
    for family, mac in MACS.items():
        assert watch.wait_for(
            lambda host, advert, family=family, mac=mac: (
                (host, advert.family, advert.ethernet_source) == (name, family, mac)
                and not advert.is_bow_out
            ),
            FIRST_ADVERT_S,
        ), f"{family.name}: {(lab[name].directory / 'daemon.log').read_text()}"


def eventually(is_so: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_down(lab: Lab, name: str, family: int) -> bool:
    link = lab[name].run("ip", "link", "show", f"vrrp{family}-1-{VHID}").stdout
    return "protodown on" in link


def files_of_the_package() -> list[str]:
    return sorted(
        os.path.join(place, name)
        for directory in OF_THE_PACKAGE
        for place, _, names in os.walk(directory)
        for name in names
    )


def test_backup_follows_in_both_families_when_the_master_loses_power(
    lab: Lab, watch: AdvertWatch
) -> None:
    start(lab, "b", 100)
    start(lab, "a", 0)
    wait_for_adverts(lab, watch, "a")
    assert eventually(lambda: is_down(lab, "b", 4) and is_down(lab, "b", 6))
    lab["a"].crash()
    wait_for_adverts(lab, watch, "b")
    assert eventually(lambda: not is_down(lab, "b", 4) and not is_down(lab, "b", 6))


def test_master_that_is_stopped_says_goodbye_and_leaves_no_process(
    lab: Lab, watch: AdvertWatch
) -> None:
    start(lab, "a", 0)
    wait_for_adverts(lab, watch, "a")
    daemon = lab["a"].daemon
    assert daemon is not None
    daemon.terminate()
    assert watch.wait_for(lambda host, advert: host == "a" and advert.is_bow_out, 2.0)
    assert pids_in(lab["a"].namespace) == ()


def test_nothing_is_written_where_the_package_of_the_machine_has_its_files(
    lab: Lab, watch: AdvertWatch
) -> None:
    before = files_of_the_package(), Path("/etc/group").read_text()
    start(lab, "a", 0)
    wait_for_adverts(lab, watch, "a")
    for pid in pids_in(lab["a"].namespace):
        os.kill(pid, signal.SIGKILL)
    assert (files_of_the_package(), Path("/etc/group").read_text()) == before
    assert (lab["a"].directory / "zebra.pid").exists()


def play(out: Path, *arguments: str, prefix: Sequence[str] = ()) -> Result:
    command = (str(carpio_command()), "lab", "run", "crash", "--short", "--impl", "frr")
    words = (*prefix, *command, *arguments, "--out", str(out))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return read_result(out / "run-1" / "result.json")


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What came of a crash with the settings that a kernel starts with."""
    return play(tmp_path_factory.mktemp("frr") / "out")


@pytest.mark.alone
@pytest.mark.parametrize("host", ["a", "b"])
def test_with_settings_of_the_kernel_each_host_answers_with_its_own_mac(
    default: Result, host: str
) -> None:
    (nic,) = (m.cables[0].mac for m in default.topology.machines if m.name == host)
    said = sum(
        claim.count
        for claim in default.events[0].claims
        if (claim.host, claim.mac, claim.kind) == (host, nic, "ARP reply")
    )
    assert default.outcome is Outcome.WRONG
    assert said > 100


@pytest.mark.alone
def test_answers_with_the_mac_of_the_other_family_are_wrong(default: Result) -> None:
    verdicts = {
        claim.verdict
        for event in default.events
        for claim in event.claims
        if (claim.mac, claim.kind) == ("00:00:5e:00:02:01", "ARP reply")
    }
    assert verdicts == {"wrong MAC"}


@pytest.mark.alone
def test_with_hardened_settings_the_same_judge_finds_no_wrong_mac(tmp_path: Path) -> None:
    result = play(tmp_path / "out", "--sysctl", "hardened")
    assert result.count("wrong MAC") == 0
    assert result.count("right") > 0


@pytest.mark.alone
def test_ordinary_user_plays_it_too(tmp_path: Path) -> None:
    result = play(tmp_path / "out", prefix=AS_ORDINARY_USER)
    assert {role.host for role in result.roles} == {"a", "b"}
    assert result.proof.seen == result.proof.sent > 0


def test_machine_without_frr_is_told_what_to_install(tmp_path: Path) -> None:
    words = (str(carpio_command()), "lab", "run", "crash", "--short", "--impl", "frr")
    hidden = 'mount -t tmpfs none /usr/lib/frr && exec "$@"'
    done = subprocess.run(
        ("unshare", "--mount", "sh", "-c", hidden, "sh", *words, "--out", str(tmp_path / "out")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the lab needs frr; apt-get install --no-install-recommends frr" in done.stderr


@pytest.mark.alone
def test_report_shows_settings_commands_and_the_version(default: Result) -> None:
    shown = {c.name: c.text for c in default.configurations if c.machine == "a"}
    assert list(shown) == ["command", "frr.sh", "vrrpd.conf"]
    assert " vrrp 1 priority 254\n" in shown["vrrpd.conf"]
    assert default.versions["frr"].startswith("vrrpd version ")
    assert default.topology.groups[0].macs == ("00:00:5e:00:01:01", "00:00:5e:00:02:01")
    assert default.proof.seen == default.proof.sent > 0
