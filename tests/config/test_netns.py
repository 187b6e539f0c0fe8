"""Settings of single network namespaces, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpio.config.load import load_config
from carpio.config.model import DaemonConfig, NamespaceSettings, StackSettings
from carpio.config.schema import NETNS, PER_NETNS, TOP_LEVEL
from carpio.core.model import EngineConfig
from carpio.errors import ConfigError

ALL = (
    "preempt = true\nallow = false\ndscp = 0\nlog = 2\n"
    "ifdown_demotion_factor = 0\nsenderr_demotion_factor = 7\n"
)
GROUP = '[[vhid]]\nid = 1\ninterface = "eth0"\npassphrase = ""\nnetns = "blue"\n'


def load(tmp_path: Path, text: str, **others: str) -> DaemonConfig:
    for name, other in others.items():
        (tmp_path / f"{name}.toml").write_text(other)
    path = tmp_path / "c.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path, environ={})


def only_problem(tmp_path: Path, text: str, **others: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **others)
    (problem,) = caught.value.problems
    return problem.removeprefix(f"{tmp_path}/")


def test_every_key_of_a_namespace_arrives_and_holds_there_alone(tmp_path: Path) -> None:
    config = load(tmp_path, f'[[netns]]\nname = "blue"\n{ALL}{GROUP}')
    wanted = {
        "preempt": True,
        "allow": False,
        "dscp": 0,
        "log": 2,
        "ifdown_demotion_factor": 0,
        "senderr_demotion_factor": 7,
    }
    assert config.namespaces == (("blue", NamespaceSettings(**wanted)),)
    assert config.settings("blue") == StackSettings(**wanted)
    assert config.settings(None) == config.settings("red") == DaemonConfig().settings(None)
    assert config.engine_config("blue") == EngineConfig(
        instances=(config.vhids[0].instance,),
        preempt=True,
        allow=False,
        ifdown_demotion_factor=0,
        senderr_demotion_factor=7,
    )
    assert config.engine_config(None) == EngineConfig()


def test_what_a_namespace_does_not_say_is_as_at_the_top_level(tmp_path: Path) -> None:
    config = load(tmp_path, f'{ALL}[[netns]]\nname = "blue"\nallow = true\n')
    assert config.settings("blue") == StackSettings(
        preempt=True,
        allow=True,
        dscp=0,
        log=2,
        ifdown_demotion_factor=0,
        senderr_demotion_factor=7,
    )
    assert not config.settings(None).allow


def test_the_settings_of_the_top_level_that_namespaces_have_are_those_that_are_merged() -> None:
    config = DaemonConfig()
    for name in PER_NETNS:
        assert getattr(config.settings(None), name) == getattr(config, name)
    by_name = {field.name: field for field in TOP_LEVEL}
    for field in NETNS[1:]:
        top = by_name[field.name]
        assert (field.kind, field.low, field.high) == (top.kind, top.low, top.high)


def test_included_files_may_speak_of_namespaces(tmp_path: Path) -> None:
    text = 'include = ["x.toml"]\n[[netns]]\nname = "blue"\n'
    config = load(tmp_path, text, x='[[netns]]\nname = "red"\ndscp = 1\n')
    assert [name for name, _ in config.namespaces] == ["blue", "red"]
    assert config.settings("red").dscp == 1


def test_a_second_table_for_a_namespace_is_refused_with_both_lines(tmp_path: Path) -> None:
    table = '[[netns]]\nname = "blue"\n'
    assert only_problem(tmp_path, table + table) == (
        f"c.toml:4: name: blue has its settings already at {tmp_path}/c.toml:2; "
        "write one [[netns]] for it"
    )


def test_a_second_table_in_another_file_is_refused_with_both_files(tmp_path: Path) -> None:
    text = 'include = ["x.toml"]\n\n[[netns]]\nname = "blue"\n'
    assert only_problem(tmp_path, text, x='[[netns]]\nname = "blue"\n').startswith(
        f"x.toml:2: name: blue has its settings already at {tmp_path}/c.toml:4;"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dscp = 64", "dscp: 64 is not usable; write a whole number, 0 to 63"),
        ("preempt = 1", "preempt: 1 is not usable; write true or false"),
        ("log = 8", "log: 8 is not usable; write a whole number, 0 to 7"),
        ("preemt = true", "preemt: unknown key; did you mean preempt?"),
        (
            "bow_out = true",
            "bow_out: unknown key; it is the same for all; write it at the top level",
        ),
        ("advskew = 1", "advskew: unknown key; it belongs below [[vhid]]"),
    ],
)
def test_what_a_namespace_cannot_have_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    assert only_problem(tmp_path, f'[[netns]]\nname = "b"\n{line}\n') == f"c.toml:3: {problem}"


def test_a_namespace_needs_its_name(tmp_path: Path) -> None:
    text = "[[netns]]\npreempt = true\n[[netns]]\n"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert [problem.rpartition("c.toml:")[2] for problem in caught.value.problems] == [
        "1: name: is missing; add it: a text in quotes",
        "3: name: is missing; add it: a text in quotes",
    ]


@pytest.mark.parametrize("name", ["", "a/b", "..", "n" * 256])
def test_names_that_no_namespace_can_have_are_refused(tmp_path: Path, name: str) -> None:
    assert only_problem(tmp_path, f'[[netns]]\nname = "{name}"\n').startswith("c.toml:2: name: ")


@pytest.mark.parametrize("text", ['netns = "blue"', '[netns]\nname = "b"', "netns = [1]"])
def test_namespaces_that_are_not_a_list_of_tables_are_refused(tmp_path: Path, text: str) -> None:
    assert only_problem(tmp_path, text) == (
        "c.toml:1: netns: is not a list of tables; "
        "write [[netns]]; the netns of a group belongs below [[vhid]]"
    )
