from __future__ import annotations

from tests.helpers.lab import NIC, OWN, PEER, VIP, arp

from carpio.lab.messages import Kernel
from carpio.lab.sighting import Claim, sight

S = 1_000_000_000
ROUTER_MAC = bytes.fromhex("02000000000f")


def kernel(*, is_master: bool = False, learns_all: bool = False) -> Kernel:
    return Kernel(
        machine="a",
        interface="igb0",
        mac=ROUTER_MAC,
        own=frozenset((OWN,)),
        is_master=lambda address, _: is_master and address == VIP,
        learns_all=learns_all,
    )


def hear(of: Kernel, frame: bytes, at_ns: int = S) -> str | None:
    claim = sight(frame)
    assert isinstance(claim, Claim)
    said = of.heard(at_ns, frame, claim)
    return said.text if said else None


def claim_of(frame: bytes) -> Claim:
    claim = sight(frame)
    assert isinstance(claim, Claim)
    return claim


def test_other_mac_for_an_address_of_the_host_is_told() -> None:
    assert hear(kernel(is_master=True), arp(mac=NIC, source=NIC)) == (
        "arp: 02:00:00:00:00:01 is using my IP address 10.77.0.100 on igb0!"
    )
    assert hear(kernel(), arp(OWN, mac=NIC, source=NIC)) == (
        "arp: 02:00:00:00:00:01 is using my IP address 10.77.0.1 on igb0!"
    )


def test_address_that_the_host_claimed_itself_is_its_own_for_a_while() -> None:
    naive = kernel()
    naive.sent(S, claim_of(arp(mac=ROUTER_MAC, source=ROUTER_MAC)))
    told = "arp: 00:00:5e:00:01:01 is using my IP address 10.77.0.100 on igb0!"
    assert hear(naive, arp(), 2 * S) == told
    assert hear(naive, arp(), 4 * S) is None


def test_two_hosts_with_the_virtual_mac_see_nothing_wrong() -> None:
    master = kernel(is_master=True)
    master.sent(S, claim_of(arp()))
    assert hear(master, arp()) is None


def test_address_that_moves_to_another_mac_is_told_once_per_move() -> None:
    router = kernel(learns_all=True)
    lie = arp(mac=NIC, source=NIC)
    assert [hear(router, frame) for frame in (arp(), arp(), lie, lie, arp())] == [
        None,
        None,
        "arp: 10.77.0.100 moved from 00:00:5e:00:01:01 to 02:00:00:00:00:01 on igb0",
        None,
        "arp: 10.77.0.100 moved from 02:00:00:00:00:01 to 00:00:5e:00:01:01 on igb0",
    ]


def test_host_without_an_entry_learns_only_from_what_is_meant_for_it() -> None:
    host = kernel()
    lie = arp(mac=NIC, source=NIC)
    assert [hear(host, arp(target=PEER)), hear(host, lie)] == [None, None]
    assert [hear(host, arp(target=OWN)), hear(host, lie) is None] == [None, False]


def test_frame_for_another_machine_is_not_heard() -> None:
    frame = NIC + arp(mac=NIC, source=NIC)[6:]
    assert hear(kernel(is_master=True), frame) is None
