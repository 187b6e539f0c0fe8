from __future__ import annotations

import pytest
from tests.helpers.lab import NIC, OWN, VIP, VIP6, VMAC, advert, arp, ipv4, na, ns
from tests.helpers.one_wire import (
    CapturedFrame,
    GroupAddresses,
    Judge,
    Tally,
    heard_adverts,
    masterships,
)

from carpio.lab.court import Verdict
from carpio.lab.roles import Ending, HeardAdvert
from carpio.lab.sighting import Advert, Claim, sight
from carpio.wire.constants import Family

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


def heard(at_ns: int, host: str, *, bow_out: bool = False, family: int = 4) -> HeardAdvert:
    return HeardAdvert(
        at_ns,
        host,
        Advert(
            vhid=1,
            advbase=255 if bow_out else 1,
            advskew=255 if bow_out else 0,
            family=Family(family),
            ethernet_source=VMAC,
        ),
    )


def told(*adverts: HeardAdvert) -> list[tuple[str, int, int, Ending]]:
    return [(m.host, m.start_ns, m.end_ns, m.ending) for m in masterships(adverts)]


def test_nobody_is_master_without_advertisements() -> None:
    assert told() == []


def test_master_is_from_the_first_advert_to_three_intervals_after_the_last() -> None:
    assert told(heard(0, "a"), heard(S, "a")) == [("a", 0, 4 * S, Ending.EXPIRED)]


def test_silence_beyond_three_intervals_ends_a_mastership_and_an_advert_begins_another() -> None:
    assert told(heard(0, "a"), heard(5 * S, "a")) == [
        ("a", 0, 3 * S, Ending.EXPIRED),
        ("a", 5 * S, 8 * S, Ending.EXPIRED),
    ]


def test_bow_out_ends_mastership_at_once() -> None:
    assert told(heard(0, "a"), heard(S, "a", bow_out=True), heard(S + 6 * MS, "b")) == [
        ("a", 0, S, Ending.BOW_OUT),
        ("b", S + 6 * MS, 4 * S + 6 * MS, Ending.EXPIRED),
    ]


def test_bow_out_of_one_who_is_not_master_changes_nothing() -> None:
    assert told(heard(0, "a"), heard(S, "b", bow_out=True)) == [("a", 0, 3 * S, Ending.EXPIRED)]


def test_anothers_advert_ends_mastership_with_five_milliseconds_of_grace() -> None:
    assert told(heard(0, "a"), heard(S, "b"))[0] == ("a", 0, S + 5 * MS, Ending.DEPOSED)


def test_grace_does_not_outlast_the_dead_man() -> None:
    assert told(heard(0, "a"), heard(3 * S - MS, "b"))[0] == ("a", 0, 3 * S, Ending.DEPOSED)


def test_advert_of_the_deposed_that_crosses_within_the_grace_changes_nothing() -> None:
    assert [row[0] for row in told(heard(0, "b"), heard(S, "a"), heard(S + 4 * MS, "b"))] == [
        "b",
        "a",
    ]


def test_advert_of_the_deposed_after_the_grace_takes_mastership_back() -> None:
    assert [row[0] for row in told(heard(0, "b"), heard(S, "a"), heard(S + 6 * MS, "b"))] == [
        "b",
        "a",
        "b",
    ]


def test_dead_man_counts_from_the_last_advert_of_any_family() -> None:
    assert told(heard(0, "a"), heard(MS, "a", family=6))[0][2] == 3 * S + MS
