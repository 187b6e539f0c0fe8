"""ifconfig on a living host: every word and message, what the kernel has after it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.helpers.bsd_lab import NOBODY, Console, Row, mismatches
from tests.helpers.life import start

from carpio.lab.namespaces import add_namespace, remove_namespace
from carpio.lab.topology import Lab

LINE = "[^\n]+"
USAGE = rf"(ifconfig: {LINE}\n)?usage: ifconfig (.|\n)*"
FOR_EVER = " pltime infty vltime infty"
WARNING = (
    r"(ifconfig: )?WARNING: setting interface address without mask is deprecated,\n"
    r"default mask may not be correct."
)


@pytest.fixture
def a(lab: Lab) -> Console:
    """Host a with an empty daemon."""
    return Console(start(lab["a"], "")).make_quick()


# -- messages (the list of the specification, and the words that need another) ---------------------

REFUSED = (
    # a value is missing, or another word has to come first
    *(
        Row(f"ifconfig eth0 vhid 1 {word}", 1, err=f"ifconfig: '{word}' requires argument")
        for word in ("advbase", "advskew", "pass", "state", "peer", "peer6", "mtu", "netmask")
    ),
    Row("ifconfig eth0 vhid", 1, err="ifconfig: 'vhid' requires argument"),
    Row("ifconfig eth0 advskew 3", 1, err="ifconfig: advskew requires vhid"),
    Row("ifconfig eth0 advbase 3", 1, err="ifconfig: advbase requires vhid"),
    Row("ifconfig eth0 pass geheim", 1, err="ifconfig: passwd requires vhid"),
    Row("ifconfig eth0 state master", 1, err="ifconfig: state requires vhid"),
    Row("ifconfig eth0 advskew 3 vhid 1", 1, err="ifconfig: advskew requires vhid"),
    Row("ifconfig eth0 pass p vhid 1 10.77.0.9/24", 1, err="ifconfig: passwd requires vhid"),
    # values out of range
    *(
        Row(
            f"ifconfig eth0 vhid {number}",
            1,
            err="ifconfig: vhid must be greater than 0 and less than 255",
        )
        for number in ("0", "256", "-1", "x")
    ),
    Row("ifconfig eth0 vhid 1 state flurb", 1, err="ifconfig: unknown state"),
    Row("ifconfig eth0 vhid 1 carpver 4", 1, err="ifconfig: version must be 2 or 3"),
    Row("ifconfig eth0 vhid 1 peer6 flurb", 1, err="ifconfig: Invalid IPv6 address flurb"),
    Row("ifconfig eth0 flurb", 1, err="ifconfig: flurb: bad value"),
    Row("ifconfig eth0 ether 0:1:2:3:4:zz", 1, err="ifconfig: 0:1:2:3:4:zz: bad value"),
    Row("ifconfig eth0 inet6 10.77.0.9", 1, err="ifconfig: 10.77.0.9: bad value"),
    Row("ifconfig eth0 2001:db8::9", 1, err="ifconfig: 2001:db8::9: bad value"),
    # the message names the word as it was typed, as FreeBSD's does
    Row("ifconfig eth0 1.2.3.4/33", 1, err=r"ifconfig: 1.2.3.4/33: bad value \(width too large\)"),
    Row(
        "ifconfig eth0 inet6 2001:db8::9/129",
        1,
        err=r"ifconfig: 2001:db8::9/129: bad value \(width too large\)",
    ),
    # what the kernel of a FreeBSD host refuses
    Row("ifconfig nope", 1, err="ifconfig: interface nope does not exist"),
    Row("ifconfig nope up", 1, err="ifconfig: interface nope does not exist"),
    Row("ifconfig nope destroy", 1, err="ifconfig: interface nope does not exist"),
    Row("ifconfig eth0 mtu 9", 1, err=rf"ifconfig: {LINE}Invalid argument"),
    Row("ifconfig eth0 127.0.0.1/8 alias", 1, err=r"ifconfig: ioctl \(SIOCAIFADDR\): File exists"),
    Row(
        "ifconfig eth0 -alias 1.2.3.4",
        1,
        err=r"ifconfig: ioctl \(SIOCDIFADDR\): Can't assign requested address",
    ),
    Row("ifconfig -j nope", 1, err='ifconfig: jail "nope" not found'),
    Row("ifconfig -j nope nope destroy", 1, err='ifconfig: jail "nope" not found'),
    Row("ifconfig epair0a vnet nope", 1, err='ifconfig: jail "nope" not found'),
    # what carpio does not do, in clear words (From FreeBSD)
    *(
        Row(f"ifconfig eth0 vhid 1 {words}", 1, err=rf"ifconfig: {LINE}not supported yet")
        for words in (
            *("peer 10.77.0.2", "peer6 2001:db8:77::2", "peer6 fe80::2", "carpver 3"),
            *("vrrpprio 100", "vrrpinterval 100"),
        )
    ),
    *(
        Row(f"ifconfig eth0 {words}", 1, err=rf"ifconfig: {LINE}not supported{LINE}")
        for words in (
            *("metric 3", "group wheel", "-group wheel", "inet6 accept_rtadv"),
            *("inet6 -accept_rtadv", "inet6 auto_linklocal", "inet6 -auto_linklocal"),
            *("inet6 ifdisabled", "inet6 -ifdisabled", "inet6 autoconf"),
        )
    ),
    Row("ifconfig eth0 ssid home", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig eth0 netmask 255.255.0.0", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig eth0 no_dad", 1, err=rf"ifconfig: {LINE}"),
    # how it is called
    Row("ifconfig -du", 1, err=USAGE),
    Row("ifconfig -la", 1, err=USAGE),
    Row("ifconfig -lm", 1, err=USAGE),
    Row("ifconfig -z", 1, err=USAGE),
    Row("ifconfig -j", 1, err=USAGE),
)


def test_every_refusal_has_its_text_and_changes_nothing(a: Console) -> None:
    a.did("ifconfig epair0 create")
    a.did("ifconfig eth0 vhid 1 advskew 100 pass geheim 10.77.0.100/32 alias")
    a.become_master()
    before = (a.kernel(), a.shown(), a.said())
    assert mismatches(a, REFUSED, at_once=4) == []
    assert (a.kernel(), a.shown(), a.said()) == before


def test_r140_numbers_out_of_range_are_invalid_arguments_and_make_nothing(a: Console) -> None:
    wrong = ("advskew 255", "advskew -1", "advbase 256", "advbase -1", "advskew 1000000")
    invalid = "ifconfig: SIOCSVH: Invalid argument"
    before = a.kernel()
    assert mismatches(a, [Row(f"ifconfig eth0 vhid 7 {it}", 1, err=invalid) for it in wrong]) == []
    line = "ifconfig eth0 10.77.0.107/32 alias vhid 7 pass p"
    assert mismatches(a, [Row(f"{line} {it}", 1, err=invalid) for it in wrong]) == []
    assert (a.groups(), a.kernel()) == ([], before)
    a.did("ifconfig eth0 vhid 255 advbase 255 advskew 254", "ifconfig eth0 vhid 1 advskew 0")
    assert a.groups() == [(255, 255, 254), (1, 1, 0)]
    rows = [Row(f"ifconfig eth0 vhid 255 {it}", 1, err=invalid) for it in wrong]
    assert mismatches(a, rows) == []
    assert a.groups() == [(255, 255, 254), (1, 1, 0)]


# -- words for an interface ------------------------------------------------------------------------


def test_words_for_an_interface_change_what_the_kernel_has(a: Console) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0b up")
    link = a.links()["epair0a"]
    assert "UP" not in link["flags"]
    a.did("ifconfig epair0a up mtu 1400 description 'to the core'")
    link = a.links()["epair0a"]
    assert "UP" in link["flags"]
    assert (link["mtu"], link["ifalias"]) == (1400, "to the core")
    assert "\tdescription: to the core\n" in a.did("ifconfig epair0a")
    a.did("ifconfig epair0a -descr", "ifconfig epair0a down mtu 1300 up down")
    link = a.links()["epair0a"]
    assert ("UP" in link["flags"], link["mtu"], "ifalias" in link) == (False, 1300, False)
    assert "description" not in a.did("ifconfig epair0a")
    a.did("ifconfig epair0a descr x")
    assert a.links()["epair0a"]["ifalias"] == "x"

    for word, mac in (("ether", "77"), ("link", "78"), ("lladdr", "79")):
        a.did(f"ifconfig epair0a {word} 02:00:00:00:00:{mac}")
        assert a.links()["epair0a"]["address"] == f"02:00:00:00:00:{mac}"
    assert re.search(r"^\tether 02:00:00:00:00:79$", a.did("ifconfig epair0a"), re.MULTILINE)
    a.did("ifconfig epair0a ether random")
    mac = a.links()["epair0a"]["address"]
    assert mac != "02:00:00:00:00:79"
    assert int(mac[:2], 16) & 3 == 2

    a.did("ifconfig epair0a -arp promisc allmulti")
    assert {"NOARP", "PROMISC", "ALLMULTI"} <= set(a.links()["epair0a"]["flags"])
    a.did("ifconfig epair0a arp -promisc -allmulti")
    assert not {"NOARP", "PROMISC", "ALLMULTI"} & set(a.links()["epair0a"]["flags"])

    assert a("ifconfig epair0a name core mtu 1350") == (0, "core\n", "")
    assert "epair0a" not in a.links()
    assert a.links()["core"]["mtu"] == 1350
    a.did("ifconfig core up", "ifconfig core name core2")
    assert "UP" in a.links()["core2"]["flags"]
    said = a("ifconfig core2 name eth0")
    assert (said.status, said.out) == (1, "")
    assert "File exists" in said.err


def test_words_without_effect_are_accepted_or_warned_of(a: Console) -> None:
    a.did("ifconfig eth0 vhid 1 10.77.0.100/32 alias advskew 10")
    a.become_master()
    before = (a.kernel(), a.shown())
    offload = ["rxcsum", "txcsum", "rxcsum6", "txcsum6", "tso", "tso4", "tso6", "lro"]
    a.did(
        f"ifconfig eth0 {' '.join(offload)}",
        f"ifconfig eth0 {' '.join('-' + word for word in offload)}",
        "ifconfig eth0 metric 0",
        "ifconfig eth0 vhid 1 mcast mcast6 carpver 2",
        "ifconfig eth0 vhid 1 peer 224.0.0.18 peer6 ff02::12",
        "ifconfig eth0 vhid 1 state init",
        "ifconfig eth0 vhid 1 state INIT state Master",
    )
    warned = a("ifconfig eth0 media autoselect mediaopt full-duplex mode 11a")
    assert (warned.status, warned.out) == (0, "")
    for word in ("media", "mediaopt", "mode"):
        assert re.search(rf"^ifconfig: WARNING: {word} ", warned.err, re.MULTILINE)
    assert (a.kernel(), a.shown()) == before
    shown = a.did("ifconfig eth0").replace(" tentative", "")
    for option in ("-v", "-m", "-D", "-L"):
        told = a.did(f"ifconfig {option} eth0").replace(FOR_EVER, "").replace(" tentative", "")
        assert set(shown.splitlines()) <= set(told.splitlines())


# -- IPv4 addresses --------------------------------------------------------------------------------


def test_plain_inet_addresses_are_replaced_added_and_deleted_as_on_freebsd(a: Console) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0b up")
    a.did("ifconfig epair0a 10.9.0.1 netmask 255.255.255.0 broadcast 10.9.0.7")
    assert "UP" in a.links()["epair0a"]["flags"], "setting an address marks the interface up"
    shown = a.did("ifconfig epair0a inet").splitlines()[1:]
    assert shown == ["\tinet 10.9.0.1 netmask 0xffffff00 broadcast 10.9.0.7"]
    # the second is in one subnet with the first, which the kernel then takes for a secondary
    a.did("ifconfig epair0a 10.9.0.2/24 alias", "ifconfig epair0a inet alias 10.9.0.3/32")
    a.did("ifconfig epair0a add 10.9.1.1 netmask 0xffff0000")
    assert a.inet("epair0a")[0] == "10.9.0.1/24"
    assert sorted(a.inet("epair0a")) == ["10.9.0.1/24", "10.9.0.2/24", "10.9.0.3/32", "10.9.1.1/16"]
    assert "netmask 0xffffffff broadcast 10.9.0.3\n" in a.did("ifconfig epair0a")
    a.did("ifconfig epair0a 10.9.0.9/24")
    assert sorted(a.inet("epair0a")) == ["10.9.0.2/24", "10.9.0.3/32", "10.9.0.9/24", "10.9.1.1/16"]
    assert sorted(a.addresses("epair0a")[:4]) == sorted(a.inet("epair0a"))
    # a second time, with other values
    a.did("ifconfig epair0a 10.9.0.3/25 alias")
    assert sorted(a.inet("epair0a")) == ["10.9.0.2/24", "10.9.0.3/25", "10.9.0.9/24", "10.9.1.1/16"]
    a.did("ifconfig epair0a 10.9.0.3/25 alias")
    a.did("ifconfig epair0a delete 10.9.1.1", "ifconfig epair0a 10.9.0.3 remove")
    assert sorted(a.inet("epair0a")) == ["10.9.0.2/24", "10.9.0.9/24"]
    first, second = a.inet("epair0a")
    a.did("ifconfig epair0a -alias")
    assert a.inet("epair0a") == [second]
    a.did(f"ifconfig epair0a {second} -alias")
    assert a.inet("epair0a") == []
    said = a("ifconfig epair0a -alias")
    assert said.status == 1
    assert "SIOCDIFADDR" in said.err
    assert first not in a.addresses("epair0a")


def test_address_without_a_mask_has_that_of_its_class_and_a_warning(a: Console) -> None:
    a.did("ifconfig epair0 create")
    classes = (("10.9.0.1", 8), ("172.20.0.1", 16), ("192.0.2.1", 24))
    rows = [Row(f"ifconfig epair0a {address} alias", 0, err=WARNING) for address, _ in classes]
    assert mismatches(a, rows) == []
    assert a.inet("epair0a") == [f"{address}/{length}" for address, length in classes]


def test_loopback_gets_another_address_of_its_class_without_a_warning(a: Console) -> None:
    a.did("ifconfig lo 127.0.0.2 alias")
    assert a.inet("lo") == ["127.0.0.1/8", "127.0.0.2/8"]


def test_inet_addresses_are_shown_as_linux_lists_them_further_ones_of_a_subnet_last(
    a: Console,
) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0a 10.9.0.1/24 alias")
    a.did("ifconfig epair0a 10.9.0.2/24 alias", "ifconfig epair0a 10.9.9.1/24 alias")
    assert a.inet("epair0a") == ["10.9.0.1/24", "10.9.9.1/24", "10.9.0.2/24"]


def test_address_that_nobody_can_have_is_no_success(a: Console) -> None:
    said = a("ifconfig eth0 0.0.0.0/24 alias")
    assert said.status == 1
    assert "SIOCAIFADDR" in said.err


def test_point_to_point_address_is_shown_with_its_arrow(a: Console) -> None:
    a.node.host.run("ip", "tuntap", "add", "tun0", "mode", "tun")
    a.did("ifconfig tun0 10.9.9.1 10.9.9.2 netmask 255.255.255.255")
    shown = a.did("ifconfig tun0")
    assert re.search(
        r"^\tinet 10\.9\.9\.1 --> 10\.9\.9\.2 netmask 0xffffffff$", shown, re.MULTILINE
    )
    assert "POINTOPOINT" in shown.splitlines()[0]
    assert "\tether" not in shown


def test_address_of_another_interface_is_refused_with_and_without_a_vhid(a: Console) -> None:
    a.did("ifconfig epair0 create", "ifconfig epair0a 10.9.0.1/24 alias")
    exists = r"ifconfig: ioctl \(SIOCAIFADDR\): File exists"
    before = a.kernel()
    rows = (
        Row("ifconfig eth0 10.9.0.1/24 alias", 1, err=exists),
        Row("ifconfig eth0 10.9.0.1/24", 1, err=exists),
        Row("ifconfig eth0 vhid 1 10.9.0.1/24 alias", 1, err=exists),
    )
    assert mismatches(a, rows) == []
    assert (a.kernel(), a.groups()) == (before, [])


# -- IPv6 addresses --------------------------------------------------------------------------------


def test_inet6_words_act_as_named(lab: Lab) -> None:
    a = Console(start(lab["a"], ""))  # with duplicate address detection
    a.did("ifconfig epair0 create", "ifconfig epair0a up", "ifconfig epair0b up")
    a.did(
        "ifconfig epair0a inet6 2001:db8:9::1 no_dad",
        "ifconfig epair0a inet6 no_dad 2001:db8:9::2/96",
    )
    told = a.node.host.run("ip", "-o", "-6", "addr", "show", "dev", "epair0a", "scope", "global")
    assert len(told.stdout.splitlines()) == 2
    assert "tentative" not in told.stdout
    a.did(
        "ifconfig epair0a inet6 2001:db8:9::3 prefixlen 80",
        "ifconfig epair0a inet6 2001:db8:9::5 pltime 100 vltime 200 alias",
        "ifconfig epair0a inet6 2001:db8:99:: eui64",
        "ifconfig epair0a inet6 fe80::6%epair0a",
        "ifconfig epair0a inet6 fe80::7",
    )
    shown = a.did("ifconfig -L epair0a inet6").replace(FOR_EVER, "")
    assert re.search(r"^\tinet6 2001:db8:9::1 prefixlen 64\b", shown, re.MULTILINE)
    assert re.search(r"^\tinet6 2001:db8:9::2 prefixlen 96\b", shown, re.MULTILINE)
    assert re.search(r"^\tinet6 2001:db8:9::3 prefixlen 80( tentative)?$", shown, re.MULTILINE)
    lifetimes = r"^\tinet6 2001:db8:9::5 prefixlen 64( tentative)? pltime (\d+) vltime (\d+)$"
    match = re.search(lifetimes, shown, re.MULTILINE)
    assert match, shown
    assert 90 <= int(match[2]) <= 100
    assert 190 <= int(match[3]) <= 200
    mac = bytes.fromhex(a.links()["epair0a"]["address"].replace(":", ""))
    tail = bytes((mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:])).hex()
    groups = [f"{int(tail[at : at + 4], 16):x}" for at in (0, 4, 8, 12)]
    assert f"\tinet6 2001:db8:99:0:{':'.join(groups)} prefixlen 64" in shown
    for address in ("fe80::6", "fe80::7"):
        scoped = rf"^\tinet6 {address}%epair0a prefixlen 64( tentative)? scopeid 0x[0-9a-f]+$"
        assert re.search(scoped, shown, re.MULTILINE)
    a.did("ifconfig epair0a inet6 2001:db8:9::1 -alias", "ifconfig epair0a inet6 delete fe80::6")
    assert not {"2001:db8:9::1/64", "fe80::6/64"} & set(a.addresses("epair0a"))
    assert "2001:db8:9::2/96" in a.addresses("epair0a"), "inet6 always adds, and deletes one"
    assert a("ifconfig epair0a inet6 fe80::8%eth0").status == 1
    said = a("ifconfig epair0a inet6 2001:db8:9::4 anycast")
    assert (said.status, said.out) == (1, "")
    assert "not supported" in said.err


# -- kinds of interfaces ---------------------------------------------------------------------------

CREATED = (
    Row("ifconfig -C", 0, out="bridge epair lo vlan\n"),
    Row("ifconfig bridge0 create", 0),
    Row("ifconfig bridge1 create", 0),
    Row("ifconfig bridge5 create", 0),
    Row("ifconfig bridge5 create", 1, err="ifconfig: interface bridge5 already exists"),
    Row("ifconfig bridge6 plumb", 0),
    Row("ifconfig bridge6 unplumb", 0),
    Row("ifconfig bridge6 destroy", 1, err="ifconfig: interface bridge6 does not exist"),
    Row("ifconfig epair0 create", 0, out="epair0a\n"),
    Row("ifconfig epair1 create", 0, out="epair1a\n"),
    Row("ifconfig bridge2 create addm epair0a up", 0),
    Row("ifconfig bridge2 addm epair1a addm epair1b", 0),
    Row("ifconfig bridge2 deletem epair1b", 0),
    Row("ifconfig bridge0 addm epair0a", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig bridge0 addm epair1b addm nope", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig bridge0 addm lo", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig nosuchkind create", 1, err=rf"ifconfig: {LINE}"),
    Row("ifconfig lo destroy", 1, err=rf"ifconfig: {LINE}"),
)


def test_interfaces_are_created_joined_and_destroyed(a: Console) -> None:
    assert mismatches(a, CREATED) == []
    links = a.links()
    kinds = {name: link.get("linkinfo", {}).get("info_kind") for name, link in links.items()}
    assert {name for name, kind in kinds.items() if kind == "bridge"} == {
        *("bridge0", "bridge1", "bridge2", "bridge5")
    }
    assert {name: link["master"] for name, link in links.items() if "master" in link} == {
        "epair0a": "bridge2",
        "epair1a": "bridge2",
    }
    assert "UP" in links["bridge2"]["flags"]
    shown = a.did("ifconfig bridge2")
    members = re.findall(r"^\tmember: (\S+) flags=[0-9a-f]+<[A-Z,]+>$", shown, re.MULTILINE)
    assert sorted(members) == ["epair0a", "epair1a"]
    a.did("ifconfig epair0b destroy", "ifconfig bridge1 destroy")
    assert {"epair0a", "epair0b", "bridge1"} & set(a.links()) == set()
    # the next number that is free here and in the named namespaces of this machine
    made = [a.did(f"ifconfig {kind} create").strip() for kind in ("bridge", "bridge", "epair")]
    assert re.fullmatch(r"(bridge\d+) (bridge\d+) epair\d+a", " ".join(made))
    assert len({*made, "bridge0", "bridge2", "bridge5", "epair1a"}) == 7
    assert {*made, f"{made[2][:-1]}b"} <= set(a.links())


def test_kinds_that_this_kernel_lacks_fail_in_clear_words_and_leave_nothing(a: Console) -> None:
    made = {"lo": "dummy", "lo1": "dummy", "eth0.10": "vlan"}
    for name, kind in made.items():
        before = a.kernel()
        said = a(f"ifconfig {name} create")
        if said.status == 0:  # a kernel that has them
            created = said.out.strip() or name
            assert a.links()[created]["linkinfo"]["info_kind"] == kind
            assert created == name or created == "lo1"
            a.did(f"ifconfig {created} destroy")
            continue
        assert said.out == ""
        assert re.fullmatch(rf"ifconfig: {LINE}\n(\t{LINE}\n)*", said.err)
        assert kind in said.err
        assert "not supported" in said.err
        assert a.kernel() == before
    for words in ("vlan create vlan 7", "vlan create vlandev eth0"):
        said = a(f"ifconfig {words}")
        assert (said.status, said.out) == (1, "")
        assert re.fullmatch(r"ifconfig: .*vlan N vlandev.*\n", said.err)


@pytest.fixture
def jail(lab: Lab) -> Iterator[str]:
    """A network namespace beside the hosts."""
    name = f"{lab.prefix}-jail"
    add_namespace(name)
    yield name
    remove_namespace(name)


def test_interfaces_move_into_a_namespace_and_back_and_work_there(a: Console, jail: str) -> None:
    a.did("ifconfig epair0 create", f"ifconfig epair0a vnet {jail}", "ifconfig epair0b up")
    assert a.did("ifconfig -l") == "lo eth0 epair0b\n"
    assert a.did(f"ifconfig -j {jail} -l") == "lo epair0a\n"
    a.did(f"ifconfig -j {jail} epair0a vhid 3 advbase 60 pass p 10.5.0.1/24 alias")
    assert re.search(r"^\tcarp: BACKUP vhid 3 advbase 60 advskew 0$",
                     a.did(f"ifconfig -j {jail} epair0a"), re.MULTILINE)  # fmt: skip
    assert a.groups() == []
    bridge = a.did(f"ifconfig -j {jail} bridge create").strip()
    assert re.fullmatch(r"bridge\d+", bridge)
    a.did(f"ifconfig -j {jail} epair0a 10.5.0.1 -alias", f"ifconfig epair0a -vnet {jail}")
    assert a.did("ifconfig -l").split() == ["lo", "eth0", "epair0b", "epair0a"]
    # either end takes the other along, though it is elsewhere
    a.did(f"ifconfig epair0a vnet {jail}", "ifconfig epair0b destroy")
    assert a.did(f"ifconfig -j {jail} -l") == f"lo {bridge}\n"


# -- who may what ----------------------------------------------------------------------------------


def test_without_privilege_one_may_look_without_keys_and_change_nothing(a: Console) -> None:
    a.did("ifconfig eth0 vhid 1 pass geheim 10.77.0.100/24 alias")
    a.become_master()
    for directory in (a.node.host.directory, *a.node.host.directory.parents):
        directory.chmod(directory.stat().st_mode | 0o011)
    before = (a.kernel(), a.shown())
    assert 'key "geheim"' in before[1]
    looked = a("ifconfig -ak", through=NOBODY)
    assert (looked.status, looked.err) == (0, "")
    assert looked.out.replace(" tentative", "") == before[1].replace(' key "geheim"', "")
    denied = {
        "vhid 1 advskew 3": r"SIOCSVH: Operation not permitted",
        "vhid 1 state backup": r"SIOCSVH: Operation not permitted",
        "vhid 1 10.77.0.101/24 alias": r"SIOCSVH: Operation not permitted",
        "10.77.0.101/24 alias": r"ioctl \(SIOCAIFADDR\): permission denied",
        "10.77.0.1 -alias": r"ioctl \(SIOCDIFADDR\): permission denied",
        "mtu 1400": r".*: permission denied",
        "destroy": r".*: Operation not permitted",
    }
    for words, text in denied.items():
        for through in (NOBODY, ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-all")):
            said = a(f"ifconfig eth0 {words}", through=through)
            assert (said.status, said.out) == (1, "")
            assert re.fullmatch(rf"ifconfig: {text}\n(\t.*\n)*", said.err), said.err
    assert (a.kernel(), a.shown()) == before
