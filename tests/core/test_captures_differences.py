"""Where the engine decides otherwise than the measured kernels: each case is here, and no other.

The reasons are in `docs/reference/conformance.md`. `test_kernel_decisions.py` leaves out what is
listed here; this module checks that nothing is left out that agrees.
"""

import json
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.helpers.builders import engine_config, group, key_of, seconds

from carpio.core.engine import Engine
from carpio.core.events import (
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    LinkWentUp,
    Started,
    StateRequested,
)
from carpio.core.model import State
from carpio.wire.packet import Datagram, dissect

CAPTURES = Path(__file__).parents[1] / "vectors" / "pcap"
FREEBSD = ("freebsd13-s22-crafted-ipv4", "freebsd13-s23-crafted-ipv6")
NETBSD = ("netbsd-s22-crafted-ipv4", "netbsd-s23-crafted-ipv6")

TRAILERS = [f"{count} trailing bytes, in the IP length and in the checksum" for count in (1, 4, 20)]
TO_VIRTUAL_MAC = "unicast to the parent address, frame to the virtual mac"
OTHER_DECISIONS = {
    "freebsd13-s22-crafted-ipv4": [*TRAILERS, TO_VIRTUAL_MAC],
    "freebsd13-s23-crafted-ipv6": [],
    "netbsd-s22-crafted-ipv4": [
        *TRAILERS,
        "destination broadcast address, broadcast frame",
        "destination 224.0.0.1",
        TO_VIRTUAL_MAC,
    ],
    "netbsd-s23-crafted-ipv6": ["destination ff02::1"],
}

BEYOND_240 = [
    ("MASTER", False, 253),
    ("MASTER", False, 254),
    ("BACKUP", True, 253),
    ("MASTER", True, 253),
    ("BACKUP", True, 254),
    ("MASTER", True, 254),
]
"""State before, preempt, advskew heard; the peer's own advskew is 254, which it shows as it is."""


def load(name: str) -> dict[str, Any]:
    return json.loads((CAPTURES / f"{name}.json").read_text())


def peer(capture: dict, *, advbase: int, advskew: int, preempt: bool, strict: bool) -> Engine:
    """Return an engine configured as the peer was, in BACKUP."""
    config = capture["configs"][0]
    addresses = [f"{it}/24" for it in config["v4"]] + [f"{it}/64" for it in config.get("v6", ())]
    settings = group(
        "1@em0", *addresses, advbase=advbase, advskew=advskew, passphrase=config["pass"]
    )
    engine = Engine(Random(1))
    policy = engine_config(settings, preempt=preempt, strict_freebsd=strict)
    engine.handle(Started(config=policy), seconds(0))
    engine.handle(LinkWentUp("em0"), seconds(0))
    return engine


def hear(engine: Engine, frame: str, at: float) -> None:
    """Let the engine hear a frame as far as it holds a datagram for CARP."""
    datagram = dissect(bytes.fromhex(frame))
    if isinstance(datagram, Datagram):
        event = DatagramReceived(
            carpdev="em0",
            family=datagram.family,
            source=ip_address(datagram.source),
            ttl=datagram.ttl,
            payload=datagram.payload,
            is_own_source=False,
        )
        engine.handle(event, seconds(at))


def counted(engine: Engine) -> dict[str, int]:
    return {name: value for name, value in engine.snapshot().counters.items() if value}


@pytest.mark.parametrize("name", OTHER_DECISIONS)
def test_r058_r151_exactly_the_listed_cases_move_other_counters_than_in_the_kernel(name):
    capture = load(name)
    differing = []
    for case in capture["cases"]:
        engine = peer(capture, advbase=20, advskew=100, preempt=False, strict=True)
        hear(engine, case["frame"], 1)
        assert engine.snapshot().instances[0].state.value == case["state_after"]
        if counted(engine) != case["counters_moved"]:
            differing.append(case["case"])
    assert differing == OTHER_DECISIONS[name]


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "default"])
@pytest.mark.parametrize("name", [*FREEBSD, *NETBSD])
def test_r064_to_r070_exactly_the_listed_decisions_differ_with_and_without_strict_freebsd(
    name, strict
):
    """The kernels were looked at 0.12 s after the frame: a turn after a bow-out is over then."""
    capture = load(name)
    differing = []
    for it in capture["decisions"]:
        engine = peer(
            capture,
            advbase=it["own_advbase"],
            advskew=it["own_advskew"],
            preempt=bool(it["preempt"]),
            strict=strict,
        )
        engine.handle(DemotionAdjusted("sysctl", it.get("demotion", 0)), seconds(0))
        if it["state_before"] == "MASTER":
            engine.handle(StateRequested(key_of("1@em0"), State.MASTER), seconds(0))
        hear(engine, it["frame"], 0.1)
        engine.handle(DeadlineReached(), seconds(0.22))
        if engine.snapshot().instances[0].state.value != it["state_after"]:
            assert (it["own_advbase"], it["own_advskew"], it["heard_advbase"]) == (1, 254, 1)
            assert it["state_after"] == "BACKUP"
            differing.append((it["state_before"], bool(it["preempt"]), it["heard_advskew"]))
    assert differing == (BEYOND_240 if name in NETBSD else [])
