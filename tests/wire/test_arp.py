import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.arp import ArpMessage, gratuitous_arp_frame, parse_arp
from carpio.wire.ethernet import virtual_mac

VIP = socket.inet_aton("10.77.0.1")
ASKER = socket.inet_aton("10.77.0.9")
MAC = virtual_mac(1)
OTHER_MAC = bytes.fromhex("020000002d02")
FRAME = gratuitous_arp_frame(MAC, VIP)


def test_r091_an_announcement_is_a_broadcast_request_for_itself():
    assert FRAME.hex() == (
        "ffffffffffff00005e0001010806000108000604000100005e0001010a4d00010000000000000a4d0001"
    )


def test_what_was_built_is_read_back():
    assert parse_arp(FRAME, 14, MAC) == ArpMessage(
        operation=1,
        ethernet_source=MAC,
        sender_mac=MAC,
        sender=VIP,
        target_mac=bytes(6),
        target=VIP,
    )


@pytest.mark.parametrize(
    "changed",
    [
        FRAME[:41],
        FRAME[:14] + b"\x00\x06" + FRAME[16:],
        FRAME[:16] + b"\x86\xdd" + FRAME[18:],
        FRAME[:18] + b"\x08" + FRAME[19:],
        FRAME[:19] + b"\x10" + FRAME[20:],
    ],
    ids=["cut", "hardware", "protocol", "hardware-length", "protocol-length"],
)
def test_what_is_not_ipv4_over_ethernet_gives_nothing(changed: bytes):
    assert parse_arp(changed, 14, MAC) is None


@given(st.binary(max_size=60), st.integers(0, 30))
def test_any_bytes_give_a_message_or_nothing(data: bytes, offset: int):
    message = parse_arp(data, offset, MAC)
    assert message is None or len(message.target) == 4


def message(ethernet_source: bytes) -> ArpMessage:
    return ArpMessage(2, ethernet_source, MAC, VIP, OTHER_MAC, ASKER)


def test_a_message_claims_its_sender_once():
    assert list(message(MAC).claims()) == [(VIP, MAC)]


def test_a_message_in_a_foreign_frame_claims_its_sender_for_both_macs():
    assert list(message(OTHER_MAC).claims()) == [(VIP, MAC), (VIP, OTHER_MAC)]
