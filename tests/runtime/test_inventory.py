"""Who could claim an address by mistake, and who cannot be a carpdev."""

from __future__ import annotations

from tests.helpers.drafts import helper, link, plain

from carpio.core.model import VirtualAddress
from carpio.runtime.inventory import Inventory, bystanders, is_of_a_group
from carpio.runtime.rtobjects import Link

ETH0 = link("eth0", 2)


def look(*links: Link) -> Inventory:
    return Inventory(links=links, addresses=(), rules=(), backup_routes=())


def test_description_like_that_of_a_macvlan_takes_no_interface_out_of_the_guard() -> None:
    described = link("eth1", 3, alias="carpio 1@eth0")
    assert not is_of_a_group(described)
    assert bystanders(look(ETH0, described, helper(1, ETH0, 9)), {"eth0"}) == [described]


def test_network_of_an_interface_with_such_a_description_is_provided() -> None:
    described = link("eth1", 3, alias="carpio 1@eth0")
    made = Inventory(
        links=(described,), addresses=(plain(3, "10.0.0.2/24"),), rules=(), backup_routes=()
    )
    assert made.provides_network(VirtualAddress(plain(3, "10.0.0.9/24").address, 24))
