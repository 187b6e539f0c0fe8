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


def test_a_demotion_that_only_comes_to_a_tie_is_told():
    told = "demotion of a moves nothing: demoted it has advskew 240 at most, and no other"
    assert [one for one in advice(host("a"), host("b", 240)) if one.startswith(told)]
    assert not any("demotion" in one for one in advice(host("a"), host("b", 239)))
    three = advice(host("a"), host("b", 100), host("c", 240))
    assert not any("demotion" in one for one in three)


def test_no_advice_leads_to_a_tie_with_a_demoted_host():
    (remedy,) = [one.remedy for one in lint([host("a"), host("b", 250)]) if "250" in one.what]
    assert remedy.startswith("use less than 240: ")


def router(name: str, skews: tuple[int, ...], factor: int, **policy: bool) -> HostSetup:
    """Return a host with a group on each of eth0, eth1, ..."""
    groups = [
        group(f"{n}@eth{n}", f"10.0.{n}.1/24", advskew=skew) for n, skew in enumerate(skews, 1)
    ]
    settings: dict[str, bool | int] = {"preempt": True, "ifdown_demotion_factor": factor} | policy
    return HostSetup(name=name, config=engine_config(*groups, **settings))


@pytest.mark.parametrize("factor", [0, 10, 100])
def test_groups_that_do_not_move_together_are_told(factor: int):
    found = lint([router("a", (0, 0), factor), router("b", (100, 100), factor)])
    assert [one.group for one in found] == ["1@eth1", "2@eth2"]
    assert {one.what for one in found} == {
        f"it stays at a when another interface of a fails: demoted by {factor} to advskew "
        f"{factor}, and no other host with preempt is better"
    }


def test_groups_that_move_together_need_no_advice():
    for factor in (101, 240):
        assert lint([router("a", (0, 0), factor), router("b", (100, 100), factor)]) == []
        assert lint([router("a", (0, 100), factor), router("b", (100, 0), factor)]) == []


def test_each_group_of_an_interface_that_fails_demotes():
    def with_two(name: str, skew: int) -> HostSetup:
        one, two, other = (
            group(key, f"10.0.{key[0]}.1/24", advskew=skew)
            for key in ("1@eth1", "2@eth1", "3@eth2")
        )
        config = engine_config(one, two, other, preempt=True, ifdown_demotion_factor=60)
        return HostSetup(name=name, config=config)

    found = lint([with_two("a", 0), with_two("b", 100)])
    assert [one.group for one in found] == ["1@eth1", "2@eth1"]  # 3@eth2 moves by 120


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


def test_a_host_without_a_group_is_told():
    told = [str(one) for one in lint([*pair(), HostSetup(name="c", config=EngineConfig())])]
    assert told == ["c: has no group; it takes no part; add [[vhid]], or leave its file out"]


def test_an_address_with_another_prefix_length_is_not_an_uncommon_one():
    found = advice(host("a", 0, "10.0.0.1/24", "10.0.0.2/24"), host("b", 100, "10.0.0.1/25"))
    assert found == ["address lists differ (10.0.0.2 only on a)"]


def test_what_makes_a_simulation_useless_is_doubted_and_nothing_else():
    first, second = pair()
    idle = HostSetup(name="c", config=EngineConfig())
    lonely = HostSetup(name="d", config=engine_config(group("7@eth9", "10.0.9.1/24")))
    told = [str(one).split(";")[0] for one in doubts([first, second, idle, lonely])]
    assert told == ["c: has no group", "7@eth9: only d has it"]
    assert [one.what for one in lint([first, second, idle, lonely])] == [
        "has no group",
        "only d has it",
    ]
    assert doubts([host("a", 200, preempt=False), host("b", 200, preempt=False)]) == []
