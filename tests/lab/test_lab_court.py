from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from tests.helpers.lab import NIC, OWN, VIP, VIP6, VMAC, advert, arp, ipv4, na

from carpio.lab.court import Bench, Docket, Verdict, group_of
from carpio.lab.sighting import Advert, Claim, sight, virtual_mac, vrrp_mac_v6
from carpio.wire.constants import Family

S = 1_000_000_000
GROUPS = (
    group_of(1, "lan", ["10.77.0.100/24", "2001:db8:77::100/64"]),
    group_of(2, "lan", ["10.77.0.102/24"]),
    group_of(1, "wan", ["192.0.2.100/24"]),
)
SECOND_VIP = bytes((10, 77, 0, 102))


def together(one: str, other: str, time_ns: int) -> bool:
    return False


def bench(*heard: tuple[int, str, str, bytes], is_vrrp: bool = False) -> Bench:
    docket = Docket(GROUPS, is_vrrp=is_vrrp)
    for time_ns, host, network, frame in heard:
        seen = sight(frame)
        assert isinstance(seen, Advert)
        docket.note(time_ns, host, network, seen)
    return Bench(GROUPS, docket, together)


def judged(court: Bench, frame: bytes, host: str, network: str) -> tuple[str, Verdict] | None:
    claim = sight(frame)
    assert isinstance(claim, Claim)
    group = court.group_concerned(network, claim)
    return (group.name, court.verdict(group, host, S, claim)) if group else None


def test_claim_is_judged_by_the_group_of_its_address_on_its_network() -> None:
    court = bench((0, "a", "lan", advert()), (0, "b", "lan", advert(vhid=2)))
    second = arp(SECOND_VIP, mac=virtual_mac(2), source=virtual_mac(2))
    assert judged(court, arp(), "a", "lan") == ("1@lan", Verdict.RIGHT)
    assert judged(court, second, "b", "lan") == ("2@lan", Verdict.RIGHT)
    assert judged(court, second, "a", "lan") == ("2@lan", Verdict.NOT_MASTER)
    assert judged(court, arp(mac=NIC, source=NIC), "a", "wan") is None


def test_mac_of_another_group_is_wrong_and_for_a_stranger_the_reverse_lie() -> None:
    court = bench((0, "a", "lan", advert()))
    other = arp(mac=virtual_mac(2), source=virtual_mac(2))
    assert judged(court, other, "a", "lan") == ("1@lan", Verdict.WRONG_MAC)
    assert judged(court, arp(OWN), "a", "lan") == ("1@lan", Verdict.REVERSE_LIE)
    assert judged(court, ipv4(17, OWN, b""), "a", "lan") is None


def test_roles_of_one_network_are_not_those_of_another() -> None:
    court = bench((0, "a", "lan", advert()), (0, "b", "wan", advert()))
    assert (court.masters_at("1@lan", S), court.masters_at("1@wan", S)) == (("a",), ("b",))


def vrrp(*, priority: int, v6: bool = False) -> bytes:
    payload = struct.pack("!BBBBHH", 0x31, 1, priority, 1, 100, 0) + bytes(16 if v6 else 4)
    return ipv4(112, OWN, payload)


def test_vrrp_is_judged_with_its_own_mac_for_ipv6() -> None:
    groups = (group_of(1, "lan", ["10.77.0.100/24", "2001:db8:77::100/64"], is_vrrp=True),)
    docket = Docket(groups, is_vrrp=True)
    seen = sight(vrrp(priority=156))
    assert isinstance(seen, Advert)
    assert (seen.advskew, seen.advbase, seen.is_bow_out) == (100, 1, False)
    docket.note(0, "a", "lan", seen)
    docket.note(0, "a", "lan", replace(seen, family=Family.IPV6))
    court = Bench(groups, docket, together)
    mac6 = vrrp_mac_v6(1)
    assert judged(court, na(source=mac6, tlla=mac6), "a", "lan") == ("1@lan", Verdict.RIGHT)
    assert judged(court, na(), "a", "lan") == ("1@lan", Verdict.WRONG_MAC)
    assert judged(court, arp(), "a", "lan") == ("1@lan", Verdict.RIGHT)


def test_vrrp_has_a_master_for_each_family() -> None:
    groups = (group_of(1, "lan", ["10.77.0.100/24", "2001:db8:77::100/64"], is_vrrp=True),)
    docket = Docket(groups, is_vrrp=True)
    seen = sight(vrrp(priority=156))
    assert isinstance(seen, Advert)
    docket.note(0, "a", "lan", seen)
    docket.note(1, "b", "lan", replace(seen, family=Family.IPV6, advskew=200))
    court = Bench(groups, docket, together)
    neighbour = na(source=vrrp_mac_v6(1), tlla=vrrp_mac_v6(1))
    assert court.masters_at("1@lan", S) == ("a", "b")
    assert judged(court, arp(), "a", "lan") == ("1@lan", Verdict.RIGHT)
    assert judged(court, neighbour, "a", "lan") == ("1@lan", Verdict.NOT_MASTER)
    assert judged(court, arp(), "b", "lan") == ("1@lan", Verdict.NOT_MASTER)
    assert judged(court, neighbour, "b", "lan") == ("1@lan", Verdict.RIGHT)


def test_priority_0_of_vrrp_is_its_bow_out() -> None:
    seen = sight(vrrp(priority=0))
    assert isinstance(seen, Advert)
    assert seen.is_bow_out


@pytest.mark.parametrize("is_vrrp", [False, True])
def test_adverts_of_the_other_protocol_make_no_master(is_vrrp: bool) -> None:
    court = bench((0, "a", "lan", advert() if is_vrrp else vrrp(priority=9)), is_vrrp=is_vrrp)
    assert court.masterships["1@lan"] == ()


def test_addresses_are_found_with_and_without_prefix_length() -> None:
    assert {VIP, VIP6} == group_of(1, "lan", ["10.77.0.100", "2001:db8:77::100/64"]).addresses
    assert GROUPS[0].mac_for(VIP) == VMAC
