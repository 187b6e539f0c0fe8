"""Who asks in a flood, and that no kernel runs out of room for the askers."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest
from tests.helpers.daemon_lab import QUICK, need_lab, pings, throw

from carpio.lab.facts import neighbours_refused
from carpio.lab.flood import arp_request, requests_for
from carpio.lab.namespaces import ip
from carpio.lab.topology import Lab

LAN = ip_network("10.77.0.0/24"), ip_network("2001:db8:77::/64")
WIDE = ip_network("10.77.0.0/16")


@pytest.mark.parametrize(("addresses", "askers"), [(1, 100), (2, 50), (6, 16), (12, 8)])
def test_addresses_of_a_family_share_the_askers_and_a_hundred_requests(
    addresses: int, askers: int
) -> None:
    v4 = [ip_address("10.77.0.1") + n for n in range(addresses)]
    v6 = ip_address("2001:db8:77::1")
    *of_v4, of_v6 = requests_for([*v4, v6], LAN)
    assert [len(requests) for requests in of_v4] == [askers] * addresses
    assert len({sender_of(request) for requests in of_v4 for request in requests}) == askers
    assert len(set(of_v6)) == len(of_v6) == 100


def test_each_of_many_addresses_is_asked_for() -> None:
    of_each = requests_for([ip_address("10.77.0.1") + n for n in range(255)], LAN)
    assert [len(requests) for requests in of_each] == [1] * 255


def sender_of(request: bytes) -> IPv4Address:
    return IPv4Address(request[28:32])


def room() -> int:
    """Return how many neighbours of IPv4 this kernel has room for."""
    tables = json.loads(ip("-json", "ntable", "show", "name", "arp_cache"))
    return next(table["thresh3"] for table in tables if "thresh3" in table)


@pytest.mark.lab
@pytest.mark.alone
def test_kernel_answers_a_hundred_askers_and_refuses_when_it_has_no_room(tmp_path: Path) -> None:
    """For some seconds nobody on this machine gets a new neighbour."""
    need_lab()
    if room() > 50_000:
        pytest.skip(f"this kernel has room for {room():,} neighbours")
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        host, router = lab["a"], lab.router
        host.run("ip", "addr", "add", f"{WIDE[1]}/16", "dev", "eth0")
        own = IPv4Address(host.addresses[0].ip)
        before = neighbours_refused()
        (hundred,) = requests_for([own], LAN)
        throw(router, *hundred)
        assert pings(router, str(own))
        assert neighbours_refused() == before

        router.run(  # so that it needs no room itself
            *("ip", "neigh", "replace", str(own), "lladdr", host.mac.hex(":"), "nud", "permanent"),
            *("dev", "eth0"),
        )
        assert pings(router, str(own))
        host.run("ip", "neigh", "flush", "all")
        throw(router, *(arp_request(WIDE[1000 + n], own) for n in range(room() + 500)))
        assert neighbours_refused() > before
        assert not pings(router, str(own)), "who comes late is not answered"
