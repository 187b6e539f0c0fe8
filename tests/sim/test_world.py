from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from tests.helpers.builders import engine_config, group
from tests.helpers.sim import SECOND, host, pair, world

from carpio.sim.findings import Kind
from carpio.sim.node import HostSetup
from carpio.sim.world import segments_of

TRACE = """
from tests.helpers.sim import *
made = world(host("a", 0, groups=2), host("b", 100, groups=2), host("c", 200, groups=2), seed=7)
made.trace = lambda at, text: print(at, text)
made.run(20 * SECOND)
for one in made.invariants.changes:
    print(one)
"""


def traced(hash_seed: str) -> str:
    environ = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TRACE]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout


def test_the_same_seed_gives_the_same_trace_whatever_the_hash_seed():
    first, second = traced("1"), traced("2")
    assert first == second
    assert len(first.splitlines()) > 200


def test_another_seed_gives_another_run():
    first, second = world(seed=1), world(seed=2)
    first.run(10 * SECOND)
    second.run(10 * SECOND)
    assert first.invariants.changes != second.invariants.changes


def test_a_calm_pair_ends_with_the_preferred_host_and_nothing_wrong():
    made = world()
    made.run(60 * SECOND)
    made.finish()
    assert made.findings == []
    assert made.invariants.watches[0].speakers == ("a",)
    assert made.receptions > 100
    probes = made.clients["eth0"].probes[0]
    assert probes.answered == probes.sent > 40


def test_three_hosts_and_several_groups_elect_one_master_each():
    made = world(host("a", 0, groups=3), host("b", 100, groups=3), host("c", 200, groups=3))
    made.run(20 * SECOND)
    assert [w.speakers for w in made.invariants.watches] == [("a",)] * 3
    assert made.findings == []


def test_time_never_goes_back():
    made = world()
    times: list[int] = []
    made.trace = lambda at, _: times.append(at)
    made.run(20 * SECOND)
    assert all(first <= second for first, second in pairwise(times))


def test_different_address_lists_are_two_masters_with_their_cause():
    made = world(host("a", 0, "10.0.0.1/24"), host("b", 100, "10.0.0.1/24", "10.0.0.2/24"))
    made.run(30 * SECOND)
    found = {one.kind: one for one in made.findings}
    assert found[Kind.TWO_MASTERS].cause == "address lists differ"
    assert not found[Kind.TWO_MASTERS].is_violation


@pytest.mark.parametrize("seed", range(5))
def test_the_naive_datapath_is_caught_with_frame_cache_and_traffic(seed: int):
    made = world(seed=seed, naive=True)
    made.run(30 * SECOND)
    kinds = {one.kind for one in made.findings if one.is_violation}
    assert Kind.WRONG_MAC in kinds
    wrong = next(one for one in made.findings if one.kind is Kind.WRONG_MAC)
    assert "is at 02:00:00:00:00:0" in wrong.evidence


def test_bug_191832_leads_traffic_to_the_backup():
    found = set()
    for seed in range(20):
        made = world(seed=seed, naive=True)
        made.run(20 * SECOND)
        found |= {one.kind for one in made.findings}
    assert {Kind.WRONG_MAC, Kind.CACHE, Kind.AT_BACKUP} <= found


def test_carpdevs_are_on_one_segment_by_name_or_by_what_they_share():
    def setup(name: str, *carpdevs: tuple[str, str]) -> HostSetup:
        groups = [group(f"{n}@{dev}", address) for n, (dev, address) in enumerate(carpdevs, 1)]
        return HostSetup(name=name, config=engine_config(*groups))

    wires = segments_of(
        [
            setup("a", ("eth0", "10.0.0.1/24"), ("eth1", "10.1.0.1/24")),
            setup("b", ("ens3", "10.0.0.1/24"), ("eth1", "10.9.0.1/24")),
        ]
    )
    assert wires == {
        ("a", "eth0"): "eth0",
        ("a", "eth1"): "eth1",
        ("b", "ens3"): "eth0",
        ("b", "eth1"): "eth1",
    }


def test_hosts_with_other_names_of_interfaces_elect_as_well():
    a = HostSetup(name="a", config=engine_config(group("1@eth0"), preempt=True))
    b = HostSetup(name="b", config=engine_config(group("1@ens3", advskew=100), preempt=True))
    made = world(a, b)
    made.run(20 * SECOND)
    assert made.invariants.watches[0].speakers == ("a",)
    assert made.findings == []


def test_pairs_that_do_not_preempt_keep_whoever_was_first():
    made = world(*pair(preempt=False))
    made.run(30 * SECOND)
    assert made.invariants.changes[0].host == made.invariants.watches[0].speakers[0] == "b"
    assert made.findings == []


def test_a_virtual_second_of_a_pair_takes_few_calls():
    """Calls of Python functions are what it costs, and unlike time they are always the same."""
    made, calls, seconds = world(), 0, 20

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    made.run(10 * SECOND)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        made.run((10 + seconds) * SECOND)
    finally:
        sys.setprofile(before)
    assert 100 < calls / seconds < 200
