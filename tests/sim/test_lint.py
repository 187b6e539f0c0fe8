from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.builders import engine_config, group
from tests.helpers.sim import host, pair

from carpio.core.model import EngineConfig
from carpio.sim.lint import doubts, lint
from carpio.sim.node import HostSetup


def advice(*hosts: HostSetup) -> list[str]:
    return [one.what for one in lint(hosts)]


def test_an_ordinary_pair_needs_no_advice():
    assert advice(*pair()) == []


def test_each_piece_of_advice_has_group_and_remedy():
    (one,) = lint([host("a")])
    assert str(one) == ("1@eth0: only a has it; nobody takes over; configure it on another host")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (host("b", 0), "a and b are equal (advskew 0)"),
        (host("b", 100, passphrase="x"), "passphrases differ"),
        (host("b", 100, advbase=2), "advbase differs"),
        (host("b", 100, allow=False), "b can never be MASTER: allow = false"),
        (host("b", 100, preempt=False), "preempt is on at a and off at b"),
        (
            host("b", 100, preempt=False),
            "demotion of a moves nothing: no other host has preempt",
        ),
        (host("b", 250), "b has advskew 250, advertised as 240"),
        (
            host("b", 100, "10.0.1.1/24"),
            "address lists differ (2001:db8:1::1 only on a)",
        ),
    ],
)
def test_what_is_wrong_with_a_pair_is_told(other: HostSetup, expected: str):
    assert expected in advice(host("a"), other)


def test_a_group_without_addresses_can_never_be_master():
    config = pair()[1].config
    bare = tuple(replace(one, addresses=()) for one in config.instances)
    other = HostSetup(name="b", config=engine_config(*bare, preempt=True))
    assert "b can never be MASTER: no addresses" in advice(host("a"), other)


def test_two_hosts_with_the_greatest_skews_are_equal_on_the_wire():
    assert "a and b are equal (advskew 240)" in advice(host("a", 241), host("b", 254))


def test_an_interval_too_long_for_one_lost_advert_is_told():
    found = advice(host("a", 200, preempt=False), host("b", 100, preempt=False))
    assert "while a is MASTER one lost advert makes b take over" in found
    assert "while b is MASTER one lost advert makes a take over" not in found


def test_a_host_that_preempts_anyway_is_no_matter_of_lost_adverts():
    assert advice(host("a", 200), host("b", 0)) == []


def test_an_address_of_two_groups_is_told():
    first, second = pair()
    moved = tuple(replace(one, vhid=9) for one in second.config.instances)
    other = HostSetup(name="b", config=engine_config(*moved, preempt=True))
    (one, *_) = lint([first, other])
    assert one.group == "9@eth0"
    assert one.what.endswith(" is in 1@eth0, too")
    assert advice(first, second) == []


def test_what_makes_a_simulation_useless_is_doubted_and_nothing_else():
    first, second = pair()
    idle = HostSetup(name="c", config=EngineConfig())
    lonely = HostSetup(name="d", config=engine_config(group("7@eth9", "10.0.9.1/24")))
    told = [str(one).split(";")[0] for one in doubts([first, second, idle, lonely])]
    assert told == ["c: has no group", "7@eth9: only d has it"]
    assert doubts([host("a", 200, preempt=False), host("b", 200, preempt=False)]) == []
