from __future__ import annotations

from pathlib import Path

import pytest

from carpio.errors import ConfigError
from carpio.lab.actions import Verb
from carpio.lab.scenario import FULL, SHORT, Scenario, read_scenario, scenario_names, scenario_path

GOOD = """\
title = "x"
why = "because"
topology = "pair"
flood = 7

[variant.one]
options = ["dscp = 0"]

[variant.two]
impl = ["b=naive"]

[[event]]
title = "first"
do = ["start a", "wait 2s"]
do_short = "start a"
master = "a"
watch = "3s"
watch_short = "100ms"
times = 4
times_short = 1

[[event]]
title = "second"
do = "cut nothing"
master = []
only = "full"
variant = "two"
"""
FINE = GOOD.replace("cut nothing", "crash a")


def read(text: str, tmp_path: Path, form: str = FULL, variant: str = "") -> Scenario:
    (tmp_path / "x.toml").write_text(text)
    return read_scenario(tmp_path / "x.toml", form, variant)


def test_short_form_has_the_short_values_and_leaves_out_what_is_only_full(tmp_path: Path) -> None:
    short = read(FINE, tmp_path, SHORT, "two")
    assert [event.title for event in short.events] == ["first"]
    assert [action.verb for action in short.events[0].actions] == [Verb.START]
    assert short.events[0].watch_s == 0.1


def test_full_form_repeats_events_as_often_as_it_says(tmp_path: Path) -> None:
    full = read(FINE, tmp_path, FULL, "two")
    assert [event.title for event in full.events] == [*4 * ["first"], "second"]
    assert full.events[0].actions[1].seconds == 2.0


def test_first_variant_is_the_default_and_events_of_others_are_left_out(tmp_path: Path) -> None:
    scenario = read(FINE, tmp_path)
    assert (scenario.variant, scenario.options) == ("one", ("dscp = 0",))
    assert "second" not in [event.title for event in scenario.events]
    assert read(FINE, tmp_path, FULL, "two").implementations == {"b": "naive"}


def test_acts_are_chosen_and_events_without_a_name_stay(tmp_path: Path) -> None:
    text = FINE.replace('title = "second"', 'title = "second"\nact = "crash"')
    scenario = read(text, tmp_path, FULL, "two")
    assert scenario.acts == ("crash",)
    assert scenario.only(["crash"]) == scenario
    assert [event.title for event in scenario.only([]).events] == 4 * ["first"]


def test_time_to_expect_has_all_waits_and_grows_with_takeovers(tmp_path: Path) -> None:
    scenario = read(FINE, tmp_path)
    assert scenario.about_s > 4 * (2.0 + 3.0)
    still = read(FINE.replace('master = "a"', 'master = "a"\ntakeover = false'), tmp_path)
    assert still.about_s < scenario.about_s


