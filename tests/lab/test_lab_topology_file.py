from __future__ import annotations

from pathlib import Path

import pytest

from carpio.errors import ConfigError
from carpio.lab.plan import Plan
from carpio.lab.result import Kind
from carpio.lab.scenario import find_topology, topology_names
from carpio.lab.topology_file import read_topology

GOOD = """\
title = "Three hosts"

[network.lan]
prefixes = ["10.0.0.0/24"]
switches = ["left", "right"]

[host.a]
cables = ["eth0 lan right 02:00:00:00:00:0a 10.0.0.1/24"]

[host.b]
cables = ["eth0 lan 10.0.0.2/24"]
advskew = 7

[host.c]
cables = ["eth0 lan 10.0.0.3/24"]

[client.client]
cables = ["eth0 lan 10.0.0.9/24"]

[[group]]
vhids = "3-5"
network = "lan"
addresses = ["10.0.0.100/24"]
"""


def plan_of(text: str, tmp_path: Path) -> Plan:
    (tmp_path / "x.toml").write_text(text)
    return read_topology(tmp_path / "x.toml")


def test_machines_cables_and_trunks_are_read(tmp_path: Path) -> None:
    plan = plan_of(GOOD, tmp_path)
    cable = plan.machines[0].cables[0]
    assert (cable.switch, cable.mac, str(cable.addresses[0])) == (
        "right",
        "02:00:00:00:00:0a",
        "10.0.0.1/24",
    )
    assert plan.machines[1].cables[0].switch == "left"
    assert [trunk.name for trunk in plan.trunks] == ["left-right"]
    assert [machine.kind for machine in plan.machines] == [*3 * [Kind.HOST], Kind.CLIENT]


def test_each_further_group_of_a_range_has_the_next_address(tmp_path: Path) -> None:
    plan = plan_of(GOOD, tmp_path)
    assert [(group.name, str(group.addresses[0])) for group in plan.groups] == [
        ("3@lan", "10.0.0.100/24"),
        ("4@lan", "10.0.0.101/24"),
        ("5@lan", "10.0.0.102/24"),
    ]


