"""Address lines; whole interfaces are in transcripts/showing.txt."""

from carpio.bsd.formats import Formats
from carpio.bsd.show_addresses import address_lines, ether_text
from carpio.control.network import AddressView, InterfaceView


def lines(address: AddressView, formats: Formats = Formats(), **values: object) -> str:  # noqa: B008
    view = InterfaceView(
        **{
            "index": 0x1A,
            "name": "em0",
            "kind": "",
            "mac": None,
            "flags": 3,
            "mtu": 1500,
            "is_ethernet": True,
            "has_carrier": True,
            "addresses": [address],
            **values,
        }
    )
    inet, inet6 = address_lines(
        view, formats, with_lifetimes=False, name_of=lambda address: f"<{address}>"
    )
    (line,) = inet + inet6
    return line


def test_a_broadcast_address_is_all_ones_unless_another_is_set():
    assert lines(AddressView(address="10.0.0.1", prefix_length=24)) == (
        "inet <10.0.0.1> netmask 0xffffff00 broadcast 10.0.0.255"
    )
    assert lines(AddressView(address="10.0.0.1", prefix_length=24, broadcast="10.0.0.0")) == (
        "inet <10.0.0.1> netmask 0xffffff00 broadcast 10.0.0.0"
    )
    assert lines(AddressView(address="10.0.0.1", prefix_length=0)).endswith(
        "netmask 0x00000000 broadcast 255.255.255.255"
    )


def test_there_is_no_broadcast_address_at_the_end_of_a_link_or_without_ethernet():
    ptp = AddressView(address="10.0.0.1", prefix_length=32, peer="10.0.0.2")
    assert lines(ptp) == "inet <10.0.0.1> --> 10.0.0.2 netmask 0xffffffff"
    assert lines(AddressView(address="10.0.0.1", prefix_length=32), is_ethernet=False) == (
        "inet <10.0.0.1> netmask 0xffffffff"
    )


def test_flags_stand_in_freebsds_order_and_the_vhid_last():
    address = AddressView(
        address="fe80::1",
        prefix_length=64,
        vhid=3,
        flags=["temporary", "autoconf", "deprecated", "duplicated", "tentative", "anycast"],
    )
    assert lines(address) == (
        "inet6 <fe80::1>%em0 prefixlen 64 anycast tentative duplicated deprecated autoconf "
        "temporary scopeid 0x1a vhid 3"
    )


def test_the_other_end_of_an_ipv6_link():
    address = AddressView(address="2001:db8::1", prefix_length=128, peer="2001:db8::2")
    assert lines(address) == "inet6 <2001:db8::1> --> 2001:db8::2 prefixlen 128"
    assert lines(address, Formats(inet6="cidr")) == "inet6 <2001:db8::1>/128 --> 2001:db8::2"


def test_macs():
    assert ether_text("02:00:00:00:00:01", Formats()) == "02:00:00:00:00:01"
    assert ether_text("02:00:00:00:00:01", Formats(ether="dash")) == "02-00-00-00-00-01"
