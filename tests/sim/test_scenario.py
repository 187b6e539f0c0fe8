from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.sim import SECOND, pair

from carpio.errors import ConfigError
from carpio.sim.chance import random_scenario
from carpio.sim.faults import KINDS, Fault, FaultKind
from carpio.sim.scenario import Scenario, read_scenario, scenario_toml
from carpio.wire.constants import Family

HOSTS = ["a", "b"]
CARPDEVS = {"a": ["eth0"], "b": ["eth0", "eth1"]}


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str) -> Scenario:
        file = tmp_path / "s.toml"
        file.write_text(text)
        return read_scenario(file, HOSTS, CARPDEVS)

    return read_text


def problems_of(read, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(text)
    return ["s.toml" + line.split("s.toml", 1)[1] for line in error.value.problems]


def test_a_scenario_is_read_in_the_order_of_time(read):
    scenario = read(
        """
title = "a title"
teaches = '''
what it
teaches
'''
for = "2min"
datapath = "naive"
[[fault]]
kind = "loss"
at = "20s"
host = "b"
share = 12.5
family = 6
direction = "out"
[[fault]]
kind = "crash"
at = "10s"
for = "500ms"
host = 1
[[fault]]
kind = "partition"
at = "30s"
hosts = [2]
[[fault]]
kind = "addresses"
at = "40s"
host = "master"
addresses = ["10.0.0.1/24"]
"""
    )
    assert scenario == Scenario(
        title="a title",
        teaches="what it teaches",
        duration=120 * SECOND,
        is_naive=True,
        faults=(
            Fault(kind=FaultKind.CRASH, at=10 * SECOND, lasts=SECOND // 2, host="a"),
            Fault(
                kind=FaultKind.LOSS,
                at=20 * SECOND,
                host="b",
                share=125_000,
                family=Family.IPV6,
                direction="out",
            ),
            Fault(kind=FaultKind.PARTITION, at=30 * SECOND, hosts=("b",)),
            Fault(
                kind=FaultKind.ADDRESSES,
                at=40 * SECOND,
                host="master",
                addresses=("10.0.0.1/24",),
            ),
        ),
    )


def _fault(kind: str, *lines: str) -> str:
    return "\n".join(["[[fault]]", f'kind = "{kind}"', 'at = "1s"', *lines])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n]", ": is not TOML: "),
        ('titel = "x"', ":1: titel: unknown key; did you mean title?"),
        ("title = 1", ":1: title: 1 is not usable; write a text in quotes"),
        ('for = "soon"', ":1: for: 'soon' is not a duration; write 10min, 1.5s or 20ms"),
        ('for = "５s"', ":1: for: '５s' is not a duration; write 10min, 1.5s or 20ms"),  # noqa: RUF001
        ("for = 3", ":1: for: 3 is not a duration; write a duration in quotes"),
        ('datapath = "x"', ':1: datapath: \'x\' is not usable; write "real" or "naive"'),
        ("fault = 1", ":1: fault: 1 is not usable; write [[fault]] tables"),
        ('[[fault]]\nat = "1s"', ":1: fault[0].kind: is missing; one of crash, "),
        (_fault("crush"), ":2: fault[0].kind: 'crush' is no kind of fault; did you mean crash?"),
        ('[[fault]]\nkind = "crash"\nhost = 1', ":1: fault[0].at: is missing; add it"),
        (_fault("crash"), ":1: fault[0].host: is missing; add it"),
        (_fault("crash", "host = 3"), ":4: fault[0].host: 3 is not usable; there are 2 hosts"),
        (
            _fault("crash", 'host = "c"'),
            ":4: fault[0].host: 'c' is not usable; hosts here: a, b, master, backup",
        ),
        (
            _fault("crash", "host = 1", "share = 3"),
            ":5: fault[0].share: unknown key; known here: kind, at, for, host",
        ),
        (
            _fault("loss", "host = 1", "share = 101"),
            ":5: fault[0].share: 101 is not usable; write a number, 0 to 100",
        ),
        (
            _fault("drift", "host = 1", "ppm = 1.5"),
            ":5: fault[0].ppm: 1.5 is not usable; write a whole number",
        ),
        (
            _fault("one-way", "host = 1", 'direction = "up"'),
            ":5: fault[0].direction: 'up' is not usable; write",
        ),
        (
            _fault("loss", "host = 1", "share = 1", "family = 5"),
            ":6: fault[0].family: 5 is not usable; write 4 or 6",
        ),
        (
            _fault("partition", 'hosts = [1, "master"]'),
            ":4: fault[0].hosts: 'master' is not usable",
        ),
        (
            _fault("addresses", "host = 1", 'addresses = ["x"]'),
            ":5: fault[0].addresses: 'x' has no prefix length; write x/P",
        ),
        (
            _fault("addresses", "host = 1", "addresses = []"),
            ":5: fault[0].addresses: [] is not usable; write a list such as",
        ),
        (
            _fault("addresses", "host = 1", 'addresses = ["10.0.0.7/24", "10.0.0.7/24"]'),
            ":5: fault[0].addresses: ['10.0.0.7/24', '10.0.0.7/24'] is not usable; write a list",
        ),
        (
            _fault("drift", "host = 1", "ppm = -1000000"),
            ":5: fault[0].ppm: -1000000 is not usable; write a whole number, above -1000000",
        ),
        (
            _fault("link-down", "host = 1", 'interface = "eth1"'),
            ":5: fault[0].interface: 'eth1' is not usable; write eth0",
        ),
        (
            _fault("link-down", 'host = "master"', 'interface = "eth2"'),
            ":5: fault[0].interface: 'eth2' is not usable; write eth0 or eth1",
        ),
        (
            _fault("crash", "host = 1", _fault("crash", "host = 1")),
            ":6: fault[1].kind: is the same as fault[0]; remove one",
        ),
        (
            'for = "1s"\n' + _fault("crash", "host = 1"),
            ":4: fault[0].at: 1s is after the end, 1s; let the scenario last longer with for",
        ),
        ('for = "0s"', ":1: for: '0s' is not usable; let some time pass"),
        (
            _fault("delay", "host = 1", 'by = "fast"'),
            ":5: fault[0].by: 'fast' is not a duration",
        ),
    ],
)
def test_problems_are_told_with_line_key_and_remedy(read, text: str, problem: str):
    (found,) = problems_of(read, text)
    assert found.startswith(f"s.toml{problem}")