def test_unknown_variant_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no variant 'three'; there is one, two"):
        read(FINE, tmp_path, FULL, "three")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("crash a", "crash z", "x.toml:24: event.do: 'crash z': 'z' is no host; one of a, b"),
        ("crash a", "burn a", "x.toml:24: event.do: 'burn a': is nothing to do; begin with start"),
        (
            "crash a",
            "cut x",
            "x.toml:24: event.do: 'cut x': 'x' is no trunk; the topology has none",
        ),
        (
            "crash a",
            "rename a averyveryverylongname",
            "'averyveryverylongname' is no name of an interface; write at most",
        ),
        ("crash a", "lose a much", "'lose a much': cannot be understood; write `lose ... SHARE%"),
        ("crash a", "pull a.wan", "'pull a.wan': a has no cable to 'wan'; one of lan"),
        (
            '"wait 2s"',
            '"wait long"',
            "x.toml:14: event.do: 'wait long': 'long' is no duration; write",
        ),
        ('"wait 2s"', '"wait"', "x.toml:14: event.do: 'wait': cannot be understood; write `wait"),
        (
            '"wait 2s"',
            f'"wait {20 * "9"}s"',
            'is no duration; write "20ms", "1.5s" or "2min", at most "60min"',
        ),
        ('"3s"', f'"{400 * "9"}s"', f"x.toml:17: event.watch: '{60 * '9'}...' is no duration; wri"),
        ("crash a", f"forge a {20 * '9'}", f"'{20 * '9'}' is out of range; write 1 to 10000000"),
        ("crash a", "forge a 0", "x.toml:24: event.do: 'forge a 0': '0' is out of range; write 1"),
        ("flood = 7", f"flood = {5000 * '9'}", "x.toml: is not TOML"),
        ('"3s"', '"3"', 'x.toml:17: event.watch: \'3\' is no duration; write "20ms", "1.5s"'),
        ('master = "a"', 'master = "z"', "x.toml:16: event.master: 'z' is no host; one of a, b"),
        ('"full"', '"long"', "x.toml:26: event.only: 'long' is no form; write \"short\" or"),
        ("flood = 7", 'flood = "7"', "x.toml:4: flood: '7' cannot be used; write a whole number"),
        ("flood = 7", 'probe = ["x"]', "x.toml:4: probe: 'x' is no address; write"),
        ("flood = 7", 'transfer = ["a"]', "x.toml:4: transfer: ['a'] cannot be used; write two of"),
        ("flood = 7", 'transfer = ["a", "b"]', "x.toml:4: transfer: has no address to go to; name"),
        (
            'variant = "two"',
            'variant = "tow"',
            "x.toml:27: event.variant: 'tow' is no variant; there is one, two",
        ),
        (
            "[variant.one]",
            '[override.z]\npassphrase = "x"\n[variant.one]',
            "x.toml:7: override.z.passphrase: 'z' is no host; one of a, b",
        ),
        (
            'variant = "two"',
            'variant = "two"\napart = ["a"]',
            "x.toml:28: event.apart: one host alone is apart from nobody; name two of a, b at",
        ),
        (
            "[variant.one]",
            '[override.a]\naddresses = ["10.77.0.9"]\n[variant.one]',
            "x.toml:7: override.a.addresses: 10.77.0.9 has no prefix length; write 10.77.0.9/LEN",
        ),
        ("flood = 7", "fload = 7", "x.toml:4: fload: is not known; did you mean flood?"),
        ("b=naive", "b=nave", "variant.two.impl: 'b=nave' cannot be used; nave is no implementat"),
        (
            "b=naive",
            "naive",
            "variant.two.impl: 'naive' cannot be used; write \"HOST=IMPLEMENTATION\"",
        ),
    ],
)
def test_problem_is_told_with_line_key_and_remedy(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    assert old in FINE
    with pytest.raises(ConfigError) as raised:
        read(FINE.replace(old, new), tmp_path, FULL, "two")
    assert problem in str(raised.value)


def test_scenario_without_an_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml:1: event: is missing; add \[\[event\]\]"):
        read('title = "x"\nwhy = "y"\ntopology = "pair"\n', tmp_path)


@pytest.mark.parametrize(("form", "only"), [(FULL, SHORT), (SHORT, FULL)])
def test_scenario_without_an_event_of_the_form_is_refused(
    form: str, only: str, tmp_path: Path
) -> None:
    text = FINE.split("[[event]]")[0] + "[[event]]" + FINE.split("[[event]]")[1]
    text += f'only = "{only}"\n'
    with pytest.raises(ConfigError, match=f"event: none is played in the {form} form of variant"):
        read(text, tmp_path, form)


@pytest.mark.parametrize(
    ("topology", "problem"),
    [
        ('topology = "pear"', "x.toml:3: topology: 'pear' is neither a topology nor a file; use"),
        ("topology = 7", "x.toml:3: topology: 7 cannot be used; write a text in quotes"),
        ('topology = ""', "x.toml:3: topology: is empty; use gateway-pair, many-groups"),
        ("", "x.toml:1: topology: is missing; add a text in quotes"),
    ],
)
def test_wrong_topology_is_told_beside_the_other_problems_but_those_that_follow_from_it(
    topology: str, problem: str, tmp_path: Path
) -> None:
    text = GOOD.replace('topology = "pair"', topology).replace('"3s"', '"3"')
    with pytest.raises(ConfigError) as raised:
        read(text, tmp_path, FULL, "two")
    assert sorted(text.removeprefix(f"{tmp_path}/") for text in raised.value.problems) == sorted(
        [
            next(one for one in raised.value.problems if problem in one).removeprefix(
                f"{tmp_path}/"
            ),
            'x.toml:17: event.watch: \'3\' is no duration; write "20ms", "1.5s" or "2min",'
            ' at most "60min"',
        ]
    )


def test_problems_of_a_topology_file_are_told_with_those_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('title = "mine"\n[network.lan]\nprefixes = ["x"]\n')
    text = FINE.replace('"pair"', '"mine.toml"').replace('"3s"', '"3"')
    with pytest.raises(ConfigError) as raised:
        read(text, tmp_path, FULL, "two")
    *topology, scenario = raised.value.problems
    assert any("mine.toml:3: network.lan.prefixes: 'x' is no prefix" in one for one in topology)
    assert "x.toml:17: event.watch: '3' is no duration" in scenario


def test_scenario_that_cannot_be_read_is_told_with_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory; name a file in it"):
        read_scenario(tmp_path)


def test_unknown_scenario_is_refused_with_where_to_find_them() -> None:
    with pytest.raises(ConfigError, match="neither a scenario nor a file; carpio lab list tells"):
        scenario_path("crush")


def test_scenario_without_ipv6_keeps_what_has_ipv4_addresses() -> None:
    pair = read_scenario(scenario_path("crash")).without_ipv6()
    assert [str(address) for address in pair.plan.groups[0].addresses] == ["10.77.0.100/24"]
    assert read_scenario(scenario_path("v6-only")).without_ipv6().plan.groups == ()


@pytest.mark.parametrize("form", [SHORT, FULL])
@pytest.mark.parametrize("name", scenario_names())
def test_scenario_that_comes_with_carpio_is_read_and_says_why(name: str, form: str) -> None:
    first = read_scenario(scenario_path(name), form)
    for variant in first.variants or ("",):
        scenario = read_scenario(scenario_path(name), form, variant)
        assert scenario.events
        assert len(scenario.why) > 80
        first_event = scenario.events[0]
        assert not (first_event.has_service_before and first_event.masters)
