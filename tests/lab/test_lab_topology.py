from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.life import wait_for
from tests.helpers.one_wire import tally_of

from carpio.errors import CarpioError, PlatformError
from carpio.lab.court import Verdict
from carpio.lab.flood import Flood
from carpio.lab.gaps import gap_between
from carpio.lab.implementation import Group, Naive, Ucarp
from carpio.lab.namespaces import NAMESPACE_DIRECTORY, add_namespace, remove_leftovers
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.pcap import merge_to_pcapng, read_pcap
from carpio.lab.probe import Probe
from carpio.lab.process import Child
from carpio.lab.topology import SHARED_ADDRESSES, Lab

HOST_A = ("10.77.0.1", "2001:db8:77::1")
GROUP = Group(addresses=SHARED_ADDRESSES)


def namespaces(prefix: str) -> list[str]:
    if not NAMESPACE_DIRECTORY.exists():
        return []
    return [e.name for e in NAMESPACE_DIRECTORY.iterdir() if e.name.startswith(prefix)]


def ended_process() -> int:
    child = subprocess.Popen(("true",))
    child.wait()
    return child.pid


@pytest.mark.lab
def test_lab_leaves_no_namespace_and_no_process_when_its_block_fails() -> None:
    need()
    lab = Lab(("a",))
    sleepers: list[Child] = []

    def fail() -> None:
        with lab:
            sleepers.append(lab["a"].spawn("sleep", "60", log="sleep.log"))
            assert namespaces(lab.prefix)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert namespaces(lab.prefix) == []
    assert [sleeper.is_running for sleeper in sleepers] == [False]
    assert not lab.directory.exists()


@pytest.mark.lab
def test_leftovers_of_a_killed_lab_are_removed_with_their_processes() -> None:
    need()
    name = f"cl-{ended_process()}-0-a"
    add_namespace(name)
    sleeper = subprocess.Popen(("ip", "netns", "exec", name, "sleep", "60"))
    comm = Path(f"/proc/{sleeper.pid}/comm")
    try:
        wait_for(lambda: comm.read_text() == "sleep\n", "ip has entered, and become sleep")
        assert name in remove_leftovers()
        assert sleeper.wait(5) != 0
    finally:
        sleeper.kill()
        sleeper.wait()
    assert namespaces(name) == []


def test_namespaces_of_a_running_lab_are_no_leftovers(lab: Lab) -> None:
    assert not set(remove_leftovers()) & set(namespaces(lab.prefix))
    assert namespaces(lab.prefix)


def test_pulled_cable_stops_service_and_plugging_brings_it_back(lab: Lab) -> None:
    with Probe(lab, HOST_A) as probe:
        time.sleep(0.3)
        start_ns = time.time_ns()
        lab["a"].pull_cable()
        time.sleep(0.3)
        lab["a"].plug_cable()
        time.sleep(0.5)
    for record in probe.records.values():
        gap = gap_between(record, start_ns, record.sent[-1] + 1)
        assert gap.gap_ns > 250_000_000
        assert gap_between(record, 0, start_ns).lost <= 2  # the first wait for resolution


def test_boot_keeps_the_nic_and_nothing_else(lab: Lab) -> None:
    host = lab["a"]
    mac = host.mac
    host.run("ip", "addr", "add", "10.77.0.50/24", "dev", "eth0")
    host.run("ip", "link", "add", "link", "eth0", "name", "child", "type", "macvlan")
    host.crash()
    host.boot()
    shown = host.run("ip", "addr").stdout
    assert host.mac == mac
    assert "10.77.0.50" not in shown
    assert "child" not in shown
    assert "10.77.0.1/24" in shown


def test_failed_command_says_where_and_why(lab: Lab) -> None:
    with pytest.raises(PlatformError, match=r"on a ended with status 1: .*No such file"):
        lab["a"].run("cat", "/nonexistent")


def test_child_that_ends_too_early_is_told_with_its_last_words(lab: Lab) -> None:
    child = lab["a"].spawn("sh", "-c", "echo goodbye; exit 3", log="child.log")
    with pytest.raises(PlatformError, match=r"(?s)status 3.*goodbye"):
        child.wait_for_log("never said", timeout_s=5)


def test_naive_host_is_caught_under_flood_and_no_frame_is_lost(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], tmp_path: Path
) -> None:
    lab["a"].start(Naive(), GROUP).wait_for_log("holding")
    with capture, flood(500) as requests:
        time.sleep(1.0)
    tally = tally_of(capture.files, GROUP)
    assert requests.sent > 500
    assert tally.count(Verdict.WRONG_MAC) > 100
    assert tally.count(Verdict.RIGHT) == 0
    assert capture.dropped == 0


def test_naive_host_that_is_told_to_leave_becomes_nothing_else(lab: Lab) -> None:
    command = (sys.executable, "-m", "carpio.lab.naive", "--delay", "60", "eth0=10.77.0.50/24")
    child = lab["a"].spawn(*command, "--", "sleep", "60", log="naive.log")
    child.wait_for_log("holding")
    assert child.terminate(5.0) == 0
    assert "10.77.0.50" not in lab["a"].run("ip", "addr").stdout


def test_merged_capture_holds_every_frame_and_tcpdump_reads_it(
    lab: Lab, capture: Capture, tmp_path: Path
) -> None:
    with capture, Probe(lab, HOST_A):
        time.sleep(0.3)
    merged = tmp_path / "merged.pcapng"
    count = merge_to_pcapng(capture.files, merged)
    assert count == sum(port.captured for port in capture.ports.values()) > 0
    shown = subprocess.run(
        ("tcpdump", "-n", "-tt", "-r", str(merged)), capture_output=True, text=True, check=True
    )
    lines = [line for line in shown.stdout.splitlines() if not line.startswith("\t")]  # no dumps
    times = [line.split()[0] for line in lines]
    assert len(times) == count
    assert times == sorted(times)
    written = merged.read_bytes()
    for name in capture.files:  # as Wireshark shows them: option 2 of an interface is its name
        option = struct.pack("=HH", 2, len(name)) + name.encode()
        assert written.count(option) == 1, name


def test_file_that_is_no_capture_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(b"nothing of the kind, but long enough")
    with pytest.raises(CarpioError, match=r"x\.pcap"):
        list(read_pcap(path))


@pytest.mark.interop
def test_watch_sees_ucarp_become_master_and_the_judge_its_wrong_mac(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    need("ip", "tcpdump", "ucarp")
    group = Group(addresses=SHARED_ADDRESSES[:1])
    watch = AdvertWatch(lab)
    try:
        with capture, flood(50):
            lab["b"].start(Ucarp(), group, advskew=1)
            assert watch.wait_for(lambda host, advert: host == "b" and advert.advskew == 1, 10)
            time.sleep(0.3)
    finally:
        watch.close()
    tally = tally_of(capture.files, group)
    assert {host for host, _ in tally.speakers()} == {"b"}
    assert tally.count(Verdict.WRONG_MAC) > 0
