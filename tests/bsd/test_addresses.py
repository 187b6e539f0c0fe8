"""One word becomes an address, a mask, a MAC or a name, or an error with FreeBSD's text."""

import pytest

from carpio.bsd.addresses import (
    all_ones,
    class_prefix_length,
    eui64_address,
    is_interface_name,
    is_namespace_name,
    no_names,
    parse_inet,
    parse_inet6,
    parse_mac,
    parse_netmask,
)
from carpio.bsd.messages import IfconfigError


def host(name: str, version: int) -> str | None:
    return {("www.example", 4): "10.0.0.3", ("www.example", 6): "2001:db8::3"}.get((name, version))


def inet(word: str) -> tuple[str, int | None] | str:
    try:
        return parse_inet(word, host)
    except IfconfigError as error:
        return str(error)


def inet6(word: str) -> tuple[str, int | None] | str:
    try:
        return parse_inet6(word, host, {"em0"})
    except IfconfigError as error:
        return str(error)


def test_ipv4_addresses():
    assert inet("10.0.0.1") == ("10.0.0.1", None)
    assert inet("10.0.0.1/0") == ("10.0.0.1", 0)
    assert inet("10.0.0.1/32") == ("10.0.0.1", 32)
    assert inet("www.example/24") == ("10.0.0.3", 24)
    assert inet("010.0.0.1") == "010.0.0.1: bad value"  # octal there, decimal elsewhere
    assert inet("10.1") == "10.1: bad value"
    assert inet("10.0.0.1/") == "10.0.0.1/: bad value (width invalid)"
    assert inet("/24") == "/24: bad value"
    assert inet("mail.example") == "mail.example: bad value"


def test_ipv6_addresses():
    assert inet6("2001:DB8:0::1/128") == ("2001:db8::1", 128)
    assert inet6("fe80::1%em0") == ("fe80::1", None)
    assert (
        inet6("fe80::1%em1/64")
        == "fe80::1%em1/64: bad value (em1 is not the interface of this call)"
    )
    assert inet6("www.example") == ("2001:db8::3", None)
    assert inet6("x%em0") == "x%em0: bad value"
    assert inet6("10.0.0.1") == "10.0.0.1: bad value"


def test_only_what_can_be_a_host_name_is_looked_up():
    asked = []

    def note(name: str, _version: int) -> str | None:
        asked.append(name)
        return None

    for word in ("1.2.3", "a_b", "-up", "2001:db8::g", "a b", "www.example."):
        with pytest.raises(IfconfigError):
            parse_inet(word, note)
    assert asked == ["www.example."]
    assert no_names("www.example", 4) is None


def test_masks():
    assert parse_netmask("255.255.255.0") == 24
    assert parse_netmask("0xffffffff") == 32
    assert parse_netmask("0.0.0.0") == 0
    for wrong in ("255.0.255.0", "0xff00ff00", "0x1ffffffff", "24", "", "0x"):
        with pytest.raises(IfconfigError, match="bad value"):
            parse_netmask(wrong)


@pytest.mark.parametrize(
    ("address", "width"),
    [("10.0.0.1", 8), ("127.255.0.1", 8), ("128.0.0.1", 16), ("191.1.1.1", 16), ("192.0.0.1", 24)],
)
def test_masks_of_classes(address: str, width: int):
    assert class_prefix_length(address) == width


def test_the_usual_broadcast_address():
    assert all_ones("10.10.1.11", 24) == "10.10.1.255"
    assert all_ones("10.10.1.20", 32) == "10.10.1.20"
    assert all_ones("10.10.1.20", 0) == "255.255.255.255"


def test_macs():
    assert parse_mac("0:1:2:A:b:cc") == "00:01:02:0a:0b:cc"
    assert parse_mac("00-01-02-0a-0b-0c") == "00:01:02:0a:0b:0c"
    assert parse_mac("random") == "random"
    for wrong in ("00:01:02:03:04", "00:01:02:03:04:05:06", "00:01-02:03:04:05", "g:0:0:0:0:0", ""):
        with pytest.raises(IfconfigError, match="bad value"):
            parse_mac(wrong)


def test_the_identifier_of_an_interface():
    """The example of RFC 4291, appendix A."""
    assert eui64_address("2001:db8::", "34:56:78:9a:bc:de") == "2001:db8::3656:78ff:fe9a:bcde"


def test_names_that_linux_allows():
    assert all(is_interface_name(name) for name in ("em0", "em0.10", "a" * 15, "ü"))
    assert not any(
        is_interface_name(name) for name in ("", ".", "..", "a" * 16, "ü" * 8, "a/b", "a:b", "a b")
    )
    assert is_namespace_name("www.example")
    assert not any(is_namespace_name(name) for name in ("", ".", "a/b", "a" * 65, "a\n"))
