"""What the switch does to frames of a port: lost by share and direction, or delayed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.daemon_lab import QUICK, eventually, need_lab, pings

from carpio.errors import PlatformError
from carpio.lab.ports import clear_port, delay_port, lose_at_port, mute_nic, unmute_nic
from carpio.lab.topology import Lab

pytestmark = pytest.mark.lab

HOST = "10.77.0.1"
TRIES = 200
PATIENCE_S = 0.02


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Host `a` and the router, which knows its MAC already."""
    need_lab()
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        eventually(lambda: pings(lab.router, HOST))
        yield lab


def answered(lab: Lab) -> int:
    return sum(pings(lab.router, HOST, timeout_s=PATIENCE_S) for _ in range(TRIES))


def test_a_share_of_the_frames_is_lost_and_none_when_cleared(lab: Lab):
    lose_at_port(lab.switch, lab["a"].port, 30, "in")
    assert 0.5 * TRIES < answered(lab) < 0.9 * TRIES
    clear_port(lab.switch, lab["a"].port)
    eventually(lambda: answered(lab) == TRIES)


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_a_dead_direction_answers_nothing(lab: Lab, direction: str):
    lose_at_port(lab.switch, lab["a"].port, 100, direction)
    assert not pings(lab.router, HOST, timeout_s=0.1)
    clear_port(lab.switch, lab["a"].port)
    assert pings(lab.router, HOST)


def test_a_nic_that_refuses_to_send_has_its_link_up(lab: Lab):
    mute_nic(lab["a"].namespace, "eth0")
    assert not pings(lab.router, HOST, timeout_s=0.1)
    assert "LOWER_UP" in lab["a"].run("ip", "link", "show", "eth0").stdout
    unmute_nic(lab["a"].namespace, "eth0")
    assert pings(lab.router, HOST)


def test_frames_are_delayed_or_it_is_said_what_the_kernel_lacks(lab: Lab):
    if not has_netem(lab):
        with pytest.raises(PlatformError, match="this kernel cannot delay frames") as caught:
            delay_port(lab.switch, lab["a"].port, 0.2)
        assert "CONFIG_NET_SCH_NETEM" in (caught.value.remedy or "")
        return
    delay_port(lab.switch, lab["a"].port, 0.2)
    began = time.monotonic()
    assert pings(lab.router, HOST)
    assert time.monotonic() - began > 0.2


def has_netem(lab: Lab) -> bool:
    lab["a"].run("ip", "link", "add", "probe", "type", "veth")
    words = ("tc", "qdisc", "add", "dev", "probe", "root", "netem", "delay", "1ms")
    done = lab["a"].run(*words, check=False)
    return done.returncode == 0
