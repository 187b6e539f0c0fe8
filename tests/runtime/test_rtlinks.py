"""Messages for ordinary interfaces and addresses, as the kernel understands them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest
from tests.helpers.drafts import plain
from tests.helpers.netns import Netns

from carpio.errors import PlatformError
from carpio.runtime import rtobjects as rt
from carpio.runtime.rtlinks import (
    add_plain_address,
    change_link,
    create_bridge,
    create_dummy,
    create_veth,
    create_vlan,
    delete_plain_address,
    move_link,
    set_link_flags,
)
from carpio.runtime.rtnetlink import Request, RouteSocket
from carpio.runtime.rtobjects import Address, Link

MAC = bytes.fromhex("02000000000b")


def link_of(request: Request) -> Link:
    """Read a message back as if the kernel had told it."""
    told = rt.parse_object(rt.RTM_NEWLINK, request.body)
    assert told is not None
    assert isinstance(told.subject, Link)
    return told.subject


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (create_bridge("x0"), "bridge"),
        (create_dummy("x0"), "dummy"),
        (create_veth("x0", "x1"), "veth"),
        (create_vlan("x0", 7, 4094), "vlan"),
    ],
)
def test_new_interface_is_told_by_name_and_kind_and_down(request_: Request, kind: str) -> None:
    told = link_of(request_)
    assert (told.name, told.kind, told.index, told.is_up) == ("x0", kind, 0, False)
    assert request_.flags == rt.NLM_F_CREATE | rt.NLM_F_EXCL
    assert kind in request_.what


def test_vlan_is_told_with_its_number_and_the_interface_below() -> None:
    told = link_of(create_vlan("x0", 7, 4094))
    assert (told.vlan, told.lower) == (4094, 7)


def test_only_what_is_changed_is_told() -> None:
    told = link_of(change_link(7, mtu=1400))
    assert (told.index, told.mtu, told.name, told.mac, told.alias) == (7, 1400, "", b"", "")
    whole = link_of(change_link(7, mtu=1400, mac=MAC, name="x1", description="uplink ü", master=9))
    assert (whole.mac, whole.name, whole.alias, whole.master) == (MAC, "x1", "uplink ü", 9)


@pytest.mark.parametrize("text", ["10.1.0.7/24", "2001:db8:1::7/64"])
def test_address_is_told_with_all_that_belongs_to_it(text: str) -> None:
    wanted = replace(
        plain(7, text),
        flags=rt.IFA_F_NODAD,
        label="eth0:x" if "." in text else "",
        scope=rt.RT_SCOPE_LINK,
        metric=300,
        preferred_s=10,
        valid_s=20,
    )
    told = rt.parse_object(rt.RTM_NEWADDR, add_plain_address(wanted).body)
    assert told is not None
    assert told.subject == wanted


def test_address_of_a_point_to_point_link_is_told_with_the_other_end() -> None:
    wanted = replace(plain(7, "10.1.0.7/32"), peer=ip_address("10.9.0.1"), broadcast=None)
    for request_ in (add_plain_address(wanted), delete_plain_address(wanted)):
        told = rt.parse_object(rt.RTM_NEWADDR, request_.body)
        assert told is not None
        assert told.subject == wanted


# -- as the kernel does it -----------------------------------------------------------------


def made(netns: Netns, request_: Request, name: str) -> Link:
    routes = netns.routes()
    routes.require([request_])
    found = routes.link(name)
    assert found is not None
    return found


@pytest.mark.lab
def test_bridge_is_made_down_and_takes_a_port(netns: Netns) -> None:
    bridge = made(netns, create_bridge("br0"), "br0")
    assert (bridge.kind, bridge.is_up) == ("bridge", False)
    routes, port = netns.routes(), netns.index("wire0")
    routes.require([change_link(port, master=bridge.index)])
    assert "master br0" in netns.ip("link", "show", "wire0")
    routes.require([change_link(port, master=0)])
    assert "master" not in netns.ip("link", "show", "wire0")


@pytest.mark.lab
def test_both_ends_of_a_cable_are_made_and_know_each_other(netns: Netns) -> None:
    first = made(netns, create_veth("epair0a", "epair0b"), "epair0a")
    assert first.kind == "veth"
    assert netns.index("epair0b") == first.lower


@pytest.mark.lab
@pytest.mark.parametrize("kind", ["vlan", "dummy"])
def test_vlan_and_dummy_are_made_where_the_kernel_has_them(netns: Netns, kind: str) -> None:
    parent = netns.index("eth0")
    request_ = create_vlan("x0", parent, 10) if kind == "vlan" else create_dummy("x0")
    try:
        told = made(netns, request_, "x0")
    except PlatformError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip(f"this kernel has no interfaces of kind {kind}: {error}")
    assert (told.kind, told.vlan) == (kind, 10 if kind == "vlan" else 0)


@pytest.mark.lab
def test_name_that_is_taken_is_refused_and_told_with_what_was_done(netns: Netns) -> None:
    with pytest.raises(PlatformError, match="creating bridge eth0: File exists") as caught:
        netns.routes().require([create_bridge("eth0")])
    assert caught.value.errno == errno.EEXIST


@pytest.mark.lab
def test_changed_settings_read_back(netns: Netns) -> None:
    routes, index = netns.routes(), netns.index("wire0")
    routes.require([change_link(index, mtu=1400, mac=MAC, description="x" * 255)])
    told = routes.link("wire0")
    assert told is not None
    assert (told.mtu, told.mac, told.alias) == (1400, MAC, "x" * 255)
    routes.require([change_link(index, description="")])
    assert "alias" not in netns.ip("link", "show", "wire0")
    routes.require([set_link_flags(index, 0, rt.IFF_UP), change_link(index, name="cable")])
    assert netns.index("cable") == index


@pytest.mark.lab
def test_flags_beside_the_mask_are_left_alone(netns: Netns) -> None:
    routes, index = netns.routes(), netns.index("wire0")
    routes.require([set_link_flags(index, rt.IFF_NOARP | rt.IFF_PROMISC, rt.IFF_NOARP)])
    told = routes.link("wire0")
    assert told is not None
    assert told.flags & (rt.IFF_UP | rt.IFF_NOARP | rt.IFF_PROMISC) == rt.IFF_UP | rt.IFF_NOARP


@pytest.mark.lab
def test_interface_moves_into_the_namespace_of_a_descriptor(
    make_netns: Callable[[], Netns],
) -> None:
    here, there = make_netns(), make_netns()
    here.routes().require([create_veth("x0", "x1")])
    here.routes().require([move_link(here.index("x1"), there.namespace.descriptor)])
    assert there.routes().link("x1") is not None
    assert here.routes().link("x1") is None


def addresses(routes: RouteSocket, index: int) -> dict[str, Address]:
    return {str(a.address): a for a in routes.addresses() if a.index == index}


@pytest.mark.lab
def test_address_comes_with_all_that_belongs_to_it_and_goes(netns: Netns) -> None:
    routes, index = netns.routes(), netns.index("wire0")
    v4 = replace(plain(index, "10.7.0.1/24"), label="wire0:x", metric=300)
    v6 = replace(plain(index, "2001:db8:7::1/64"), flags=rt.IFA_F_NODAD, valid_s=900, preferred_s=0)
    routes.require([add_plain_address(v4), add_plain_address(v6)])
    assert "metric 300" in netns.ip("route", "show", "10.7.0.0/24")
    held = addresses(routes, index)
    assert replace(held["10.7.0.1"], flags=0) == v4
    told = held["2001:db8:7::1"]
    assert (told.is_usable, told.preferred_s, told.prefix_length) == (True, 0, 64)
    assert 890 < told.valid_s <= 900
    routes.require([delete_plain_address(v4), delete_plain_address(v6)])
    assert {"10.7.0.1", "2001:db8:7::1"}.isdisjoint(addresses(routes, index))


@pytest.mark.lab
def test_address_that_is_there_is_not_added_again(netns: Netns) -> None:
    again = add_plain_address(plain(netns.index("eth0"), "10.1.0.1/24"))
    assert netns.routes().execute([again]) == [errno.EEXIST]


@pytest.mark.lab
def test_address_on_loopback_is_the_hosts_own(netns: Netns) -> None:
    own = replace(plain(netns.index("lo"), "127.0.0.9/8"), scope=rt.RT_SCOPE_HOST)
    netns.routes().require([add_plain_address(own)])
    assert "scope host" in netns.ip("addr", "show", "to", "127.0.0.9")


@pytest.mark.lab
def test_answers_of_many_messages_stay_in_order(netns: Netns) -> None:
    index = netns.index("eth0")
    wanted = [
        add_plain_address(plain(index, f"10.7.{n // 250}.{n % 250 + 1}/32")) for n in range(300)
    ]
    wrong = delete_plain_address(plain(index, "10.8.0.1/32"))
    results = netns.routes().execute([*wanted[:150], wrong, *wanted[150:], wanted[0]])
    assert results == [0] * 150 + [errno.EADDRNOTAVAIL] + [0] * 150 + [errno.EEXIST]
