"""Changes on paper; whole files are in test_rcconf.py."""

import tomllib

import pytest

from carpio.bsd.groups_file import GroupsFile
from carpio.bsd.words import parse_change


@pytest.fixture
def file() -> GroupsFile:
    return GroupsFile()


@pytest.fixture
def told() -> list[str]:
    return []


def test_a_group_goes_with_its_last_address(file: GroupsFile, told: list[str]):
    for words in ("vhid 1 pass a alias 10.0.0.1/32", "10.0.0.1 -alias"):
        file.take(parse_change("em0", words.split()), told.append)
    assert file.toml() == ""
    assert told == []


def test_what_a_call_does_not_say_stays(file: GroupsFile, told: list[str]):
    for words in (
        ["vhid", "1", "pass", "a", "advbase", "5", "advskew", "100"],
        ["vhid", "1", "advskew", "0", "pass", ""],
    ):
        file.take(parse_change("em0", words), told.append)
    (group,) = tomllib.loads(file.toml())["vhid"]
    assert (group["passphrase"], group["advbase"], group["advskew"]) == ("a", 5, 0)


def test_the_same_number_on_two_interfaces_is_two_groups(file: GroupsFile, told: list[str]):
    for interface in ("em0", "em1"):
        file.take(parse_change(interface, ["vhid", "1"]), told.append)
    assert [g["interface"] for g in tomllib.loads(file.toml())["vhid"]] == ["em0", "em1"]


def test_signs_in_passphrases_are_escaped(file: GroupsFile, told: list[str]):
    passphrase = 'a"b\\c\t\x7f\né'
    file.take(parse_change("em0", ["vhid", "1", "pass", passphrase]), told.append)
    assert tomllib.loads(file.toml())["vhid"][0]["passphrase"] == passphrase


def test_removals_and_settings_of_the_interface_are_told_once(file: GroupsFile, told: list[str]):
    file.take(parse_change("em0", ["up", "mtu", "9000", "delete"]), told.append)
    assert told == [
        "left out: settings of em0 and the removal of an address; "
        "that is for the system's own network configuration"
    ]