def test_advskews_grow_by_a_hundred_in_the_order_of_hosts_unless_given(tmp_path: Path) -> None:
    assert dict(plan_of(GOOD, tmp_path).groups[0].advskews) == {"a": 0, "b": 7, "c": 200}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"10.0.0.0/24"', '"10.0.0.1/24"', "x.toml:4: network.lan.prefixes: '10.0.0.1/24' is no"),
        ("advskew = 7", "advskew = 300", "x.toml:12: host.b.advskew: 300 is out of range; write a"),
        ("advskew = 7", "advscew = 7", "x.toml:12: host.b.advscew: is not known; did you mean adv"),
        ("eth0 lan 10.0.0.2", "eth0 wan 10.0.0.2", "x.toml:11: host.b.cables: 'eth0 wan 10.0.0."),
        ("10.0.0.3/24", "middle", "x.toml:15: host.c.cables: 'middle' is no address; write an"),
        ('"3-5"', '"0-5"', "x.toml:21: group.vhids: '0-5' cannot be used; write \"1\" or"),
        ('"3-5"', f'"{5000 * "9"}"', f"x.toml:21: group.vhids: '{60 * '9'}...' cannot be used; w"),
        (
            "10.0.0.100",
            "255.255.255.254",
            "x.toml:23: group.addresses: 255.255.255.254 is followed by 1 addresses, 3 groups need",
        ),
        ('network = "lan"', 'network = "wan"', "x.toml:22: group.network: 'wan' is no network; on"),
        ("[client.client]", "[host.another]", "client: is missing; add [client.client]"),
        (
            "[client.client]",
            "[client.a]",
            "x.toml:18: client.a.cables: 'a' is another machine, too",
        ),
        ("10.0.0.3/24", "10.0.0.3", "x.toml:15: host.c.cables: 10.0.0.3 has no prefix length; wri"),
        ("10.0.0.3/24", "10.0.0.2/24", "x.toml:15: host.c.cables: 10.0.0.2 is b's own already; g"),
        ("10.0.0.3/24", "10.9.0.3/24", "host.c.cables: 10.9.0.3/24 is in no prefix of lan; use o"),
        (
            "eth0 lan 10.0.0.3",
            "eth0eth0eth0eth0 lan 10.0.0.3",
            "cannot be the name of an interface",
        ),
        ('2/24"]', '2/24", "eth0 lan 10.0.0.4/24"]', "host.b.cables: eth0 is there twice; rename"),
        ("02:00:00:00:00:0a", "01:00:00:00:00:0a", "01:00:00:00:00:0a is a multicast MAC; let it"),
        ('cables = ["eth0 lan 10.0.0.3/24"]', "cables = []", "host.c.cables: has no usable cable"),
        ("advskew = 7", 'gateways = ["x"]', "host.b.gateways: 'x' is no address; write"),
        ("10.0.0.100", "10.0.0.1", "x.toml:23: group.addresses: 10.0.0.1 is a's own already"),
        ("10.0.0.100", "10.0.0.254", "group.addresses: 10.0.1.0/24 is in no prefix of lan"),
        (
            "[[group]]",
            '[[group]]\nvhids = "4"\nnetwork = "lan"\naddresses = ["10.0.0.50/24"]\n[[group]]',
            "x.toml:25: group.vhids: 4@lan is there twice; give each group its own vhid",
        ),
        ('["left", "right"]', "[]", "network.lan.switches: [] cannot be used; name one at least"),
        ('["left", "right"]', '["right", "right"]', "cannot be used; name one at least, each once"),
        ("[host.c]", "[host.switch]", "x.toml:15: host.switch.cables: 'switch' cannot be the name"),
        ("eth0 lan 10.0.0.3", "lo lan 10.0.0.3", "x.toml:15: host.c.cables: 'lo' is no name of an"),
        ("eth0 lan 10.0.0.3", "all lan 10.0.0.3", "host.c.cables: 'all' is no name of an"),
        ("02:00:00:00:00:0a", "00:00:00:00:00:00", "x.toml:8: host.a.cables: 00:00:00:00:00:00 is"),
        (
            "advskew = 7",
            'gateways = ["10.9.0.1"]',
            "x.toml:12: host.b.gateways: 10.9.0.1 is on none of its cables; use another address",
        ),
        (
            "advskew = 7",
            'gateways = ["10.0.0.2"]',
            "x.toml:12: host.b.gateways: 10.0.0.2 is its own address; use another address in 10.0",
        ),
        ('["10.0.0.100/24"]', "[]", "x.toml:23: group.addresses: has none; write"),
        ("10.0.0.100/24", "10.0.0.100", "x.toml:23: group.addresses: 10.0.0.100 has no prefix len"),
        (
            '10.0.0.9/24"]',
            '10.0.0.9/24"]\nadvskew = 7',
            "x.toml:19: client.client.advskew: is of hosts only; leave it out",
        ),
        (
            "[host.a]",
            '[network.wan]\nprefixes = ["10.9.0.0/24"]\nswitches = ["left"]\n[host.a]',
            "x.toml:9: network.wan.switches: 'left' is a switch of lan already; give each network",
        ),
        (
            "[client.client]",
            '[network.wan]\nprefixes = ["10.9.0.0/24"]\n[router.r]\n'
            'cables = ["eth0 wan 10.9.0.1/24"]\n[client.client]',
            "x.toml:20: router.r.cables: it is the first that asks, and no cable goes to a networ",
        ),
        ("[host.c]", "[host.a_name_too_long]", "'a_name_too_long' cannot be the name of a machin"),
    ],
)
def test_problem_is_told_with_line_key_and_remedy(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        plan_of(GOOD.replace(old, new), tmp_path)
    assert problem in str(raised.value)


def test_all_problems_are_told_together_in_reading_order(tmp_path: Path) -> None:
    text = GOOD.replace("advskew = 7", "advskew = 300").replace('"3-5"', '"x"')
    with pytest.raises(ConfigError) as raised:
        plan_of(text, tmp_path)
    assert [problem.split(":")[1] for problem in raised.value.problems] == ["12", "21"]


def test_topology_without_a_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml:1: group: is missing; add \[\[group\]\]"):
        plan_of(GOOD.split("[[group]]", maxsplit=1)[0], tmp_path)


def test_what_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b'title = "\xe4"\n')
    with pytest.raises(ConfigError, match=r"x\.toml: is not TOML: not UTF-8 text; save it as"):
        read_topology(tmp_path / "x.toml")


def test_what_is_no_toml_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml: is not TOML"):
        plan_of("title =", tmp_path)


def test_topology_with_an_empty_list_of_groups_is_refused(tmp_path: Path) -> None:
    text = "group = []\n" + GOOD.split("[[group]]", maxsplit=1)[0]
    with pytest.raises(ConfigError, match=r"x\.toml:1: group: is missing; add \[\[group\]\]"):
        plan_of(text, tmp_path)


@pytest.mark.parametrize("name", topology_names())
def test_topology_that_comes_with_carpio_is_read(name: str) -> None:
    assert find_topology(name).groups


def test_unknown_topology_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"pear: neither a topology \(.*pair.*\) nor a file"):
        find_topology("pear")
