"""An address that goes from one group to another: it was refused as held by our own macvlan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.life import SHARED4, Node, start, wait_for

from carpio.lab.topology import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    need()
    with Lab(out=tmp_path / "lab") as lab:
        yield start(lab["a"], "")


def ifconfig(node: Node, *words: str) -> None:
    done = node.carpio("ifconfig", "eth0", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def addresses(node: Node) -> dict[int, list[str]]:
    return {group["vhid"]: group["addresses"] for group in node.ask("status")["vhids"]}


def test_address_of_a_master_moves_to_another_group_and_back(node: Node) -> None:
    ifconfig(node, "vhid", "1", "pass", "x", SHARED4, "alias")
    for vhid, other in ((1, 2), (2, 1)):
        name = f"{vhid}@eth0"
        node.become_master(name)
        wait_for(lambda name=name: node.state(name) == "MASTER", "MASTER")
        ifconfig(node, "vhid", str(other), "pass", "x", SHARED4, "alias")
        assert addresses(node) == {other: [SHARED4], vhid: []}
        assert node.state(f"{other}@eth0") == "BACKUP"
        shown = node.host.run("ip", "-o", "-4", "addr").stdout
        assert [line.split()[1] for line in shown.splitlines() if " 10.77.0.100/" in line] == [
            f"carp{other}-2"
        ]
    assert "refused" not in node.daemon.log
    assert "error" not in node.daemon.log


def test_address_moves_with_the_end_of_its_group_in_one_request(node: Node, tmp_path: Path) -> None:
    ifconfig(node, "vhid", "1", "pass", "x", SHARED4, "alias")
    lines = tmp_path / "lines"
    lines.write_text(f"eth0 -alias 10.77.0.100\neth0 vhid 3 pass y {SHARED4} alias\n")
    assert node.carpio("ifconfig", "-F", str(lines)).returncode == 0
    assert addresses(node) == {3: [SHARED4]}
    assert "refused" not in node.daemon.log


def test_lifetimes_that_linux_would_refuse_cost_no_mastership(node: Node, tmp_path: Path) -> None:
    ifconfig(node, "vhid", "1", "pass", "x", SHARED4, "alias")
    node.become_master()
    lines = tmp_path / "lines"
    lines.write_text(
        "eth0 10.77.0.100 -alias\neth0 inet6 2001:db8:9::5/64 pltime 9 vltime 1 alias\n"
    )
    done = node.carpio("ifconfig", "-F", str(lines))
    assert done.returncode == 1
    assert done.stderr.startswith(f"ifconfig: {lines}:2:") or f"{lines}:2:" in done.stderr
    assert node.state() == "MASTER"
    assert len(node.transitions()) == 2
