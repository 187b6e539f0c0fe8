"""What is told of a namespace: groups in their place, and their macvlans not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from tests.helpers.builders import engine_config, group, running_engine
from tests.helpers.drafts import helper, link, plain

from carpio.control.network import AddressView, GroupView, InterfaceView, Network
from carpio.core.events import StateRequested
from carpio.core.model import InstanceConfig, InstanceView, Nanoseconds, State
from carpio.runtime import rtobjects as rt
from carpio.runtime.network_view import network_view
from carpio.runtime.rtobjects import Address, Link
from carpio.wire.auth import Key

LO = link("lo", 1, kind="", flags=rt.IFF_UP | rt.IFF_LOOPBACK, mac=bytes(6), hardware=772)
ETH0 = link("eth0", 2, kind="")
CHILD = helper(1, ETH0, 9)
GROUP = group("1@eth0", "10.0.0.9/24", "2001:db8::9/64", advskew=100, passphrase="hush-hush")
RAW = Key.from_passphrase("hush-hush").raw.hex()


def view(
    *links: Link,
    addresses: Sequence[Address] = (),
    groups: Sequence[tuple[InstanceConfig, InstanceView | None]] = (),
    keys: bool = False,
) -> Network:
    return network_view(links, addresses, groups, keys=keys)


def the(network: Network, name: str) -> InterfaceView:
    return next(one for one in network.interfaces if one.name == name)


def only(*links: Link, **more: Any) -> InterfaceView:
    (found,) = view(*links, **more).interfaces
    return found


# -- interfaces ----------------------------------------------------------------------------


def test_interfaces_are_told_in_the_kernels_order() -> None:
    told = view(link("z", 5), ETH0, link("a", 7), LO)
    assert [one.name for one in told.interfaces] == ["lo", "eth0", "z", "a"]


def test_ethernet_interface_is_told_with_its_macs() -> None:
    told = only(replace(ETH0, permanent_mac=bytes.fromhex("020000000009"), alias="uplink"))
    assert (told.is_ethernet, told.mac) == (True, "02:00:00:00:00:01")
    assert (told.permanent_mac, told.description) == ("02:00:00:00:00:09", "uplink")
    assert (told.index, told.mtu, told.flags, told.kind) == (2, 1500, rt.IFF_UP, "")


@pytest.mark.parametrize("other", [LO, link("tun0", 3, kind="tun", mac=b"", hardware=65534)])
def test_what_is_not_ethernet_has_no_mac(other: Link) -> None:
    told = only(other)
    assert (told.is_ethernet, told.mac, told.permanent_mac) == (False, None, None)


def test_carrier_is_told_as_groups_need_it() -> None:
    up = replace(ETH0, flags=rt.IFF_UP | rt.IFF_LOWER_UP)
    assert only(up).has_carrier
    assert not only(ETH0).has_carrier


def test_port_names_its_bridge_and_a_vlan_the_interface_below() -> None:
    told = view(
        link("bridge0", 3, kind="bridge"),
        replace(ETH0, master=3),
        replace(link("eth0.10", 4, kind="vlan", lower=2), vlan=10),
    )
    assert the(told, "eth0").master == "bridge0"
    assert the(told, "bridge0").master is None
    vlan = the(told, "eth0.10")
    assert (vlan.kind, vlan.vlan, vlan.parent) == ("vlan", 10, "eth0")
    assert the(told, "eth0").vlan is None


def test_interface_below_in_another_namespace_is_not_mistaken_for_one_here() -> None:
    told = view(ETH0, replace(link("v", 4, kind="vlan", lower=2), lower_elsewhere=True))
    assert the(told, "v").parent is None


def test_macvlan_of_a_group_is_left_out_with_what_it_holds() -> None:
    told = view(LO, ETH0, CHILD, addresses=[plain(9, "10.0.0.9/32")])
    assert [one.name for one in told.interfaces] == ["lo", "eth0"]
    assert "10.0.0.9" not in repr(told)


def test_other_macvlan_and_other_interface_with_such_a_description_are_told() -> None:
    told = view(link("mine", 3, kind="macvlan"), link("eth1", 4, alias="carpio uplink"))
    assert [one.name for one in told.interfaces] == ["mine", "eth1"]


# -- addresses -----------------------------------------------------------------------------


def addresses(*held: Address, on: Link = ETH0, **more: Any) -> list[AddressView]:
    return only(on, addresses=held, **more).addresses


def test_addresses_are_told_ipv4_first_each_family_in_the_kernels_order() -> None:
    texts = ("2001:db8::2/64", "10.0.0.3/24", "fe80::1/64", "10.0.0.2/24")
    told = addresses(*[plain(2, text) for text in texts])
    assert [one.address for one in told] == ["10.0.0.3", "10.0.0.2", "2001:db8::2", "fe80::1"]


def test_broadcast_address_that_the_kernel_does_not_have_is_that_of_the_network() -> None:
    silent = replace(plain(2, "10.0.0.2/24"), broadcast=None)
    (told,) = addresses(silent)
    assert told.broadcast == "10.0.0.255"
    (said,) = addresses(replace(silent, broadcast=ip_address("10.0.0.127")))
    assert said.broadcast == "10.0.0.127"
    (loopback,) = only(LO, addresses=[replace(plain(1, "127.0.0.1/8"), broadcast=None)]).addresses
    assert loopback.broadcast is None


def test_point_to_point_address_names_the_other_end() -> None:
    (told,) = addresses(
        replace(plain(2, "10.0.0.2/32"), broadcast=None, peer=ip_address("10.9.9.9"))
    )
    assert (told.peer, told.broadcast) == ("10.9.9.9", None)


def test_lifetimes_are_told_when_they_end() -> None:
    (told,) = addresses(replace(plain(2, "2001:db8::2/64"), preferred_s=0, valid_s=600))
    assert (told.preferred_s, told.valid_s) == (0, 600)
    (for_ever,) = addresses(plain(2, "2001:db8::2/64"))
    assert (for_ever.preferred_s, for_ever.valid_s) == (None, None)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (rt.IFA_F_TENTATIVE, ["tentative"]),
        (rt.IFA_F_TENTATIVE | rt.IFA_F_DADFAILED, ["tentative", "duplicated"]),
        (rt.IFA_F_DEPRECATED, ["deprecated"]),
        (rt.IFA_F_TEMPORARY, ["temporary"]),
        (rt.IFA_F_PERMANENT | rt.IFA_F_NODAD, []),
    ],
)
def test_flags_of_ipv6_are_words_and_those_of_ipv4_mean_something_else(
    flags: int, words: list[str]
) -> None:
    (told,) = addresses(plain(2, "2001:db8::2/64", flags=flags))
    assert told.flags == words
    (ipv4,) = addresses(plain(2, "10.0.0.2/24", flags=flags))
    assert ipv4.flags == []


def test_address_of_a_router_advertisement_is_told_as_such() -> None:
    (told,) = addresses(replace(plain(2, "2001:db8::2/64"), is_autoconfigured=True))
    assert told.flags == ["autoconf"]


# -- groups --------------------------------------------------------------------------------


def with_views(*configs: InstanceConfig) -> list[tuple[InstanceConfig, InstanceView | None]]:
    """The groups as an engine has them, the first as MASTER."""
    engine = running_engine(engine_config(*configs))
    engine.handle(StateRequested(configs[0].instance, State.MASTER), Nanoseconds(1))
    views = {one.instance: one for one in engine.snapshot().instances}
    return [(config, views[config.instance]) for config in configs]


def test_addresses_of_a_group_are_told_on_its_carpdev_behind_the_ordinary_ones() -> None:
    told = addresses(plain(2, "10.0.0.2/24"), plain(2, "2001:db8::2/64"), groups=[(GROUP, None)])
    assert [(one.address, one.prefix_length, one.vhid, one.broadcast) for one in told] == [
        ("10.0.0.2", 24, None, "10.0.0.255"),
        ("10.0.0.9", 24, 1, "10.0.0.255"),
        ("2001:db8::2", 64, None, None),
        ("2001:db8::9", 64, 1, None),
    ]


def test_groups_are_told_in_order_of_creation_each_on_its_interface() -> None:
    configs = (
        group("3@eth0", "10.0.0.3/24", advbase=2, advskew=7),
        group("1@eth1", "10.0.0.4/24"),
        group("2@eth0", "10.0.0.5/24"),
    )
    told = view(ETH0, link("eth1", 3), groups=with_views(*configs))
    assert the(told, "eth0").groups == [
        GroupView(vhid=3, state="MASTER", advbase=2, advskew=7),
        GroupView(vhid=2, state="BACKUP", advbase=1, advskew=0),
    ]
    assert [one.vhid for one in the(told, "eth1").groups] == [1]


def test_group_that_the_engine_does_not_know_yet_is_init() -> None:
    assert [one.state for one in only(ETH0, groups=[(GROUP, None)]).groups] == ["INIT"]


def test_group_of_an_interface_that_is_not_there_is_told_nowhere() -> None:
    assert only(link("eth1", 3), groups=[(GROUP, None)]).groups == []


def test_key_is_told_only_to_those_who_may_know_it() -> None:
    (silent,) = only(ETH0, groups=[(GROUP, None)]).groups
    assert silent.key is None
    (told,) = only(ETH0, groups=[(GROUP, None)], keys=True).groups
    assert told.key == RAW
