"""The jails of bug 191832 with a real daemon and real containers, judged at the switch."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.life import Film, start, wait_for

from carpio.lab.court import Verdict
from carpio.lab.flood import Flood
from carpio.lab.implementation import carpio_command
from carpio.lab.observe import Capture
from carpio.lab.topology import Lab

SECRET = "Zq7XwGeheim"
FILE = """
persist; interface = "eth0"; path = "{root}";
test01 {{
    host.hostname = "test01a";
    ip4.addr = "10.77.0.50";
    ip4.addr += "10.77.0.100";
    ip4.addr += "10.77.0.101";
    exec.prestart += "/sbin/ifconfig eth0 vhid 1 pass Zq7XwGeheim alias 10.77.0.100/32";
    exec.prestart += "/sbin/ifconfig eth0 vhid 2 pass Zq7XwGeheim alias 10.77.0.101/32";
}}
cured {{ ip4.addr = "eth0|10.77.0.100/32 vhid 1 pass Zq7XwGeheim advskew 100"; }}
"""
CREATED = """\
test01: 10.77.0.100: attached to vhid 1@eth0
test01: 10.77.0.101: attached to vhid 2@eth0
test01: created
"""
HELD_BACK = """\
jail: test01: 10.77.0.100: held back until exec.prestart is done
jail: test01: 10.77.0.101: held back until exec.prestart is done
"""


@pytest.fixture
def a(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Host a with an empty daemon, no jails, and the file of the report."""
    monkeypatch.setenv("CARPIO_JAIL_STATE", str(tmp_path / "jails"))
    for name in ("proc", "dev", "sys", "tmp", "etc"):
        (tmp_path / "root" / name).mkdir(parents=True)
    (tmp_path / "jail.conf").write_text(FILE.format(root=tmp_path / "root"))
    console = Console(start(lab["a"], "")).make_quick()
    yield console
    console("jail -R '*'")


@contextmanager
def watched(*secrets: str) -> Iterator[set[str]]:
    """Look at the words of all processes as fast as possible; yield those that have a secret."""
    found: set[str] = set()
    is_over = threading.Event()
    own = str(threading.get_native_id())

    def look() -> None:
        while not is_over.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = process.read_text(errors="replace")
                except OSError:
                    continue
                if process.parent.name != own and any(secret in words for secret in secrets):
                    found.add(words.replace("\0", " "))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def wrong(capture: Capture) -> int:
    """Return how often somebody spoke for the address with a wrong MAC."""
    film = Film(capture, "10.77.0.100/32")
    return sum(one.verdict is not Verdict.RIGHT for one in film.all_claims)


def test_the_file_of_the_report_never_speaks_with_the_wrong_mac(
    a: Console, capture: Capture, flood: Callable[[int], Flood], tmp_path: Path
) -> None:
    file = f"-f {tmp_path}/jail.conf"
    with capture, flood(2000), watched(SECRET) as seen:
        assert a(f"jail {file} -c test01") == (0, CREATED, HELD_BACK)
        assert a.inet()[1:] == [
            "10.77.0.50/32",
            "10.77.0.100/32 vhid 1",
            "10.77.0.101/32 vhid 2",
        ]
        a.wait_for("MASTER")
        time.sleep(0.5)  # answers that would be wrong need time to be heard
        assert a(f"jail {file} -r test01") == (0, "test01: removed\n", "")
    assert a.inet() == ["10.77.0.1/24"]
    assert a.groups() == []
    assert wrong(capture) == 0
    assert len(Film(capture, "10.77.0.100/32").all_claims) > 100
    assert seen == set()