NAMESPACES = ["a", "b", "b/blue", "c/red"]
OF_NAMESPACES = {"a": ["eth0"], "b": ["eth0"], "b/blue": ["eth0", "eth1"], "c/red": ["eth1"]}


@pytest.mark.parametrize(
    ("lines", "hosts"),
    [
        ((_fault("crash", "host = 1"),), ["a"]),
        ((_fault("crash", "host = 2"),), ["b", "b/blue"]),
        ((_fault("crash", "host = 3"),), ["c/red"]),
        ((_fault("crash", 'host = "b"'),), ["b"]),
        ((_fault("crash", 'host = "b/blue"'),), ["b/blue"]),
        ((_fault("link-down", "host = 2", 'interface = "eth1"'),), ["b/blue"]),
        ((_fault("partition", "hosts = [2]"),), [("b", "b/blue")]),
        ((_fault("partition", 'hosts = ["b/blue", 2, 3]'),), [("b/blue", "b", "c/red")]),
    ],
)
def test_a_number_means_all_of_a_file(tmp_path: Path, lines: list[str], hosts: list):
    file = tmp_path / "s.toml"
    file.write_text("\n".join(lines))
    scenario = read_scenario(file, NAMESPACES, OF_NAMESPACES)
    assert [fault.host or fault.hosts for fault in scenario.faults] == hosts


def test_a_host_that_a_kind_does_not_take_is_told(read):
    (found,) = problems_of(read, _fault("partition", "hosts = [2]", "host = 99"))
    assert found.startswith("s.toml:5: fault[0].host: unknown key")


def test_a_fault_of_a_file_and_the_same_of_one_of_its_namespaces_is_there_twice(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text(_fault("crash", "host = 2") + "\n" + _fault("crash", 'host = "b/blue"'))
    with pytest.raises(ConfigError, match=r"fault\[1\].kind: is the same as fault\[0\]"):
        read_scenario(file, NAMESPACES, OF_NAMESPACES)


def test_the_interface_is_one_of_the_host_that_is_called_like_a_role(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text(_fault("link-down", 'host = "master"', 'interface = "eth1"'))
    with pytest.raises(ConfigError, match="'eth1' is not usable; write eth0"):
        read_scenario(file, ["master", "b"], {"master": ["eth0"], "b": ["eth1"]})


def test_all_problems_are_told_together(read):
    text = 'x = 1\n[[fault]]\nkind = "crash"\nat = 1\n[[fault]]\nkind = "no"\n'
    assert [line.split(": ")[1] for line in problems_of(read, text)] == [
        "x",
        "fault[0].host",
        "fault[0].at",
        "fault[1].kind",
    ]


def test_what_is_no_text_is_told(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_bytes(b'title = "\xe4"\n')
    with pytest.raises(ConfigError, match=r"s\.toml: is not TOML: not UTF-8 text; save it"):
        read_scenario(file, HOSTS)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_written_is_read_again(read, seed: int):
    scenario = random_scenario(seed, pair(), 600 * SECOND)
    assert read(scenario_toml(scenario, ["a comment"])) == scenario


def test_a_naive_scenario_with_quotes_survives(read):
    scenario = Scenario(title='a "title" \\', is_naive=True)
    assert read(scenario_toml(scenario)) == scenario


def test_every_kind_has_a_description_and_known_settings():
    assert set(KINDS) == set(FaultKind)
    names = set(Fault.__dataclass_fields__)
    assert all(setting.name in names for spec in KINDS.values() for setting in spec.settings)
