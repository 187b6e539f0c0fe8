"""CARP in a vnet jail, by a real daemon outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.jail_lab import make_root, need_jails
from tests.helpers.life import start, wait_for

from carpio.lab.topology import Lab

FILE = """
inner {{ path = "{root}"; persist; vnet; vnet.interface = "j0";
    exec.poststart = "ifconfig -j inner j0 vhid 7 advskew 10 pass x 10.88.0.1/24 alias"; }}
"""


@pytest.fixture
def a(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Host a with an empty daemon, a cable j0 to j1, and a file with a vnet jail."""
    need_jails()
    monkeypatch.setenv("CARPIO_JAIL_STATE", str(tmp_path / "jails"))
    make_root(tmp_path / "root")
    (tmp_path / "jail.conf").write_text(FILE.format(root=tmp_path / "root"))
    console = Console(start(lab["a"], "")).make_quick()
    console.node.host.run("ip", "link", "add", "j0", "type", "veth", "peer", "name", "j1")
    console.node.host.run("ip", "link", "set", "j1", "up")
    yield console
    console("jail -R '*'")


def test_vhids_and_settings_of_a_vnet_jail_are_its_own(a: Console, tmp_path: Path) -> None:
    file = f"-f {tmp_path}/jail.conf"
    made = a(f"jail {file} -c inner")
    assert made == (0, "inner: created\n", ""), made.err
    assert "vhid 7 advbase 1 advskew 10" in a.did("ifconfig -j inner j0")
    assert "vhid 7" not in a.did("ifconfig")
    wait_for(lambda: "carp: MASTER" in a.did("ifconfig -j inner j0"), "MASTER in the jail")
    a.did("sysctl -j inner net.inet.carp.preempt=1")
    assert a.did("sysctl -j inner -n net.inet.carp.preempt") == "1\n"
    assert a.did("sysctl -n net.inet.carp.preempt") == "0\n"
    assert a(f"jail {file} -r inner") == (0, "inner: removed\n", "")
    assert "j0" in a.links()
    assert "vhid 7" not in a.did("ifconfig")
