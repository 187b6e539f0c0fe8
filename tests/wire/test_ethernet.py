import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC
from carpio.wire.ethernet import (
    advertising_vhid,
    ethernet_header,
    ethertype_and_offset,
    format_mac,
    parse_mac,
    virtual_mac,
)

MACS = bytes.fromhex("01005e00001200005e000101")


def test_r009_the_virtual_mac_ends_in_the_vhid():
    assert [format_mac(virtual_mac(vhid)) for vhid in (1, 171, 255)] == [
        "00:00:5e:00:01:01",
        "00:00:5e:00:01:ab",
        "00:00:5e:00:01:ff",
    ]


@pytest.mark.parametrize("vhid", [-1, 256])
def test_a_vhid_that_does_not_fit_has_no_virtual_mac(vhid: int):
    with pytest.raises(ValueError, match="range"):
        virtual_mac(vhid)


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_survives_being_written_and_read(mac: bytes):
    assert parse_mac(format_mac(mac)) == mac


def test_capital_letters_are_read():
    assert parse_mac("00:00:5E:00:01:AB") == virtual_mac(0xAB)


@pytest.mark.parametrize(
    "text", ["", "00:00:5e:00:01", "00:00:5e:00:01:01:01", "00005e000101", "00:00:5e:00:01:0g", "x"]
)
def test_what_is_no_mac_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match="looks like 00:00:5e:00:01:01"):
        parse_mac(text)


def test_a_header_is_destination_source_and_type():
    assert ethernet_header(MACS[:6], MACS[6:], 0x86DD) == MACS + b"\x86\xdd"


@pytest.mark.parametrize(
    ("tags", "vlan"),
    [("", None), ("8100a00a", 10), ("88a80064 8100000c", 12)],
    ids=["untagged", "802.1Q-with-priority", "802.1ad"],
)
def test_the_type_is_found_behind_tags_with_the_innermost_vlan(tags: str, vlan: int | None):
    frame = MACS + bytes.fromhex(tags) + b"\x08\x00payload"
    ethertype, offset, found_vlan = ethertype_and_offset(frame) or (0, 0, None)
    assert (ethertype, frame[offset:], found_vlan) == (0x0800, b"payload", vlan)


@pytest.mark.parametrize("end", range(18))
def test_a_frame_that_ends_before_its_type_has_none(end: int):
    assert ethertype_and_offset((MACS + bytes.fromhex("8100000a0800"))[:end]) is None


@pytest.mark.parametrize("vhid", [1, 112, 255])
def test_the_vhid_that_advertises_is_told_by_the_macs_alone(vhid: int) -> None:
    virtual = virtual_mac(vhid)
    for group in (CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC):
        assert advertising_vhid(ethernet_header(group, virtual, 0x1234)) == vhid
        for source in ("02005e000101", "00005e000201"):
            assert advertising_vhid(ethernet_header(group, bytes.fromhex(source), 0x0800)) is None
    for destination in (bytes(6), b"\xff" * 6, virtual):
        assert advertising_vhid(ethernet_header(destination, virtual, 0x0800)) is None
