from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.helpers.netns import Netns

from carpio.errors import PlatformError
from carpio.runtime.settings import Settings, StateFile

IGNORE, ANNOUNCE = "ipv4/conf/eth0/arp_ignore", "ipv4/conf/eth0/arp_announce"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "carpio" / "state.json"


def read(netns: Netns, key: str) -> int:
    return int(netns.run("cat", f"/proc/sys/net/{key}"))


def write(netns: Netns, key: str, value: int) -> None:
    netns.run("sh", "-c", f"echo {value} > /proc/sys/net/{key}")


def settings_of(netns: Netns, path: Path) -> Settings:
    return Settings(netns.namespace, netns.routes(), StateFile(path))


def test_state_survives_in_its_file_for_the_owner_alone(path: Path) -> None:
    state = StateFile(path)
    state.settings[IGNORE] = (0, 1)
    state.groups["1@eth0"] = "mark"
    state.save()
    again = StateFile(path)
    assert (again.settings, again.groups) == ({IGNORE: (0, 1)}, {"1@eth0": "mark"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.remove()
    assert not path.exists()
    assert StateFile(path).settings == {}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"settings": 1, "groups": {}}', '{"settings": {"a": [1]}}']
)
def test_damaged_file_counts_as_empty(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    state = StateFile(path)
    assert (state.settings, state.groups) == ({}, {})


def test_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match=r"writing .*state\.json: File exists"):
        StateFile(tmp_path / "file" / "state.json").save()


@pytest.mark.lab
def test_setting_of_a_foreign_interface_is_noted_before_it_changes_and_put_back(
    netns: Netns, path: Path
) -> None:
    write(netns, IGNORE, 2)
    index = netns.index("eth0")
    settings = settings_of(netns, path)
    settings.apply_remembered(index, {IGNORE: 1, ANNOUNCE: 2})
    assert (read(netns, IGNORE), read(netns, ANNOUNCE)) == (1, 2)
    assert json.loads(path.read_text())["settings"] == {IGNORE: [2, 1], ANNOUNCE: [0, 2]}
    after_a_kill = settings_of(netns, path)
    after_a_kill.apply_remembered(index, {IGNORE: 1, ANNOUNCE: 2})
    after_a_kill.restore({"eth0": index})
    assert (read(netns, IGNORE), read(netns, ANNOUNCE)) == (2, 0)


@pytest.mark.lab
def test_setting_that_was_right_already_is_not_noted(netns: Netns, path: Path) -> None:
    write(netns, IGNORE, 1)
    settings = settings_of(netns, path)
    settings.apply_remembered(netns.index("eth0"), {IGNORE: 1})
    settings.restore({"eth0": netns.index("eth0")})
    assert not path.exists()
    assert read(netns, IGNORE) == 1


@pytest.mark.lab
def test_setting_that_somebody_changed_since_is_left_to_him(netns: Netns, path: Path) -> None:
    settings = settings_of(netns, path)
    settings.apply_remembered(netns.index("eth0"), {IGNORE: 1})
    write(netns, IGNORE, 8)
    settings.restore({"eth0": netns.index("eth0")})
    assert read(netns, IGNORE) == 8


@pytest.mark.lab
def test_interface_that_is_gone_is_forgotten(netns: Netns, path: Path) -> None:
    state = StateFile(path)
    settings = Settings(netns.namespace, netns.routes(), state)
    settings.apply_remembered(netns.index("eth0"), {IGNORE: 1})
    assert state.settings == {IGNORE: (0, 1)}
    netns.ip("link", "del", "eth0")
    settings.restore({})
    assert state.settings == {}


@pytest.mark.lab
def test_setting_that_does_not_exist_is_an_error_with_its_name(netns: Netns, path: Path) -> None:
    with pytest.raises(PlatformError, match="net/ipv4/conf/eth9/arp_ignore: No such file"):
        settings_of(netns, path).apply(1, {"ipv4/conf/eth9/arp_ignore": 1})


@pytest.mark.lab
def test_all_and_default_stay_as_they_were(netns: Netns, path: Path) -> None:
    look = "grep -r . /proc/sys/net/ipv4/conf/all /proc/sys/net/ipv4/conf/default"
    before = netns.run("sh", "-c", look)
    settings_of(netns, path).apply_remembered(netns.index("eth0"), {IGNORE: 1, ANNOUNCE: 2})
    assert netns.run("sh", "-c", look) == before


@pytest.mark.lab
def test_what_is_kept_is_not_put_back_yet(netns: Netns, path: Path) -> None:
    state = StateFile(path)
    settings = Settings(netns.namespace, netns.routes(), state)
    settings.apply_remembered(netns.index("eth0"), {IGNORE: 1, ANNOUNCE: 2})
    settings.restore({"eth0": netns.index("eth0")}, keep=[ANNOUNCE])
    assert (read(netns, IGNORE), read(netns, ANNOUNCE)) == (0, 2)
    assert state.settings == {ANNOUNCE: (0, 2)}
