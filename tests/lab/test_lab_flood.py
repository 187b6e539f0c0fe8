"""Who asks in a flood, and that no kernel runs out of room for the askers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from tests.helpers.daemon_lab import QUICK, need_lab, pings

from carpio.lab.flood import arp_request, requests_for
from carpio.lab.host import Host
from carpio.lab.namespaces import neighbours_refused, socket_in
from carpio.lab.topology import Lab

LAN = ip_network("10.77.0.0/24"), ip_network("2001:db8:77::/64")
WIDE = ip_network("10.77.0.0/16")
ETH_P_ARP = 0x0806


@pytest.mark.parametrize("addresses", [1, 2, 6, 12])
def test_all_addresses_of_a_family_have_a_hundred_askers_together(addresses: int) -> None:
    v4 = [ip_address("10.77.0.1") + n for n in range(addresses)]
    v6 = ip_address("2001:db8:77::1")
    *of_v4, of_v6 = requests_for([*v4, v6], LAN)
    assert len(of_v4) == addresses
    assert 90 <= sum(map(len, of_v4)) <= 100
    assert len({len(requests) for requests in of_v4}) == 1
    assert len(set(of_v6)) == len(of_v6) == 100


def test_each_of_many_addresses_is_asked_for() -> None:
    of_each = requests_for([ip_address("10.77.0.1") + n for n in range(255)], LAN)
    assert [len(requests) for requests in of_each] == [1] * 255


def ask(client: Host, requests: Sequence[bytes]) -> None:
    with socket_in(client.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind((client.interface, ETH_P_ARP))
        for request in requests:
            wire.send(request)


@pytest.mark.lab
@pytest.mark.alone
def test_kernel_answers_a_hundred_askers_and_refuses_when_it_has_no_room() -> None:
    need_lab()
    with Lab(("a",), sysctls={**QUICK, "net/ipv4/conf/all/rp_filter": "0"}) as lab:
        host = lab["a"]
        host.run("ip", "addr", "add", f"{WIDE[1]}/16", "dev", "eth0")
        own = IPv4Address(host.addresses[0].ip)
        before = neighbours_refused()
        ((*hundred,),) = requests_for([own], LAN)
        ask(lab.router, hundred)
        assert pings(lab.router, str(own))
        assert neighbours_refused() == before

        lab.router.run("ip", "neigh", "flush", "all")
        host.run("ip", "neigh", "flush", "all")
        ask(lab.router, [arp_request(WIDE[1000 + n], own) for n in range(1500)])
        assert neighbours_refused() > before
        assert not pings(lab.router, str(own)), "who comes late is not answered"
