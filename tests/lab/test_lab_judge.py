from __future__ import annotations

import pytest
from tests.helpers.lab import NIC, OWN, VIP, VIP6, VMAC, advert, arp, ipv4, na, ns

from carpio.lab.judge import CapturedFrame, GroupAddresses, Judge, Tally, Verdict, heard_adverts
from carpio.lab.sighting import Claim, sight

MS = 1_000_000
S = 1000 * MS
START = 100 * S
A_TO_B = (
    CapturedFrame(START, "a", advert()),
    CapturedFrame(START + S, "b", advert(advskew=100)),
)
ADDRESSES = GroupAddresses(1, frozenset((VIP, VIP6)))


def verdict(frame: bytes, host: str, at_ns: int) -> Verdict | None:
    judge = Judge(ADDRESSES, heard_adverts(A_TO_B, 1))
    claim = sight(frame)
    assert isinstance(claim, Claim)
    finding = judge.judge(at_ns, host, claim)
    return finding.verdict if finding else None


@pytest.mark.parametrize("frame", [arp(), na(), na(tlla=b""), ns(VIP6, VIP6, slla=VMAC)])
def test_master_with_the_virtual_mac_is_right(frame: bytes) -> None:
    assert verdict(frame, "a", START + 1) is Verdict.RIGHT


@pytest.mark.parametrize(
    "frame",
    [
        arp(mac=NIC, source=NIC),
        arp(mac=NIC),
        arp(source=NIC),
        na(source=NIC),
        na(tlla=NIC),
        ns(bytes(16), VIP6, source=NIC),
        ns(VIP6, VIP6, slla=NIC),
        ipv4(17, VIP, bytes(8), source=NIC),
    ],
)
def test_any_other_mac_outside_or_inside_is_wrong_even_for_the_master(frame: bytes) -> None:
    assert verdict(frame, "a", START + 1) is Verdict.WRONG_MAC


def test_old_master_is_right_within_the_grace_and_wrong_after_it() -> None:
    deposed = START + S
    assert verdict(arp(), "a", deposed + 5 * MS) is Verdict.RIGHT
    assert verdict(arp(), "a", deposed + 6 * MS) is Verdict.NOT_MASTER


def test_new_master_is_wrong_before_its_first_advert() -> None:
    assert verdict(arp(), "b", START + S - 1) is Verdict.BEFORE_FIRST_ADVERT
    assert verdict(arp(), "b", START + S) is Verdict.RIGHT


def test_claim_long_before_becoming_master_is_by_one_who_is_not_master() -> None:
    assert verdict(arp(), "b", START - S) is Verdict.NOT_MASTER


def test_dead_master_must_be_silent_when_a_peer_may_take_over() -> None:
    assert verdict(arp(), "b", START + 4 * S) is Verdict.RIGHT
    assert verdict(arp(), "b", START + 4 * S + 1) is Verdict.NOT_MASTER


@pytest.mark.parametrize("frame", [arp(OWN), arp(OWN, source=NIC), arp(OWN, mac=NIC)])
def test_virtual_mac_for_an_address_of_another_is_the_reverse_lie(frame: bytes) -> None:
    assert verdict(frame, "a", START + 1) is Verdict.REVERSE_LIE


def test_claims_and_packets_of_others_are_nobodys_business() -> None:
    assert verdict(arp(OWN, mac=NIC, source=NIC), "a", START) is None
    assert verdict(ipv4(17, OWN, bytes(8)), "a", START) is None


def test_adverts_of_other_groups_make_no_master() -> None:
    frames = [CapturedFrame(START, "a", advert(vhid=2))]
    assert list(heard_adverts(frames, 1)) == []


def test_tally_counts_by_speaker_and_keeps_traffic_apart() -> None:
    judge = Judge(ADDRESSES, heard_adverts(A_TO_B, 1))
    tally = Tally()
    for frame in (arp(), arp(), arp(mac=NIC, source=NIC), ipv4(17, VIP, b"", source=NIC)):
        claim = sight(frame)
        assert isinstance(claim, Claim)
        finding = judge.judge(START, "a", claim)
        assert finding is not None
        tally.add(finding)
    assert tally.speakers() == {("a", VMAC): 2, ("a", NIC): 1}
    assert (tally.count(Verdict.RIGHT), tally.count_wrong()) == (2, 1)
    assert tally.count_wrong(traffic=True) == 1
    assert len(tally.wrong_claims) == len(tally.wrong_traffic) == 1


def test_finding_names_verdict_kind_host_and_both_macs() -> None:
    judge = Judge(ADDRESSES, ())
    claim = sight(arp(mac=NIC))
    assert isinstance(claim, Claim)
    assert str(judge.judge(START, "b", claim)) == (
        "wrong MAC: ARP reply by host b from 00:00:5e:00:01:01, inside 02:00:00:00:00:01"
    )
