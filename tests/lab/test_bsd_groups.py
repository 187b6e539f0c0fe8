"""Groups that are made, changed and removed by ifconfig alone: the words of CARP (R-140 to 149)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import Console, adverts, is_signed
from tests.helpers.life import Film, start, wait_for

from carpio.lab.observe import Capture
from carpio.lab.topology import Lab
from carpio.wire.constants import Family

REPORTED = "vhid 1 pass testpass advskew 100 alias 10.77.0.100/32"
"""The line of bug 191832."""


@pytest.fixture
def a(lab: Lab) -> Console:
    """Host a with an empty daemon."""
    return Console(start(lab["a"], "")).make_quick()


def test_words_may_stand_in_any_order_that_has_vhid_before_its_settings(a: Console) -> None:
    orders = (
        "vhid {n} pass testpass advskew 100 alias 10.77.0.{n}/32",
        "vhid {n} advskew 100 10.77.0.{n}/32 pass testpass alias",
        "add vhid {n} 10.77.0.{n}/32 advskew 100 pass testpass",
        "10.77.0.{n}/32 vhid {n} pass testpass alias advskew 100",
        "inet 10.77.0.{n} vhid {n} netmask 255.255.255.255 advskew 100 pass testpass alias",
        "alias 10.77.0.{n} netmask 0xffffffff vhid {n} advskew 100 pass testpass",
    )
    numbers = range(101, 101 + len(orders))
    for number, order in zip(numbers, orders, strict=True):
        a.did(f"ifconfig eth0 {order.format(n=number)}")
    assert a.groups() == [(number, 1, 100) for number in numbers]
    assert a.inet() == ["10.77.0.1/24", *(f"10.77.0.{n}/32 vhid {n}" for n in numbers)]
    assert {a.key(number) for number in numbers} == {"testpass"}
    assert a.addresses("eth0")[0] == "10.77.0.1/24", "a helper device holds them"
    assert not any("10.77.0.10" in address for address in a.addresses("eth0"))


def test_r142_vhid_word_makes_the_group_that_the_address_is_attached_to(a: Console) -> None:
    a.did("ifconfig eth0 10.77.0.109/32 vhid 9 alias")
    assert a.groups() == [(9, 1, 0)]
    assert a.key(9) == ""
    a.did("ifconfig eth0 vhid 8 advbase 60 advskew 7 pass p")
    assert a.groups() == [(9, 1, 0), (8, 60, 7)], "in the order of creation"
    assert a.state(8) == "INIT", "it has no address"
    a.did("ifconfig eth0 10.77.0.108/24 alias vhid 8")
    assert (a.state(8), a.groups(), a.key(8)) == ("BACKUP", [(9, 1, 0), (8, 60, 7)], "p")


def test_r141_r147_what_a_call_does_not_name_stays_as_it_was(a: Console) -> None:
    a.did("ifconfig eth0 vhid 1 advbase 3 advskew 7 pass geheim 10.77.0.100/32 alias")
    a.become_master()
    length = len(a.log)
    for words, wanted in (
        ("vhid 1 advskew 2", "advbase 3 advskew 2"),
        ("vhid 1 advbase 0", "advbase 3 advskew 2"),
        ("vhid 1 advbase 4", "advbase 4 advskew 2"),
        ("vhid 1 pass ''", "advbase 4 advskew 2"),  # a key is replaced, never cleared
        ("vhid 1 state master", "advbase 4 advskew 2"),
        ("vhid 1 10.77.0.100/24 alias", "advbase 4 advskew 2"),
        ("vhid 1", "advbase 4 advskew 2"),
    ):
        a.did(f"ifconfig eth0 {words}")
        line = f'\tcarp: MASTER vhid 1 {wanted} key "geheim"\n'
        assert line in a.did("ifconfig -k eth0"), words
    assert a.inet() == ["10.77.0.1/24", "10.77.0.100/24 vhid 1"]
    assert a.said(length) == []
    a.did("ifconfig eth0 vhid 1 pass 12345678901234567890")
    assert a.key() == "1234567890123456789", "19 characters count (R-025)"


def test_r143_interfaces_that_cannot_carry_groups_are_refused(a: Console) -> None:
    a.node.host.run("ip", "tuntap", "add", "tun0", "mode", "tun")
    before = a.kernel()
    for interface in ("lo", "tun0"):
        for words in ("vhid 3", "vhid 3 10.9.0.1/32 alias", "10.9.0.1/32 vhid 3 pass p advskew 3"):
            said = a(f"ifconfig {interface} {words}")
            assert (said.status, said.out) == (1, "")
            text = rf"ifconfig: SIOCSVH: Operation not supported\n(\t{interface}: .*\n)*"
            assert re.fullmatch(text, said.err), said
    said = a("ifconfig nope vhid 3 10.9.0.1/32 alias")
    assert tuple(said) == (1, "", "ifconfig: interface nope does not exist\n")
    assert a.kernel() == before


def test_r144_255_groups_and_100_addresses_in_one_of_them(a: Console, tmp_path: Path) -> None:
    lines = [f"eth0 vhid {n} pass p advskew 1 10.77.1.{n}/32 alias" for n in range(1, 256)]
    lines += [f"eth0 vhid 7 10.77.2.{n}/32 alias" for n in range(1, 100)]
    batch = tmp_path / "carp.lines"
    batch.write_text("\n".join(lines))
    a.did(f"ifconfig -F {batch}")
    shown = a.did("ifconfig eth0")
    assert re.findall(r"^\tcarp: \w+ vhid (\d+) ", shown, re.MULTILINE) == [
        str(number) for number in range(1, 256)
    ]
    assert len(re.findall(r"^\tinet .* vhid 7$", shown, re.MULTILINE)) == 100
    assert len(re.findall(r"^\tinet .* vhid \d+$", shown, re.MULTILINE)) == 354
    assert a.did("ifconfig -l") == "lo eth0\n"


def test_r145_the_same_number_on_two_interfaces_is_two_groups(a: Console) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0b up", "ifconfig epair0a up")
    a.did("ifconfig eth0 vhid 1 pass p 10.77.0.100/24 alias")
    a.did("ifconfig epair0a vhid 1 advbase 60 advskew 9")  # stays BACKUP for three minutes
    a.did("ifconfig epair0a vhid 1 10.9.0.1/24 alias pass q")
    assert (a.groups(), a.groups("epair0a")) == ([(1, 1, 0)], [(1, 60, 9)])
    assert (a.key(), a.key(1, "epair0a")) == ("p", "q")
    a.become_master()
    assert (a.state(), a.state(1, "epair0a")) == ("MASTER", "BACKUP")
    a.did("ifconfig epair0a 10.9.0.1 -alias")
    assert (a.groups(), a.groups("epair0a"), a.state()) == ([(1, 1, 0)], [], "MASTER")


def test_r146_the_last_address_takes_the_group_along_and_nothing_comes_back(a: Console) -> None:
    a.did("ifconfig eth0 vhid 1 advbase 3 advskew 7 pass geheim 10.77.0.100/32 alias")
    a.did("ifconfig eth0 inet6 2001:db8:77::100/128 vhid 1 alias")
    assert a.inet6() == ["2001:db8:77::1/64", "2001:db8:77::100/128 vhid 1"]
    a.did("ifconfig eth0 10.77.0.100 -alias")  # neither mask nor vhid are needed
    assert a.groups() == [(1, 3, 7)]
    a.did("ifconfig eth0 inet6 2001:db8:77::100 delete")
    assert (a.groups(), a.inet6()) == ([], ["2001:db8:77::1/64"])
    assert {"lo", "eth0"} == set(a.links())
    assert "PROMISC" not in a.did("ifconfig eth0")
    a.did("ifconfig eth0 vhid 1 10.77.0.100/32 alias")
    assert (a.groups(), a.key()) == ([(1, 1, 0)], "")


def test_an_address_moves_between_an_interface_and_its_group(a: Console) -> None:
    a.did("ifconfig eth0 10.77.0.100/24 alias", "ifconfig eth0 vhid 1 10.77.0.100/24 alias")
    assert a.inet() == ["10.77.0.1/24", "10.77.0.100/24 vhid 1"]
    said = a("ifconfig eth0 10.77.0.100/24 alias")
    assert said.status == 1
    assert said.err.startswith("ifconfig: ioctl (SIOCAIFADDR): File exists\n")
    a.did("ifconfig eth0 10.77.0.100 -alias", "ifconfig eth0 10.77.0.100/24 alias")
    assert a.inet() == ["10.77.0.1/24", "10.77.0.100/24"]


def test_without_alias_the_first_address_is_replaced_by_one_with_a_vhid(a: Console) -> None:
    a.did("ifconfig eth0 10.77.0.5/24 alias", "ifconfig eth0 vhid 1 10.77.0.100/24")
    assert a.inet() == ["10.77.0.5/24", "10.77.0.100/24 vhid 1"]
    a.did("ifconfig eth0 inet6 2001:db8:77::100/64 vhid 1")
    assert a.inet6() == ["2001:db8:77::1/64", "2001:db8:77::100/64 vhid 1"]


def test_without_alias_the_first_address_is_replaced_though_it_has_a_vhid(a: Console) -> None:
    a.did("ifconfig eth0 -alias", "ifconfig eth0 vhid 1 10.77.0.100/24 alias")
    a.did("ifconfig eth0 vhid 1 10.77.0.101/24")
    assert a.inet() == ["10.77.0.101/24 vhid 1"]


def test_r148_moving_an_address_to_another_group_changes_both_digests(
    a: Console, lab: Lab, capture: Capture
) -> None:
    with capture:
        a.did("ifconfig eth0 vhid 1 pass p 10.77.0.100/32 alias")
        a.did("ifconfig eth0 vhid 1 10.77.0.101/32 alias")
        a.did("ifconfig eth0 vhid 2 pass p 10.77.0.102/32 alias")
        a.become_master(1)
        a.become_master(2)
        a.did("ifconfig eth0 10.77.0.101 -alias", "ifconfig eth0 vhid 2 10.77.0.101/32 alias")
        sent = a.node.view("2@eth0")["counters"]["opackets"]
        sent += a.node.view("1@eth0")["counters"]["opackets"]
        wait_for(
            lambda: (
                sum(a.node.view(f"{n}@eth0")["counters"]["opackets"] for n in (1, 2)) > sent + 1
            ),
            "one more advert each",
            4,
        )
    film = Film(capture, "10.77.0.100/32", "10.77.0.101/32")
    sets = {
        1: (("10.77.0.100", "10.77.0.101"), ("10.77.0.100",)),
        2: (("10.77.0.102",), ("10.77.0.101", "10.77.0.102")),
    }
    for vhid, (before, after) in sets.items():
        heard = [header for _, _, header in adverts(film, "a", vhid)]
        signed = [(is_signed(it, "p", *before), is_signed(it, "p", *after)) for it in heard]
        assert signed[0] == (True, False)
        assert signed[-1] == (False, True)
        assert all(any(pair) for pair in signed)


def test_address_moves_to_the_group_that_is_named_and_the_old_one_stays(a: Console) -> None:
    a.did("ifconfig eth0 vhid 1 pass p advskew 3 10.77.0.100/32 alias")
    a.did("ifconfig eth0 vhid 1 10.77.0.101/32 alias")
    a.become_master()
    length = len(a.log)
    a.did("ifconfig eth0 vhid 2 pass p 10.77.0.100/32 alias")
    assert a.inet()[1:] == ["10.77.0.101/32 vhid 1", "10.77.0.100/32 vhid 2"]
    assert (a.state(1), a.groups()) == ("MASTER", [(1, 1, 3), (2, 1, 0)])
    assert [line for line in a.said(length) if "1@eth0" in line] == []
    a.did("ifconfig eth0 vhid 2 10.77.0.101/32 alias")
    assert (a.state(1), a.groups(), a.key(1)) == ("INIT", [(1, 1, 3), (2, 1, 0)], "p")


def test_r149_both_families_are_shown_with_their_group_and_the_key_only_on_request(
    a: Console, capture: Capture
) -> None:
    with capture:
        a.did("sysctl net.inet.carp.allow=0")  # no advert before it has all its addresses
        a.did(f"ifconfig eth0 {REPORTED}", "ifconfig eth0 vhid 1 state backup")
        a.did("ifconfig eth0 inet6 2001:db8:77::100 prefixlen 128 vhid 1")
        a.did("ifconfig eth0 inet6 fe80::100%eth0 vhid 1 no_dad", "sysctl net.inet.carp.allow=1")
        a.become_master()
        a.did("sysctl net.inet.carp.demotion=50")
    shown = a.did("ifconfig eth0")
    for line in (
        "\tinet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100 vhid 1",
        "\tinet6 2001:db8:77::100 prefixlen 128 vhid 1",
        "\tcarp: MASTER vhid 1 advbase 1 advskew 100",  # demotion is not added in
        "\t      peer 224.0.0.18 peer6 ff02::12",
    ):
        assert line in shown.splitlines()
    scoped = r"^\tinet6 fe80::100%eth0 prefixlen 64 scopeid 0x[0-9a-f]+ vhid 1$"
    assert re.search(scoped, shown, re.MULTILINE)
    assert "testpass" not in shown
    assert '\tcarp: MASTER vhid 1 advbase 1 advskew 100 key "testpass"\n' in a.did(
        "ifconfig -k eth0"
    )
    heard = adverts(Film(capture, "10.77.0.100/32"), "a")
    addresses = ("10.77.0.100", "2001:db8:77::100", "fe80::100")
    assert {family for _, family, _ in heard} == {Family.IPV4, Family.IPV6}
    assert all(is_signed(header, "testpass", *addresses) for _, _, header in heard)
    assert heard[-1][2].advskew == 150
