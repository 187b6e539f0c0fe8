"""Many settings in one request: applied together, not each with a look at the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.life import SHARED4, Node, config, group, start

from carpio.lab.topology import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    need()
    with Lab(out=tmp_path / "lab") as lab:
        yield start(lab["a"], config(group(SHARED4)))


def test_settings_of_one_call_are_told_one_by_one_and_hold_as_the_last_says(node: Node) -> None:
    done = node.carpio(
        "sysctl",
        *(f"net.inet.carp.dscp={number}" for number in (10, 20, 30)),
        "net.inet.carp.preempt=1",
        "net.inet.carp.demotion=7",
        "net.inet.carp.demotion=-2",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "net.inet.carp.dscp: 56 -> 10",
        "net.inet.carp.dscp: 10 -> 20",
        "net.inet.carp.dscp: 20 -> 30",
        "net.inet.carp.preempt: 0 -> 1",
        "net.inet.carp.demotion: 0 -> 7",
        "net.inet.carp.demotion: 7 -> 5",
    ]
    shown = node.carpio("sysctl", "-n", "net.inet.carp.dscp", "net.inet.carp.preempt").stdout
    assert shown.split() == ["30", "1"]
    assert node.view()["demotion"] == 5
