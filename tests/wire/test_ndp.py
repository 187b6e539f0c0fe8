from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.constants import ICMPV6
from carpio.wire.ethernet import virtual_mac
from carpio.wire.ipv6 import parse_ipv6, pseudo_checksum
from carpio.wire.ndp import NeighbourMessage, parse_ndp, unsolicited_na_frame

VIP = IPv6Address("2001:db8::11").packed
SOURCE = IPv6Address("fe80::3").packed
ALL_NODES = IPv6Address("ff02::1").packed
MAC = virtual_mac(1)
OTHER_MAC = bytes.fromhex("020000002d02")
SOLICITATION, ADVERTISEMENT = 135, 136
FRAME = unsolicited_na_frame(MAC, VIP, SOURCE)


def icmp(kind: int, options: str = "") -> bytes:
    return bytes((kind,)) + bytes(7) + VIP + bytes.fromhex(options)


def test_r092_an_announcement_goes_from_the_virtual_mac_to_all_nodes():
    assert FRAME[:14].hex() == "33330000000100005e00010186dd"
    packet = parse_ipv6(FRAME, 14)
    assert packet is not None
    assert packet[:4] == (SOURCE, ALL_NODES, 255, ICMPV6)


def test_r092_an_announcement_says_override_only_and_names_the_virtual_mac():
    message = FRAME[54:]
    assert message[:2] == b"\x88\x00"
    assert message[4:] == bytes.fromhex("20000000") + VIP + bytes.fromhex("0201") + MAC
    assert pseudo_checksum(SOURCE, ALL_NODES, ICMPV6, message) == 0


def test_what_was_built_is_read_back():
    expected = NeighbourMessage(
        type=ADVERTISEMENT, ethernet_source=MAC, source=SOURCE, target=VIP, link_layer=MAC
    )
    assert parse_ndp(FRAME[54:], SOURCE, MAC) == expected


@pytest.mark.parametrize(
    ("kind", "options", "found"),
    [
        (SOLICITATION, "0101020000002d02", OTHER_MAC),
        (ADVERTISEMENT, "0201020000002d02", OTHER_MAC),
        (SOLICITATION, "0201020000002d02", None),
        (ADVERTISEMENT, "0101020000002d02", None),
        (SOLICITATION, "0e01000000000000 0101020000002d02", OTHER_MAC),
        (SOLICITATION, "0102" + "00" * 14 + "0101020000002d02", OTHER_MAC),
        (SOLICITATION, "0e00000000000000 0101020000002d02", None),
        (SOLICITATION, "0101020000002d", None),
        (SOLICITATION, "", None),
    ],
    ids=[
        "source",
        "target",
        "target-in-solicitation",
        "source-in-advertisement",
        "behind-a-nonce",
        "behind-a-longer-address",
        "behind-an-endless-option",
        "cut",
        "none",
    ],
)
def test_the_mac_is_found_in_the_option_that_belongs_to_the_message(kind, options, found):
    parsed = parse_ndp(icmp(kind, options), SOURCE, MAC)
    assert parsed is not None
    assert parsed.link_layer == found


@pytest.mark.parametrize("payload", [icmp(134), icmp(SOLICITATION)[:23], b""])
def test_other_messages_give_nothing(payload: bytes):
    assert parse_ndp(payload, SOURCE, MAC) is None


@given(st.sampled_from((134, 135, 136, 137)), st.binary(max_size=80))
def test_any_bytes_give_a_message_or_nothing(kind: int, rest: bytes):
    parsed = parse_ndp(bytes((kind,)) + rest, SOURCE, MAC)
    assert parsed is None or (len(parsed.target), len(parsed.link_layer or MAC)) == (16, 6)


@pytest.mark.parametrize(
    ("kind", "source", "claimed"),
    [
        (ADVERTISEMENT, SOURCE, VIP),
        (SOLICITATION, SOURCE, SOURCE),
        (SOLICITATION, bytes(16), VIP),
    ],
    ids=["advertisement", "solicitation", "duplicate-address-detection"],
)
def test_each_message_claims_the_address_that_it_speaks_for(kind, source, claimed):
    message = NeighbourMessage(kind, MAC, source, VIP, None)
    assert list(message.claims()) == [(claimed, MAC)]


def test_a_message_claims_for_the_frame_and_for_the_option():
    message = NeighbourMessage(ADVERTISEMENT, OTHER_MAC, SOURCE, VIP, MAC)
    assert list(message.claims()) == [(VIP, OTHER_MAC), (VIP, MAC)]


def test_the_same_mac_in_frame_and_option_is_one_claim():
    message = NeighbourMessage(ADVERTISEMENT, MAC, SOURCE, VIP, MAC)
    assert list(message.claims()) == [(VIP, MAC)]
