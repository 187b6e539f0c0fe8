"""`jail` killed with kill -9 at many moments, with a real daemon and real containers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.jail_lab import orphans_naming
from tests.helpers.life import start, wait_for

from carpio.lab.implementation import carpio_command
from carpio.lab.topology import Lab

FILE = """
www {{
    path = "{root}"; persist; mount.devfs; host.hostname = "www"; interface = "eth0";
    ip4.addr = "10.77.0.100/32 vhid 1 pass x", "10.77.0.50", "10.77.0.101";
    ip6.addr = "2001:db8:77::50/64";
    exec.prestart = "ifconfig eth0 vhid 2 pass x alias 10.77.0.101/32", "true";
}}
"""
MOMENTS = 5


@pytest.fixture
def a(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Host a with an empty daemon and a file with one jail."""
    monkeypatch.setenv("CARPIO_JAIL_STATE", str(tmp_path / "jails"))
    for name in ("proc", "dev", "sys", "tmp", "etc"):
        (tmp_path / "root" / name).mkdir(parents=True)
    (tmp_path / "jail.conf").write_text(FILE.format(root=tmp_path / "root"))
    console = Console(start(lab["a"], "")).make_quick()
    yield console
    console("jail -R '*'")


def killed(a: Console, tmp_path: Path, after_s: float, *words: str) -> bool:
    """Kill a call of jail after a time; return whether it had not ended by itself.

    Waits for the tools that it had started.
    """
    control = f"CARPIO_CONTROL={a.node.daemon.control}"
    call = a.node.host.spawn("env", control, str(carpio_command()), "jail", *words, log="jail.log")
    deadline = time.monotonic() + after_s
    while call.is_running and time.monotonic() < deadline:
        time.sleep(0.001)  # the moment of the kill is the point of the test
    is_running = call.is_running
    if is_running:
        os.kill(call.pid, signal.SIGKILL)
        wait_for(lambda: not call.is_running, "the command is gone")
        wait_for(lambda: not orphans_naming(str(tmp_path)), "its tools are gone")
    return is_running


def left(a: Console, tmp_path: Path) -> list[str]:
    """Return all that is left of jails."""
    state = tmp_path / "jails"
    files = [path.name for path in state.iterdir()] if state.exists() else []
    groups = [str(group) for group in a.groups()]
    mounts = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if str(tmp_path) in line
    ]
    links = [name for name in a.links() if name.startswith("carp")]
    return [
        *(name for name in files if name not in ("lock", "last-jid", "root")),
        *(address for address in a.inet() if not address.startswith("10.77.0.1/")),
        *groups,
        *mounts,
        *links,
    ]


def took(a: Console, *words: str) -> float:
    """Return how long a whole call takes here and now."""
    begun = time.monotonic()
    assert a(" ".join(("jail", *words))).status == 0
    return time.monotonic() - begun


def test_whenever_it_is_killed_the_next_command_finds_the_way_back(
    a: Console, tmp_path: Path
) -> None:
    file = ("-f", str(tmp_path / "jail.conf"))
    creation_s, removal_s = took(a, *file, "-c", "www"), took(a, *file, "-r", "www")
    share = removal_s / creation_s
    assert left(a, tmp_path) == []
    killings = 0
    for number in range(MOMENTS):
        at = (number + 1) / (MOMENTS + 1)
        killings += killed(a, tmp_path, creation_s * at, *file, "-c", "www")
        if a("jls -c -j www").status == 0:
            assert a(f"jail {' '.join(file)} -r www").status == 0
        else:
            assert a("jail -r none").status == 1
        assert left(a, tmp_path) == [], f"killed at {number}/{MOMENTS} of the creation"
        creation_s = took(a, *file, "-c", "www")  # anew: the machine is not always as busy
        assert len(left(a, tmp_path)) > 5, "what is left would be seen"
        killings += killed(a, tmp_path, creation_s * share * at, *file, "-r", "www")
        if a("jls -c -j www").status == 0:
            assert a(f"jail {' '.join(file)} -r www").status == 0
        else:
            assert a("jail -r none").status == 1
        assert left(a, tmp_path) == [], f"killed at {number}/{MOMENTS} of the removal"
    assert killings > MOMENTS // 2, "most calls had ended before they were to be killed"
