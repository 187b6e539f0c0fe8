"""Files come to say what runs, and go on saying all else."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.config.edit import Running, differences, edited, group_id, merged, notes
from carpio.config.files import Source, parse, read_sources
from carpio.config.layout import NotEditable
from carpio.config.load import assemble
from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.config.problems import Problems
from carpio.config.vhid import UNREAD_KEY, SecretPolicy
from carpio.core.model import InstanceConfig, Vhid, VirtualAddress
from carpio.errors import ConfigError
from carpio.wire.auth import Key

POLICY = SecretPolicy(required=False, environ={})
MAIN = """\
# This host.
preempt = false
include = ["more.toml"]

# The web.
[[vhid]]
id = 1
interface = "eth0"
passphrase = "one"  # of the web
addresses = ["10.0.0.1/24", "2001:DB8::1/64"]
"""
MORE = """\
# The mail.
[[vhid]]
id = 2
interface = "eth0"
name = "mail"
passphrase_file = "mail.pass"
advskew = 100
# sometimes
preempt = true

[[netns]]
name = "blue"
dscp = 1
log = 2
"""


class Files:
    """Files of a test, as the command sees them."""

    def __init__(self, directory: Path, main: str = MAIN, more: str = MORE) -> None:
        (directory / "c.toml").write_text(main)
        (directory / "more.toml").write_text(more)
        (directory / "mail.pass").write_text("two")
        problems = Problems()
        self.sources: tuple[Source, ...] = read_sources(directory / "c.toml", problems)
        self.config = assemble(self.sources, problems, POLICY)

    @property
    def running(self) -> Running:
        """A daemon that does what the files say."""
        return Running(
            settings={},
            namespaces={},
            groups=self.config.vhids,
            removed=frozenset(),
        )

    def after(self, running: Running) -> dict[str, str]:
        """Return the texts that change by name, having seen that they say what is wanted."""
        wanted = merged(self.config, running)
        texts = edited(self.sources, self.config, wanted)
        problems = Problems()
        read = [
            parse(source.file, texts.get(source.file, source.text), problems)
            for source in self.sources
        ]
        config = assemble([source for source in read if source], problems, POLICY)
        assert differences(config, wanted) == []
        return {file.name: text for file, text in texts.items()}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def with_group(running: Running, number: int, **values: Any) -> Running:
    """Change one group of what runs."""
    groups = [
        replace(vhid, instance=replace(vhid.instance, **values))
        if vhid.instance.vhid == number
        else vhid
        for vhid in running.groups
    ]
    return replace(running, groups=tuple(groups))


def new_group(
    number: int = 3, *, netns: str | None = None, name: str = "", **values: Any
) -> VhidConfig:
    values = {"key": Key.from_passphrase("three"), **values}
    instance = InstanceConfig(vhid=Vhid(number), carpdev="eth1", **values)
    return VhidConfig(instance=instance, netns=netns, name=name or f"{number}@eth1")


def addresses(*texts: str) -> tuple[VirtualAddress, ...]:
    made = [ip_interface(text) for text in texts]
    return tuple(VirtualAddress(one.ip, one.network.prefixlen) for one in made)


def test_what_runs_as_the_files_say_changes_nothing(files: Files) -> None:
    assert files.after(files.running) == {}
    told = {name: int(getattr(files.config, name)) for name in ("preempt", "allow", "dscp", "log")}
    blue = {"blue": {"dscp": 1, "log": 2}}
    assert files.after(replace(files.running, settings=told, namespaces=blue)) == {}


def test_settings_of_the_top_level_come_into_the_main_file(files: Files) -> None:
    running = replace(files.running, settings={"preempt": 1, "allow": 0, "dscp": 56, "stats": 7})
    assert files.after(running) == {
        "c.toml": MAIN.replace("preempt = false\n", "preempt = true\n").replace(
            '"more.toml"]\n', '"more.toml"]\nallow = false\n'
        )
    }


def test_settings_of_a_namespace_change_where_they_are(files: Files) -> None:
    running = replace(files.running, namespaces={"blue": {"dscp": 1, "log": 0, "preempt": 1}})
    assert files.after(running) == {
        "more.toml": MORE.replace("log = 2\n", "log = 0\npreempt = true\n")
    }


def test_a_setting_that_a_namespace_has_no_more_is_removed(files: Files) -> None:
    running = replace(files.running, namespaces={"blue": {"log": 2}})
    assert files.after(running) == {"more.toml": MORE.replace("dscp = 1\n", "")}


def test_a_namespace_that_the_daemon_does_not_know_keeps_its_settings(files: Files) -> None:
    running = replace(files.running, namespaces={"red": {"preempt": 1}, "green": {}})
    assert files.after(running) == {"c.toml": f'{MAIN}\n[[netns]]\nname = "red"\npreempt = true\n'}


def test_a_changed_group_changes_where_it_is(files: Files) -> None:
    running = with_group(files.running, 2, advskew=0, advbase=3, preempt=None)
    expected = MORE.replace("advskew = 100", "advskew = 0").replace("preempt = true\n", "")
    assert files.after(running) == {"more.toml": expected.replace("es\n", "es\nadvbase = 3\n")}


def test_addresses_that_stay_are_written_as_they_were(files: Files) -> None:
    wanted = addresses("2001:db8::1/64", "10.0.0.9/24")
    running = with_group(files.running, 1, addresses=wanted)
    assert files.after(running) == {
        "c.toml": MAIN.replace(
            '["10.0.0.1/24", "2001:DB8::1/64"]', '["2001:DB8::1/64", "10.0.0.9/24"]'
        )
    }


def test_addresses_get_the_order_in_which_they_run(files: Files) -> None:
    wanted = addresses("2001:db8::1/64", "10.0.0.1/24")
    running = with_group(files.running, 1, addresses=wanted)
    assert '["2001:DB8::1/64", "10.0.0.1/24"]' in files.after(running)["c.toml"]


def test_a_group_without_the_key_for_addresses_gets_it(files: Files) -> None:
    running = with_group(files.running, 2, addresses=addresses("10.0.0.2/32"))
    assert 'addresses = ["10.0.0.2/32"]\n' in files.after(running)["more.toml"]


def test_a_removed_group_is_removed_where_it_is(files: Files) -> None:
    (web, mail) = files.running.groups
    running = replace(files.running, groups=(mail,), removed=frozenset({group_id(web)}))
    assert files.after(running) == {"c.toml": MAIN[: MAIN.index("[[vhid]]")]}


def test_a_group_that_the_daemon_has_never_read_stays(files: Files) -> None:
    assert files.after(replace(files.running, groups=())) == {}


def test_a_group_that_was_removed_and_made_again_is_changed_in_place(files: Files) -> None:
    running = with_group(files.running, 1, advskew=9)
    removed = frozenset(group_id(vhid) for vhid in files.config.vhids)
    assert files.after(replace(running, removed=removed)) == {
        "c.toml": MAIN.rstrip("\n") + "\nadvskew = 9\n"
    }


def test_a_new_group_comes_to_the_end_of_the_main_file_with_all_that_it_has(files: Files) -> None:
    group = new_group(
        netns="blue",
        name="b3",
        advbase=2,
        advskew=7,
        preempt=False,
        addresses=addresses("10.0.3.1/24"),
    )
    running = replace(files.running, groups=(*files.running.groups, group))
    assert files.after(running) == {
        "c.toml": f"""{MAIN}