def test_freebsd_s_order_would_be_seen(
    a: Console, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    with capture, flood(2000):
        a.did("ifconfig eth0 inet 10.77.0.100 netmask 255.255.255.255 alias")
        a.did("ifconfig eth0 vhid 1 pass x alias 10.77.0.100/32")
    assert wrong(capture) > 0


def test_a_passphrase_in_a_process_would_be_seen(a: Console) -> None:
    with watched(SECRET) as seen:
        a.shell(f": {SECRET}; sleep 0.5")
    assert seen


def test_the_cure_makes_address_and_vhid_in_one(
    a: Console, capture: Capture, flood: Callable[[int], Flood], tmp_path: Path
) -> None:
    file = f"-f {tmp_path}/jail.conf"
    with capture, flood(2000), watched(SECRET) as seen:
        assert a(f"jail {file} -c cured") == (0, "cured: created\n", "")
        assert a.groups() == [(1, 1, 100)]
        a.wait_for("MASTER")
        assert a(f"jail {file} -r cured") == (0, "cured: removed\n", "")
    assert a.groups() == []
    assert wrong(capture) == 0
    assert seen == set()


def test_a_failed_prestart_leaves_nothing(a: Console, tmp_path: Path) -> None:
    file = tmp_path / "jail.conf"
    text = file.read_text().replace("eth0 vhid 2", "nope vhid 2")
    file.write_text(text)
    said = a(f"jail -f {file} -c test01")
    assert said.status == 1
    assert said.err == HELD_BACK + (
        "jail: test01: ifconfig: interface nope does not exist\n"
        "jail: test01: /sbin/ifconfig nope vhid 2 pass *** alias 10.77.0.101/32: failed\n"
    )
    assert a.inet() == ["10.77.0.1/24"]
    assert a.groups() == []
    assert not list((tmp_path / "jails").glob("*.json"))


def test_a_killed_command_is_cleaned_up_after(a: Console, tmp_path: Path) -> None:
    file = tmp_path / "jail.conf"
    waiting = tmp_path / "waiting"
    wait = f"echo $$ > {waiting}.new; mv {waiting}.new {waiting}; exec sleep 60"
    second = 'exec.prestart += "/sbin/ifconfig eth0 vhid 2'
    text = file.read_text().replace(second, f"exec.prestart += '{wait}', \"x")
    file.write_text(text)
    control = f"CARPIO_CONTROL={a.node.daemon.control}"
    words = ("env", control, str(carpio_command()), "jail", "-f", str(file), "-c", "test01")
    call = a.node.host.spawn(*words, log="jail.log")
    wait_for(waiting.exists, "exec.prestart runs", 20)
    call.kill9()
    os.kill(int(waiting.read_text()), signal.SIGKILL)  # what it started goes on without it
    assert a.groups() == [(1, 1, 0)]
    assert a("jail -r none").status == 1
    assert a.groups() == []
    assert a.inet() == ["10.77.0.1/24"]
    assert not list((tmp_path / "jails").glob("*.json"))


def test_a_vnet_jail_has_its_own_group_without_showing_the_passphrase(
    a: Console, tmp_path: Path
) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0a up")
    file = tmp_path / "vnet.conf"
    file.write_text(
        f"""own {{
            persist; vnet; vnet.interface = "epair0b"; path = "{tmp_path}/root";
            exec.poststart = "ifconfig -j $name epair0b vhid 3 pass {SECRET} alias 10.0.0.3/24";
        }}"""
    )
    with watched(SECRET) as seen:
        assert a(f"jail -f {file} -c own") == (0, "own: created\n", "")
    assert seen == set()
    assert "epair0b" not in a.links()
    shown = a.did("ifconfig -j own epair0b")
    assert "inet 10.0.0.3 netmask 0xffffff00 broadcast 10.0.0.255 vhid 3" in shown
    assert a.groups() == []
    assert a(f"jail -f {file} -r own") == (0, "own: removed\n", "")
    assert "epair0b" in a.links()


def test_a_jail_that_ends_by_itself_gives_its_address_up_at_once(
    a: Console, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "usr").mkdir()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    file = tmp_path / "ends.conf"
    file.write_text(
        f"""ends {{
            path = "{root}"; mount = "/usr {root}/usr nullfs ro";
            exec.start = "sleep 1000 &"; exec.consolelog = "{tmp_path}/log";
            ip4.addr = "eth0|10.77.0.100/32 vhid 1 pass {SECRET}";
        }}"""
    )
    assert a(f"jail -f {file} -c ends") == (0, "ends: created\n", "")
    assert a.groups() == [(1, 1, 0)]
    assert a.node.carpio("jexec", "ends", "/bin/sh", "-c", "kill -9 -1").returncode == 0
    wait_for(lambda: a.groups() == [], "the group is gone", 20)
    assert a.inet() == ["10.77.0.1/24"]
    wait_for(lambda: not list((tmp_path / "jails").glob("*.json")), "it is forgotten")


def test_lines_for_the_shell_and_other_programs_reach_our_commands(
    a: Console, tmp_path: Path
) -> None:
    script = tmp_path / "attach"
    script.write_text("#!/bin/sh\nifconfig eth0 vhid 2 pass x alias 10.77.0.101/32\n")
    script.chmod(0o755)
    file = tmp_path / "shell.conf"
    file.write_text(
        f"""www {{
            persist; path = "{tmp_path}/root"; ip4.addr = eth0|10.77.0.100, eth0|10.77.0.101;
            exec.prestart = "/sbin/ifconfig eth0 vhid 1 pass x alias 10.77.0.100/32; true";
            exec.prestart += "{script}", "/sbin/sysctl -n net.inet.carp.preempt";
        }}"""
    )
    said = a(f"jail -f {file} -c www")
    assert said.status == 0
    assert said.out == (
        "0\nwww: 10.77.0.100: attached to vhid 1@eth0\n"
        "www: 10.77.0.101: attached to vhid 2@eth0\nwww: created\n"
    )
    assert "exec.prestart: the passphrase is in the list of processes" in said.err
    assert a.inet()[1:] == ["10.77.0.100/32 vhid 1", "10.77.0.101/32 vhid 2"]
    assert a(f"jail -f {file} -r www") == (0, "www: removed\n", "")
    assert a.groups() == []
