from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.lab import NIC, OWN, PEER, VIP, VIP6, VMAC, advert, arp, ipv4, na, ns

from carpio.lab.sighting import Advert, Claim, EchoRequest, Kind, sight
from carpio.wire.constants import Family


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (arp(operation=1), Kind.ARP_REQUEST),
        (arp(operation=2), Kind.ARP_REPLY),
        (arp(operation=1, target=VIP), Kind.GRATUITOUS),
        (arp(operation=2, target=VIP), Kind.GRATUITOUS),
    ],
)
def test_arp_with_the_address_as_sender_claims_it(frame: bytes, kind: Kind) -> None:
    assert sight(frame) == Claim(kind, VIP, VMAC, VMAC)


def test_arp_for_the_address_by_an_asker_claims_only_the_askers_own() -> None:
    assert sight(arp(PEER, target=VIP, operation=1)) == Claim(Kind.ARP_REQUEST, PEER, VMAC, VMAC)


def test_arp_probe_without_sender_address_claims_nothing() -> None:
    assert sight(arp(bytes(4), target=VIP, operation=1)) is None


def test_arp_shows_ethernet_source_and_inner_mac_apart() -> None:
    assert sight(arp(source=NIC)) == Claim(Kind.ARP_REPLY, VIP, NIC, VMAC)


def test_neighbour_advertisement_claims_its_target_with_the_mac_of_its_option() -> None:
    assert sight(na(source=NIC, tlla=VMAC)) == Claim(Kind.NA, VIP6, NIC, VMAC)


def test_neighbour_advertisement_without_option_claims_with_its_ethernet_source() -> None:
    assert sight(na(tlla=b"")) == Claim(Kind.NA, VIP6, VMAC, None)


def test_neighbour_solicitation_claims_the_address_that_it_is_sent_from() -> None:
    frame = ns(VIP6, bytes(15) + b"\x09", slla=NIC)
    assert sight(frame) == Claim(Kind.NS, VIP6, VMAC, NIC)


def test_duplicate_address_detection_claims_its_target() -> None:
    assert sight(ns(bytes(16), VIP6, source=NIC)) == Claim(Kind.DAD, VIP6, NIC, None)


def test_option_of_no_length_ends_the_search() -> None:
    assert sight(na(tlla=b"") + bytes(8)) == Claim(Kind.NA, VIP6, VMAC, None)


@pytest.mark.parametrize(("v6", "family"), [(False, Family.IPV4), (True, Family.IPV6)])
def test_advertisement_is_read_in_both_families(v6: bool, family: Family) -> None:
    frame = advert(vhid=7, advbase=2, advskew=100, v6=v6)
    assert sight(frame) == Advert(
        vhid=7, advbase=2, advskew=100, family=family, ethernet_source=VMAC
    )


def test_bow_out_is_told_from_other_advertisements() -> None:
    assert [
        seen.is_bow_out
        for seen in (sight(advert(advbase=255, advskew=255)), sight(advert(advbase=255)))
        if isinstance(seen, Advert)
    ] == [True, False]


def test_advertisement_of_another_version_is_none() -> None:
    assert sight(ipv4(112, OWN, b"\x31" + bytes(35))) is None


def test_echo_request_is_a_probe_and_echo_reply_is_traffic() -> None:
    assert sight(ipv4(1, OWN, b"\x08" + bytes(15))) == EchoRequest(PEER, VMAC)
    assert sight(ipv4(1, VIP, bytes(16))) == Claim(Kind.TRAFFIC, VIP, VMAC, None)


@given(st.binary(max_size=120))
def test_any_bytes_are_sighted_without_an_exception(data: bytes) -> None:
    sight(data)


@given(
    st.sampled_from([arp(), na(), ns(VIP6, VIP6, slla=NIC), advert(), advert(v6=True)]),
    st.data(),
)
def test_any_cut_or_changed_frame_is_sighted_without_an_exception(
    frame: bytes, data: st.DataObject
) -> None:
    changed = bytearray(frame[: data.draw(st.integers(0, len(frame)))])
    if changed:
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    sight(bytes(changed))
