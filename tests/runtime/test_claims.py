"""Foreign claims are counted, logged in the BSDs' words, and bounded."""

from __future__ import annotations

import logging
from ipaddress import ip_address

import pytest

from carpio.core.model import InstanceConfig, Nanoseconds, Vhid, VirtualAddress
from carpio.runtime.claims import Claims
from carpio.wire.auth import Key
from carpio.wire.ethernet import virtual_mac

VIP = ip_address("10.10.10.12")
CONFIG = InstanceConfig(
    vhid=Vhid(2),
    carpdev="igb0",
    key=Key.from_passphrase("x"),
    addresses=(VirtualAddress(VIP, 24),),
)
THIEF = bytes.fromhex("02005e000102")
SECOND = 1_000_000_000


@pytest.fixture
def claims() -> Claims:
    made = Claims()
    made.configure([CONFIG])
    return made


def hear(claims: Claims, mac: bytes = THIEF, at: int = 0, carpdev: str = "igb0") -> None:
    claims.hear(carpdev, VIP.packed, mac, Nanoseconds(at))


def test_a_claim_is_logged_in_the_words_of_the_bsds(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "carpio"):
        hear(claims)
    assert caplog.messages == ["arp: 02:00:5e:00:01:02 is using my IP address 10.10.10.12 on igb0!"]


def test_repeated_claims_are_counted_but_logged_once_in_ten_seconds(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "carpio"):
        for at in (0, SECOND, 9 * SECOND, 10 * SECOND):
            hear(claims, at=at)
    assert len(caplog.messages) == 2
    assert [claim.count for claim in claims.of(CONFIG.instance)] == [4]


def test_the_virtual_mac_is_no_foreign_claim(claims: Claims) -> None:
    hear(claims, mac=virtual_mac(2))
    assert claims.of(CONFIG.instance) == []


def test_a_claim_on_another_carpdev_is_not_ours(claims: Claims) -> None:
    hear(claims, carpdev="igb1")
    assert claims.of(CONFIG.instance) == []


def test_a_flood_of_macs_does_not_grow_without_bound(claims: Claims) -> None:
    for number in range(1000):
        hear(claims, mac=number.to_bytes(6, "big"))
    assert len(claims.of(CONFIG.instance)) == 64
    assert claims.unlisted == 936


def test_after_a_flood_a_new_claimant_is_told(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        hear(claims, mac=number.to_bytes(6, "big"))
    hear(claims, mac=bytes(6), at=50 * SECOND)
    caplog.clear()
    hear(claims, at=70 * SECOND)
    assert len(caplog.messages) == 1
    macs = [claim.mac for claim in claims.of(CONFIG.instance)]
    assert THIEF in macs
    assert bytes(6) in macs, "who was heard again lately is kept"
    assert len(macs) == 64


def test_claims_for_addresses_that_went_are_forgotten(claims: Claims) -> None:
    hear(claims)
    claims.configure([])
    claims.configure([CONFIG])
    assert claims.of(CONFIG.instance) == []