[[vhid]]
id = 3
interface = "eth1"
netns = "blue"
name = "b3"
passphrase = "three"
advbase = 2
advskew = 7
addresses = ["10.0.3.1/24"]
preempt = false
"""
    }


def test_a_new_group_without_extras_needs_no_more_than_it_must(files: Files) -> None:
    running = replace(files.running, groups=(*files.running.groups, new_group()))
    added = files.after(running)["c.toml"].removeprefix(MAIN)
    assert added == (
        '\n[[vhid]]\nid = 3\ninterface = "eth1"\npassphrase = "three"\n'
        "advbase = 1\nadvskew = 0\naddresses = []\n"
    )


# -- passphrases ---------------------------------------------------------------------------


def test_a_changed_passphrase_takes_the_place_of_the_former_one(files: Files) -> None:
    running = with_group(files.running, 1, key=Key.from_passphrase("eins"))
    assert files.after(running) == {"c.toml": MAIN.replace('"one"', '"eins"')}


def test_a_changed_passphrase_takes_the_place_of_the_file_with_it_and_that_is_said(
    files: Files,
) -> None:
    running = with_group(files.running, 2, key=Key.from_passphrase("zwei"))
    assert files.after(running) == {
        "more.toml": MORE.replace('passphrase_file = "mail.pass"', 'passphrase = "zwei"')
    }
    (note,) = notes(files.sources, files.config, merged(files.config, running), running)
    assert note == (
        f"mail: its passphrase is now in {files.sources[1].file}, "
        "and mail.pass is not used any more"
    )
    assert "zwei" not in note


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"", 'passphrase = ""'),
        (b"1234567890123456789", 'passphrase = "1234567890123456789"'),
        ('"ä\\'.encode(), 'passphrase = "\\"ä\\\\"'),
        (b"12345678901234567890", f'passphrase_hex = "{b"12345678901234567890".hex()}"'),
        (b"a\0b", f'passphrase_hex = "{b"a".hex()}00{b"b".hex()}{"00" * 17}"'),
        (b"\xff", f'passphrase_hex = "ff{"00" * 19}"'),
        (b"a\nb", f'passphrase_hex = "{b"a".hex()}0a{b"b".hex()}{"00" * 17}"'),
        (b"\x1b[2J", f'passphrase_hex = "{bytes((27,)).hex()}5b324a{"00" * 16}"'),
    ],
)
def test_a_key_is_written_as_people_would_type_it_or_in_hexadecimal(
    files: Files, raw: bytes, line: str
) -> None:
    running = with_group(files.running, 1, key=Key.from_bytes(raw))
    assert files.after(running) == {"c.toml": MAIN.replace('passphrase = "one"', line, 1)}


def test_a_passphrase_that_cannot_be_read_keeps_its_line_and_that_is_said(tmp_path: Path) -> None:
    credential = MORE.replace('passphrase_file = "mail.pass"', 'passphrase_credential = "mail"')
    files = Files(tmp_path, more=credential)
    assert files.config.vhids[1].instance.key is UNREAD_KEY
    running = with_group(files.running, 2, key=Key.from_passphrase("secret"), advskew=1)
    assert files.after(running) == {"more.toml": credential.replace("= 100", "= 1")}
    (note,) = notes(files.sources, files.config, merged(files.config, running), running)
    assert note == "mail: its passphrase cannot be read here; the line of it stays"
    gone = replace(running, groups=running.groups[:1])
    assert notes(files.sources, files.config, merged(files.config, gone), gone) == []


# -- what cannot be edited or said ----------------------------------------------------------


def test_a_form_that_cannot_be_edited_is_told_with_its_file(tmp_path: Path) -> None:
    files = Files(tmp_path, more='vhid = [{id = 2, interface = "e", passphrase = ""}]\n')
    with pytest.raises(NotEditable, match=r"more\.toml: vhid is a list within one value"):
        files.after(with_group(files.running, 2, advskew=1))
    files = Files(tmp_path, main="vhid = []\n")
    with pytest.raises(NotEditable, match=r"c\.toml: vhid is a list within one value"):
        files.after(replace(files.running, groups=(*files.running.groups, new_group())))


def test_a_form_that_cannot_be_edited_matters_only_where_it_changes(tmp_path: Path) -> None:
    files = Files(tmp_path, more='vhid = [{id = 2, interface = "e", passphrase = ""}]\n')
    assert list(files.after(with_group(files.running, 1, advskew=1))) == ["c.toml"]


def test_what_no_file_can_say_is_found_when_the_text_is_read(files: Files) -> None:
    twice = replace(files.running, groups=(*files.running.groups, new_group(name="mail")))
    with pytest.raises(ConfigError, match="the name mail is already used"):
        files.after(twice)


def test_differences_are_named_whatever_the_order() -> None:
    one = DaemonConfig(
        vhids=(new_group(3), new_group(4)),
        namespaces=(("a", NamespaceSettings(log=1)), ("b", NamespaceSettings())),
    )
    other = replace(one, vhids=one.vhids[::-1], namespaces=one.namespaces[::-1])
    assert differences(one, other) == []
    other = replace(one, dscp=1, vhids=(new_group(3, advskew=1),), namespaces=one.namespaces[:1])
    assert differences(one, other) == ["dscp", "3@eth1", "4@eth1", "b"]


_KEYS = st.one_of(st.binary(max_size=20), st.text(max_size=6).map(lambda t: t.encode()[:20]))
_ADDRESSES = st.lists(
    st.sampled_from(["10.{}.0.1/24", "10.{}.0.2/24", "2001:db8:{}::1/64", "2001:db8:{}::2/64"]),
    unique=True,
)


@given(
    st.lists(
        st.tuples(st.integers(1, 6), _KEYS, st.integers(0, 254), _ADDRESSES),
        unique_by=lambda drawn: drawn[0],
        max_size=3,
    ),
    st.sets(st.integers(1, 2)),
    st.dictionaries(st.sampled_from(["preempt", "allow"]), st.integers(0, 1)),
    st.dictionaries(st.sampled_from(["blue", "red"]), st.just({"log": 7})),
)
def test_whatever_runs_the_files_say_it(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, bytes, int, list[str]]],
    removed: set[int],
    settings: dict[str, int],
    namespaces: dict[str, dict[str, int]],
) -> None:
    files = Files(tmp_path_factory.mktemp("any"))
    made = [
        new_group(
            number,
            key=Key.from_bytes(raw),
            advskew=skew,
            addresses=addresses(*(t.format(number) for t in texts)),
        )
        for number, raw, skew, texts in drawn
    ]
    groups = {vhid.instance.vhid: vhid for vhid in files.config.vhids}
    for vhid in made:
        old = groups.get(vhid.instance.vhid)
        if old:
            instance = replace(vhid.instance, carpdev=old.instance.carpdev)
            vhid = replace(old, instance=instance)
        groups[vhid.instance.vhid] = vhid
    gone = frozenset(group_id(v) for v in files.config.vhids if v.instance.vhid in removed)
    running = Running(
        settings=settings,
        namespaces=namespaces,
        groups=tuple(v for v in groups.values() if group_id(v) not in gone),
        removed=gone,
    )
    texts = files.after(running)
    for text in texts.values():
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
