"""Many groups, many addresses (R-144): they start, are elected and move together."""

from __future__ import annotations

import time

import pytest
from tests.helpers.life import SECOND_NS, Node, config, group, start, wait_for
from tests.helpers.one_wire import host_frames

from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.sighting import Advert, Claim, Kind, sight
from carpio.lab.topology import Lab

VHIDS = range(1, 256)
SPREAD_LIMIT_NS = 3 * SECOND_NS
"""Not a goal: in the lab the leaver's removals and the successor share one kernel lock."""


def address_of(vhid: int) -> str:
    return f"10.78.{vhid}.1/32"


def all_groups(advskew: int) -> str:
    return config(
        *(group(address_of(vhid), vhid=vhid, advskew=advskew) for vhid in VHIDS), preempt=True
    )


def states(node: Node) -> set[str]:
    return {vhid["state"] for vhid in node.ask("status")["vhids"]}


def first_of_each(capture: Capture, host: str, after_ns: int) -> tuple[list[int], list[int]]:
    """Return when the host first advertised each group, and first announced each address."""
    adverts: dict[int, int] = {}
    announced: dict[bytes, int] = {}
    for frame in host_frames(capture.files):
        if frame.host != host or frame.time_ns < after_ns:
            continue
        seen = sight(frame.data)
        if isinstance(seen, Advert) and not seen.is_bow_out:
            adverts.setdefault(seen.vhid, frame.time_ns)
        elif isinstance(seen, Claim) and seen.kind is Kind.GRATUITOUS:
            announced.setdefault(seen.address, frame.time_ns)
    return sorted(adverts.values()), sorted(announced.values())


@pytest.mark.parametrize("ending", ["stop", "crash"])
def test_255_groups_start_are_elected_and_fail_over(
    lab: Lab, capture: Capture, ending: str
) -> None:
    first = start(lab["a"], all_groups(0))
    wait_for(lambda: states(first) == {"MASTER"}, "255 MASTER", 12)
    second = start(lab["b"], all_groups(100))
    wait_for(lambda: states(second) == {"BACKUP"}, "255 BACKUP", 10)
    time.sleep(1.1)  # one advertisement of each
    assert states(second) == {"BACKUP"}
    with capture:
        ended_ns = time.time_ns()
        if ending == "stop":
            assert first.daemon.terminate(22) == 0
            print(f"leaving took {(time.time_ns() - ended_ns) / 1e9:.1f} s")
        else:
            lab["a"].crash()
        wait_for(lambda: states(second) == {"MASTER"}, "255 MASTER after the end", 10)
        time.sleep(0.3)
    adverts, announced = first_of_each(capture, "b", ended_ns)
    assert len(adverts) == len(announced) == len(VHIDS)
    print(
        f"{ending}: first advertisements within {(adverts[-1] - adverts[0]) / 1e6:.1f} ms, "
        f"announcements within {(announced[-1] - announced[0]) / 1e6:.1f} ms"
    )
    assert adverts[-1] - adverts[0] < SPREAD_LIMIT_NS
    assert announced[-1] - announced[0] < SPREAD_LIMIT_NS
    assert capture.dropped == 0
    second.daemon.kill9()  # the namespace goes with all that it holds


def test_100_addresses_of_one_group_are_all_served_and_fail_over(lab: Lab) -> None:
    addresses = [f"10.77.0.{number}" for number in range(20, 120)]
    listed = [f"{address}/24" for address in addresses]
    first = start(lab["a"], config(group(*listed)))
    first.become_master()
    second = start(lab["b"], config(group(*listed, advskew=100)))
    second.daemon.wait_for_log("INIT -> BACKUP")
    assert silent_among(lab, addresses) == []
    assert first.daemon.terminate() == 0
    second.wait_for_state("MASTER", timeout_s=1)
    assert silent_among(lab, addresses) == []
    assert second.daemon.terminate() == 0
    assert silent_among(lab, addresses) == addresses


def silent_among(lab: Lab, addresses: list[str]) -> list[str]:
    """Return the addresses that answer no probe of a second."""
    with Probe(lab, tuple(addresses), rate=10) as probe:
        time.sleep(1.0)
    return [address for address, record in probe.records.items() if not any(record.answered)]
