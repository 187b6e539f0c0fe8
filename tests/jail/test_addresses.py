"""Values of ip4.addr and ip6.addr as calls of ifconfig, and as carpio's ifconfig reads those."""

from __future__ import annotations

import pytest

from carpio.bsd.words import parse_change
from carpio.control.network import AddAddress, DeleteAddress, SetVhid
from carpio.jail.addresses import AddressSetting, Family, parse_addresses


def parsed(value: str, family: Family = "inet", interface: str | None = None) -> AddressSetting:
    (setting,), problems = parse_addresses([value], family, interface)
    assert problems == []
    return setting


EXTRA = "vhid 1 pass a|b/c advskew 100"


@pytest.mark.parametrize(
    ("family", "value", "up", "down"),
    [
        (
            "inet",
            "em0|10.0.0.1",
            f"em0 inet 10.0.0.1 netmask 255.255.255.255 {EXTRA} alias",
            "em0 inet 10.0.0.1 netmask 255.255.255.255 -alias",
        ),
        (
            "inet",
            "em0|10.0.0.1/255.255.255.0",
            f"em0 inet 10.0.0.1 netmask 255.255.255.0 {EXTRA} alias",
            "em0 inet 10.0.0.1 netmask 255.255.255.0 -alias",
        ),
        (
            "inet",
            "em0|10.0.0.1/24",
            f"em0 inet 10.0.0.1/24 {EXTRA} alias",
            "em0 inet 10.0.0.1/24 -alias",
        ),
        (
            "inet6",
            "em0|2001:db8::1",
            f"em0 inet6 2001:db8::1 prefixlen 128 {EXTRA} alias",
            "em0 inet6 2001:db8::1 prefixlen 128 -alias",
        ),
        (
            "inet6",
            "em0|2001:db8::1/64",
            f"em0 inet6 2001:db8::1/64 {EXTRA} alias",
            "em0 inet6 2001:db8::1/64 -alias",
        ),
    ],
)
def test_an_address_and_its_vhid_are_one_call(
    family: Family, value: str, up: str, down: str
) -> None:
    setting = parsed(f"{value} {EXTRA}", family)
    assert setting.up() == ["ifconfig", *up.split(" ")]
    assert setting.down() == ["ifconfig", *down.split(" ")]
    vhid, added = parse_change("em0", setting.up()[2:]).steps
    assert vhid == SetVhid(vhid=1, passphrase="a|b/c", advskew=100)
    assert isinstance(added, AddAddress)
    assert (added.address, added.vhid) == (setting.address, 1)
    (deleted,) = parse_change("em0", setting.down()[2:]).steps
    assert isinstance(deleted, DeleteAddress)
    assert deleted.address == setting.address


def test_without_an_interface_no_alias_is_made() -> None:
    setting = parsed("10.0.0.1/24 vhid 1")
    assert (setting.address, setting.up(), setting.down()) == ("10.0.0.1", [], [])


def test_the_default_interface_is_for_those_that_name_none() -> None:
    assert parsed("10.0.0.1", interface="em1").up()[1] == "em1"
    assert parsed("em0|10.0.0.1", interface="em1").up()[1] == "em0"


def test_extra_words_are_split_at_blanks_only() -> None:
    assert parsed("em0|10.0.0.1  a  b\tc ").extra == ("a", "b\tc")


def test_a_passphrase_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(parsed("em0|10.0.0.1 vhid 1 pass s3cret"))


def test_more_than_255_addresses_are_too_many() -> None:
    values = [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(256)]
    assert parse_addresses(values[:255], "inet", None)[1] == []
    assert parse_addresses(values, "inet", None)[1] == ["more than 255 addresses"]


def test_what_is_wrong_with_one_does_not_hide_the_others() -> None:
    found, problems = parse_addresses(["x", "10.0.0.1", "10.0.0.2/x"], "inet", None)
    assert [setting.address for setting in found] == ["10.0.0.1"]
    assert problems == ["x: not an IPv4 address", '10.0.0.2: bad netmask "x"']
