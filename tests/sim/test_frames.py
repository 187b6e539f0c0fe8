"""The decoder of the lab, which was written apart from ours, must see what was meant."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carpio.core.events import DatagramReceived
from carpio.lab.sighting import Claim, EchoRequest, Kind, sight
from carpio.sim.frames import (
    AdvertFrames,
    Echo,
    Frame,
    arp_reply,
    arp_request,
    claims_of,
    echo_frame,
    neighbour_reply,
    solicitation,
)
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC
from carpio.wire.ethernet import ethernet_header
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header

VMAC = bytes.fromhex("00005e000101")
ASKER = bytes.fromhex("0200000000fe")
V4, V4_ASKER = (ip_address(t).packed for t in ("10.0.0.1", "198.18.0.254"))
V6, V6_ASKER = (ip_address(t).packed for t in ("2001:db8::1", "fe80::fe"))


@pytest.mark.parametrize(
    ("data", "claim"),
    [
        (arp_request(ASKER, V4_ASKER, V4), Claim(Kind.ARP_REQUEST, V4_ASKER, ASKER, ASKER)),
        (arp_reply(VMAC, V4, ASKER, V4_ASKER), Claim(Kind.ARP_REPLY, V4, VMAC, VMAC)),
        (solicitation(ASKER, V6_ASKER, V6), Claim(Kind.NS, V6_ASKER, ASKER, ASKER)),
        (neighbour_reply(VMAC, V6, ASKER, V6_ASKER), Claim(Kind.NA, V6, VMAC, VMAC)),
    ],
)
def test_claims_are_those_that_the_lab_sees(data: bytes, claim: Claim):
    assert sight(data) == claim
    assert list(claims_of(Frame(data))) == [(claim.address, claim.payload_mac)]


@pytest.mark.parametrize(("source", "target"), [(V4_ASKER, V4), (V6_ASKER, V6)])
def test_probes_are_echo_requests(source: bytes, target: bytes):
    data = echo_frame(source_mac=ASKER, source=source, mac=VMAC, destination=target)
    assert sight(data) == EchoRequest(target, ASKER)
    assert Frame(data).packet == Echo(source, target, is_reply=False)
    reply = echo_frame(source_mac=VMAC, source=target, mac=ASKER, destination=source, is_reply=True)
    assert Frame(reply).packet == Echo(target, source, is_reply=True)
    assert sight(reply) == Claim(Kind.TRAFFIC, target, VMAC, None)


def test_a_frame_says_what_it_means():
    assert "ARP: 10.0.0.1 is at 00:00:5e:00:01:01" in str(Frame(arp_reply(VMAC, V4, ASKER, V4)))
    assert "NA: 2001:db8::1 is at" in str(Frame(neighbour_reply(VMAC, V6, ASKER, V6_ASKER)))
    assert str(Frame(b"\0" * 14)).startswith("frame (")


@pytest.mark.parametrize(
    "header",
    [
        ethernet_header(CARP_GROUP_V4_MAC, VMAC, 0x0800)
        + carp_ipv4_header(V4_ASKER, dscp=56, payload_length=36),
        ethernet_header(CARP_GROUP_V6_MAC, VMAC, 0x86DD)
        + carp_ipv6_header(V6_ASKER, dscp=56, payload_length=36),
    ],
    ids=["v4", "v6"],
)
def test_an_advert_behind_a_known_header_is_what_the_decoder_sees(header: bytes):
    frames = AdvertFrames(header, "")
    for payload in (bytes(36), bytes(range(36)), b"\xff" * 36):
        made, decoded = frames.with_payload(payload), Frame(header + payload)
        assert decoded.advert is not None
        for name in Frame.__slots__:
            assert getattr(made, name) == getattr(decoded, name)
        assert type(made.advert) is DatagramReceived
