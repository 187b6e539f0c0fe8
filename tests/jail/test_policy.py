"""What of the host's network the values of a jail ask for."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from carpio.jail.policy import FamilyPolicy, Mode, Policy, policy_of
from carpio.jail.values import Setpoint

DISABLED = FamilyPolicy(mode=Mode.DISABLE)


def test_without_a_word_both_families_are_disabled():
    assert policy_of({}) == Policy(ip4=DISABLED, ip6=DISABLED)
    assert not policy_of({}).is_free


def test_a_list_means_just_its_addresses_without_masks_and_words():
    values: dict[str, Setpoint] = {
        "ip4.addr": ("eth0|192.0.2.1/32 vhid 1 pass x/y", "192.0.2.2"),
        "ip6.addr": ("2001:db8::1/64",),
        "ip6.saddrsel": False,
    }
    policy = policy_of(values)
    assert policy.ip4.addresses == (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))
    assert policy.ip4.mode is Mode.NEW
    assert policy.ip4.saddrsel
    assert policy.ip6.addresses == (IPv6Address("2001:db8::1"),)
    assert not policy.ip6.saddrsel


@pytest.mark.parametrize("mode", ["new", "inherit", "disable"])
def test_a_list_counts_whatever_mode_is_said(mode: str):
    policy = policy_of({"ip4": mode, "ip4.addr": ("192.0.2.1",)})
    assert policy.ip4.mode is Mode.NEW


def test_modes_count_without_a_list_and_new_with_none_is_disabled():
    policy = policy_of({"ip4": "inherit", "ip6": "new", "ip6.addr": ()})
    assert policy.ip4 == FamilyPolicy(mode=Mode.INHERIT)
    assert policy.ip6.effective is Mode.DISABLE


@pytest.mark.parametrize("value", [{"vnet": "new"}, {"carpio.unrestricted": True}])
def test_an_own_network_or_the_wish_for_no_restriction_is_free(value: dict[str, Setpoint]):
    assert policy_of({"ip4.addr": ("192.0.2.1",), **value}).is_free


def test_raw_sockets_are_as_the_jail_says():
    assert policy_of({"allow.raw_sockets": True}).allows_raw
    assert not policy_of({"allow.raw_sockets": False}).allows_raw
