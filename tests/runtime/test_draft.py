"""What may hold what, before anything is touched."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import pytest
from tests.helpers.builders import key_of
from tests.helpers.drafts import held, helper, link, plain

from carpio.config.model import VhidConfig
from carpio.core.model import VirtualAddress
from carpio.runtime.draft import Draft, StepRefused
from carpio.wire.auth import Key

ETH0, ETH1 = link("eth0", 2), link("eth1", 3)
LINKS = (ETH0, ETH1)
OWN = (plain(2, "10.0.0.2/24"), plain(2, "10.0.0.3/24"), plain(2, "2001:db8::2/64"))
ADDRESS = ip_address("10.0.0.9")


def draft(*vhids: VhidConfig, netns: str | None = None) -> Draft:
    return Draft(netns, LINKS, OWN, vhids)


def addresses_of(draft: Draft, name: str) -> list[str]:
    group = draft.group(key_of(name))
    assert group is not None
    return [str(address) for address in group.instance.addresses]


# -- links ---------------------------------------------------------------------------------


def test_macvlan_of_a_group_is_no_interface_but_its_name_is_taken() -> None:
    child = helper(1, ETH0, 9)
    made = Draft(None, (ETH0, child), (plain(9, "10.0.0.9/32"),), [held("1@eth0", "10.0.0.9/24")])
    assert made.visible_names == ["eth0"]
    assert made.names == ["eth0", child.name]
    assert made.has_link(child.name)
    assert made.plain_elsewhere("eth0", ADDRESS) is None, "a group's address is no ordinary one"
    with pytest.raises(StepRefused, match=f"interface {child.name} does not exist") as caught:
        made.link(child.name)
    assert caught.value.errno == errno.ENXIO


def test_description_like_that_of_a_macvlan_hides_no_other_interface() -> None:
    described = link("eth0", 2, alias="carpio uplink")
    made = Draft(None, (described,), (plain(2, "10.0.0.2/24"),), ())
    assert made.link("eth0") == described
    assert made.visible_names == ["eth0"]
    assert made.first_ipv4("eth0") == plain(2, "10.0.0.2/24")


def test_unknown_interface_is_refused_as_such() -> None:
    with pytest.raises(StepRefused, match="interface eth7 does not exist") as caught:
        draft().link("eth7")
    assert caught.value.errno == errno.ENXIO


def test_interface_is_known_by_its_index_and_a_new_one_by_a_number_of_its_own() -> None:
    made = draft()
    assert made.name_of(3) == "eth1"
    assert made.name_of(0) is None
    numbers = [made.new_index() for _ in range(3)]
    assert len(set(numbers)) == 3
    assert all(number < 0 for number in numbers)


def test_renamed_interface_keeps_its_addresses() -> None:
    made = draft()
    made.put_link(link("wan", 2), instead_of="eth0")
    assert not made.has_link("eth0")
    assert made.first_ipv4("wan") == OWN[0]


def test_changed_interface_keeps_its_addresses() -> None:
    made = draft()
    made.put_link(link("eth0", 2, flags=0))
    assert not made.link("eth0").is_up
    assert made.first_ipv4("eth0") == OWN[0]


def test_removed_interface_frees_its_name_and_its_addresses() -> None:
    made = draft()
    made.drop_link("eth0")
    assert not made.has_link("eth0")
    assert made.plain_elsewhere("eth1", OWN[0].address) is None


def test_addresses_of_a_removed_interface_are_told_once_until_it_is_gone() -> None:
    made = draft()
    assert made.take_leaving(OWN[1].address) == []
    made.drop_link("eth0")
    assert made.take_leaving(OWN[1].address) == [("eth0", OWN[1])]
    assert made.take_leaving(OWN[1].address) == []
    assert made.take_leaving(OWN[0].address) == [("eth0", OWN[0])]


# -- ordinary addresses --------------------------------------------------------------------


def test_first_ipv4_address_is_the_one_that_the_kernel_tells_first() -> None:
    made = draft()
    assert made.first_ipv4("eth0") == OWN[0]
    made.drop_plain("eth0", OWN[0])
    assert made.first_ipv4("eth0") == OWN[1]
    made.drop_plain("eth0", OWN[1])
    assert made.first_ipv4("eth0") is None


def test_ordinary_address_of_another_interface_is_found_but_a_link_local_one_is_not() -> None:
    made = Draft(None, LINKS, (*OWN, plain(2, "fe80::1/64"), plain(3, "169.254.0.1/16")), ())
    assert made.plain_elsewhere("eth1", OWN[2].address) == "eth0"
    assert made.plain_elsewhere("eth0", OWN[2].address) is None
    assert made.plain_elsewhere("eth1", ip_address("fe80::1")) is None
    assert made.plain_elsewhere("eth0", ip_address("169.254.0.1")) == "eth1"


# -- groups --------------------------------------------------------------------------------


def test_new_group_has_the_defaults_and_no_address() -> None:
    made = draft().make_group(key_of("7@eth1"))
    assert (made.name, made.netns) == ("7@eth1", None)
    settings = made.instance
    assert (settings.advbase, settings.advskew, settings.addresses) == (1, 0, ())
    assert settings.key == Key.from_bytes(b"")
    assert settings.preempt is None


def test_group_of_another_namespace_is_neither_seen_nor_lost() -> None:
    other = held("1@eth0", "10.0.0.9/24", netns="blue")
    made = draft(other)
    assert made.groups_on("eth0") == []
    assert made.group(key_of("1@eth0")) is None
    assert made.group_with(ADDRESS, "eth0") is None
    own = made.make_group(key_of("1@eth0"))
    assert made.vhids == (other, own)


def test_name_that_a_group_elsewhere_has_gets_the_namespace_behind_it() -> None:
    made = draft(held("1@eth0"), netns="blue")
    assert made.make_group(key_of("1@eth0")).name == "1@eth0@blue"
    assert made.make_group(key_of("2@eth0")).name == "2@eth0"


def test_name_that_is_taken_with_the_namespace_behind_it_is_refused() -> None:
    taken = held("1@eth0"), held("1@eth0", netns="blue")
    other = VhidConfig(instance=taken[1].instance, netns="red", name="1@eth0@blue")
    made = draft(taken[0], other, netns="blue")
    with pytest.raises(StepRefused, match="another group is called 1@eth0@blue") as caught:
        made.make_group(key_of("1@eth0"))
    assert caught.value.errno == errno.EEXIST


def test_name_that_a_group_was_given_in_a_file_is_not_given_again() -> None:
    named = VhidConfig(instance=held("9@eth1").instance, netns="blue", name="1@eth0")
    with pytest.raises(StepRefused, match="another group is called 1@eth0"):
        draft(named).make_group(key_of("1@eth0"))


def test_groups_stay_in_order_of_creation_when_one_changes() -> None:
    first, second = held("2@eth0", "10.0.0.9/24"), held("1@eth0")
    made = draft(first, second)
    made.attach(key_of("2@eth0"), VirtualAddress(ip_address("10.0.0.10"), 24))
    assert [one.name for one in made.vhids] == ["2@eth0", "1@eth0"]
    assert [one.name for one in made.groups_on("eth0")] == ["2@eth0", "1@eth0"]


def test_address_is_attached_as_the_last_one_or_in_its_place_with_a_new_length() -> None:
    made = draft(held("1@eth0", "10.0.0.9/24", "10.0.0.10/24"))
    made.attach(key_of("1@eth0"), VirtualAddress(ip_address("10.0.0.11"), 24))
    made.attach(key_of("1@eth0"), VirtualAddress(ADDRESS, 32))
    assert addresses_of(made, "1@eth0") == ["10.0.0.9/32", "10.0.0.10/24", "10.0.0.11/24"]


@pytest.mark.parametrize(
    ("there", "number"), [((), errno.ENOPROTOOPT), ((held("2@eth0"),), errno.ENOENT)]
)
def test_attaching_to_a_group_that_is_not_there_is_told_from_an_interface_without_any(
    there: tuple[VhidConfig, ...], number: int
) -> None:
    with pytest.raises(StepRefused, match="there is no vhid 1 on eth0") as caught:
        draft(*there).attach(key_of("1@eth0"), VirtualAddress(ADDRESS, 24))
    assert caught.value.errno == number


def test_group_goes_with_its_last_address_unless_it_shall_stay_empty() -> None:
    group = held("1@eth0", "10.0.0.9/24", "10.0.0.10/24")
    made = draft(group)
    made.detach(group, ADDRESS, keep_empty=False)
    assert addresses_of(made, "1@eth0") == ["10.0.0.10/24"]
    (left,) = made.vhids
    made.detach(left, ip_address("10.0.0.10"), keep_empty=False)
    assert made.vhids == ()

    made = draft(held("1@eth0", "10.0.0.9/24"))
    made.detach(made.vhids[0], ADDRESS, keep_empty=True)
    assert addresses_of(made, "1@eth0") == []


def test_holder_of_an_address_is_found_on_any_interface_but_of_link_local_ones_on_its_own() -> None:
    group = held("1@eth1", "10.0.0.9/24", "fe80::9/64")
    made = draft(group)
    assert made.group_with(ADDRESS, "eth0") == group
    assert made.group_with(ip_address("fe80::9"), "eth1") == group
    assert made.group_with(ip_address("fe80::9"), "eth0") is None
    assert made.group_with(ip_address("10.0.0.10"), "eth1") is None


def test_first_group_with_ipv4_is_the_oldest_that_has_one() -> None:
    made = draft(held("3@eth0", "2001:db8::9/64"), held("2@eth0", "2001:db8::8/64", "10.0.0.9/24"))
    found = made.first_group_with_ipv4("eth0")
    assert found is not None
    assert (found[0].name, str(found[1])) == ("2@eth0", "10.0.0.9/24")
    assert made.first_group_with_ipv4("eth1") is None


def test_what_a_draft_was_made_from_is_not_changed() -> None:
    links, addresses, vhids = list(LINKS), list(OWN), [held("1@eth0", "10.0.0.9/24")]
    made = Draft(None, links, addresses, vhids)
    made.drop_plain("eth0", OWN[0])
    made.drop_group(vhids[0])
    made.drop_link("eth0")
    assert (links, addresses) == (list(LINKS), list(OWN))
    assert vhids == [held("1@eth0", "10.0.0.9/24")]
