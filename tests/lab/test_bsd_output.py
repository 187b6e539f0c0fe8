"""What ifconfig prints, line by line, and what scripts from FreeBSD read from it."""

from __future__ import annotations

import re

import pytest
from tests.helpers.bsd_lab import Console
from tests.helpers.life import start

from carpio.lab.topology import Lab

BITS = {
    0x1: "UP",
    0x2: "BROADCAST",
    0x4: "DEBUG",
    0x8: "LOOPBACK",
    0x10: "POINTOPOINT",
    0x40: "RUNNING",
    0x80: "NOARP",
    0x100: "PROMISC",
    0x200: "ALLMULTI",
    0x800: "SIMPLEX",
    0x1000: "LINK0",
    0x8000: "MULTICAST",
    0x20000: "PPROMISC",
    0x40000: "MONITOR",
    0x1000000: "LOWER_UP",
}
HEAD = re.compile(
    r"(?P<name>\S+): flags=(?P<flags>[0-9a-f]+)<(?P<names>[A-Z0-9_,]*)> metric \d+ mtu \d+"
)
IPV4 = r"\d+(\.\d+){3}"
IPV6 = r"[0-9a-f:]+"
REMARKS = (
    r"( anycast)?( tentative)?( duplicated)?( detached)?( deprecated)?( autoconf)?( temporary)?"
)
LINES = (  # in the order of the specification; the position of those after the addresses is ours
    ("description", r"\tdescription: .+"),
    ("options", r"\toptions=[0-9a-f]+<[A-Z0-9_,]*>"),
    ("ether", r"\tether [0-9a-f]{2}(:[0-9a-f]{2}){5}"),
    ("hwaddr", r"\thwaddr [0-9a-f]{2}(:[0-9a-f]{2}){5}"),
    ("inet", rf"\tinet {IPV4} netmask 0x[0-9a-f]{{8}}( broadcast {IPV4})?( vhid \d+)?"),
    (
        "inet6",
        rf"\tinet6 ({IPV6} prefixlen \d+{REMARKS}|fe80:{IPV6}%\w+ prefixlen \d+{REMARKS}"
        r" scopeid 0x[0-9a-f]+)( pltime \w+ vltime \w+)?( vhid \d+)?",
    ),
    ("nd6", r"\tnd6 options=[0-9a-f]+<[A-Z_,]+>"),
    ("member", r"\tmember: \w+ flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>"),
    ("media", r"\tmedia: Ethernet .+"),
    ("status", r"\tstatus: (active|no carrier)"),
    ("groups", r"\tgroups: [\w ]+"),
    ("carp", r"\tcarp: (INIT|BACKUP|MASTER) vhid \d+ advbase \d+ advskew \d+( key \".*\")?"),
    ("peers", r"\t      peer 224\.0\.0\.18 peer6 ff02::12"),
)


@pytest.fixture
def a(lab: Lab) -> Console:
    """A host with several interfaces, and groups in every state on eth0."""
    a = Console(start(lab["a"], "")).make_quick()
    a.did(
        "ifconfig epair0 create",
        "ifconfig bridge0 create addm epair0b up",
        "ifconfig epair0a inet6 2001:db8:9::1/96 no_dad",
        "ifconfig epair0b up",
        "ifconfig eth0 description 'uplink to the core'",
        "ifconfig eth0 vhid 1 advskew 100 pass geheim 10.77.0.100/32 alias",
        "ifconfig eth0 inet6 2001:db8:77::100/64 vhid 1",
        "ifconfig eth0 vhid 7 advbase 200 10.77.0.107/24 alias",
        "ifconfig eth0 vhid 2 advbase 2",
    )
    a.become_master()
    a.wait_for("BACKUP", 7)
    return a


def kinds_of(lines: list[str]) -> list[str]:
    """Return the kind of each line; fail on one that the specification does not know."""
    found = []
    for line in lines:
        kinds = [kind for kind, pattern in LINES if re.fullmatch(pattern, line)]
        assert len(kinds) == 1, line
        found += kinds
    return found


def blocks(text: str) -> dict[str, list[str]]:
    """Cut the output into interfaces: their lines by their name."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        head = HEAD.fullmatch(line)
        if head:
            found[head["name"]] = [line]
        else:
            found[list(found)[-1]].append(line)
    return found


def test_every_line_has_the_form_and_the_place_of_the_specification(a: Console) -> None:
    shown = blocks(a.did("ifconfig"))
    assert list(shown) == ["lo", "eth0", "epair0b", "epair0a", "bridge0"], "in order of index"
    order = [kind for kind, _ in LINES]
    for name, (head, *lines) in shown.items():
        flags = HEAD.fullmatch(head)
        assert flags
        bits = int(flags["flags"], 16)
        assert flags["names"].split(",") == [word for bit, word in BITS.items() if bits & bit], name
        assert bits & ~sum(BITS) == 0
        kinds = kinds_of(lines)
        once = [kind for kind in kinds if kind not in ("inet", "inet6", "member", "carp", "peers")]
        assert len(once) == len(set(once))
        plain = [kind for kind in kinds if kind != "peers"]
        assert plain == sorted(plain, key=order.index), name
    assert set(HEAD.fullmatch(shown["lo"][0])["names"].split(",")) >= {
        "UP",
        "LOOPBACK",
        "MULTICAST",
    }  # type: ignore[index] # it matched
    assert {"ether", "media", "status"} & set(kinds_of(shown["lo"][1:])) == set()
    assert "\tmember: epair0b flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>" in shown["bridge0"]
    assert "\tinet6 2001:db8:9::1 prefixlen 96" in shown["epair0a"]
    words = {"UP", "BROADCAST", "RUNNING", "PROMISC", "SIMPLEX", "MULTICAST"}
    assert words <= set(HEAD.fullmatch(shown["eth0"][0])["names"].split(","))  # type: ignore[index] # it matched
    assert shown["eth0"][-6:] == [
        *("\tcarp: MASTER vhid 1 advbase 1 advskew 100", "\t      peer 224.0.0.18 peer6 ff02::12"),
        *("\tcarp: BACKUP vhid 7 advbase 200 advskew 0", "\t      peer 224.0.0.18 peer6 ff02::12"),
        *("\tcarp: INIT vhid 2 advbase 2 advskew 0", "\t      peer 224.0.0.18 peer6 ff02::12"),
    ]
    assert [line for line in shown["eth0"] if line.startswith("\tinet ")] == [
        "\tinet 10.77.0.1 netmask 0xffffff00 broadcast 10.77.0.255",
        "\tinet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100 vhid 1",
        "\tinet 10.77.0.107 netmask 0xffffff00 broadcast 10.77.0.255 vhid 7",
    ]
    assert "\tinet6 2001:db8:77::100 prefixlen 64 vhid 1" in shown["eth0"]


def test_options_choose_interfaces_families_and_formats(a: Console) -> None:
    everything = a.did("ifconfig -a")
    shown = blocks(everything)
    assert a.did("ifconfig").replace(" tentative", "") == everything.replace(" tentative", "")
    a.did("ifconfig bridge0 down")
    helpers = [name for name in a.links() if name.startswith("carp")]
    assert len(helpers) >= 2
    assert not any(helper in everything for helper in helpers)
    names = {
        "-l": "lo eth0 epair0b epair0a bridge0",
        "-l -u": "lo eth0 epair0b epair0a",
        "-ld": "bridge0",
        "-l inet": "lo eth0",
        "-l ether": "eth0 epair0b epair0a bridge0",
        "-l -g lo": "lo",
        "-l -G lo": "eth0 epair0b epair0a bridge0",
    }
    for options, listed in names.items():
        assert (options, a.did(f"ifconfig {options}")) == (options, f"{listed}\n")
    assert list(blocks(a.did("ifconfig -d"))) == ["bridge0"]
    assert list(blocks(a.did("ifconfig -a -u"))) == ["lo", "eth0", "epair0b", "epair0a"]
    assert list(blocks(a.did("ifconfig -a -g lo"))) == ["lo"]
    assert list(blocks(a.did("ifconfig -a inet"))) == ["lo", "eth0"]
    assert a.did("ifconfig -g epair").split() == ["epair0b", "epair0a"]

    for family in ("inet", "inet6", "ether"):
        head, *lines = a.did(f"ifconfig eth0 {family}").splitlines()
        assert head == shown["eth0"][0]
        assert set(kinds_of(lines)) - {"nd6", "options", "description"} == {family}

    formats = {
        "inet:cidr": "inet 10.77.0.100/32 broadcast 10.77.0.100 vhid 1",
        "inet:dotted": "inet 10.77.0.100 netmask 255.255.255.255 broadcast 10.77.0.100 vhid 1",
        "inet:hex": "inet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100 vhid 1",
        "default": "inet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100 vhid 1",
        "cidr": "inet 10.77.0.100/32 broadcast 10.77.0.100 vhid 1",
        "inet6:cidr": "inet6 2001:db8:77::100/64 vhid 1",
        "inet6:numeric": "inet6 2001:db8:77::100 prefixlen 64 vhid 1",
        "addr:numeric": "inet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100 vhid 1",
        "ether:dash,inet:cidr": "inet 10.77.0.100/32 broadcast 10.77.0.100 vhid 1",
    }
    for chosen, line in formats.items():
        assert f"\t{line}\n" in a.did(f"ifconfig -f {chosen} eth0"), chosen
    mac = a.links()["eth0"]["address"]
    for chosen, sign in (("colon", ":"), ("dash", "-"), ("dotted", ".")):
        assert f"\tether {mac.replace(':', sign)}\n" in a.did(f"ifconfig -f ether:{chosen} eth0")
    told = a.shell("IFCONFIG_FORMAT=inet:cidr ifconfig eth0 inet").out
    assert "\tinet 10.77.0.100/32 broadcast 10.77.0.100 vhid 1\n" in told


SCRIPTS = {
    "ifconfig eth0 | awk '/carp:/ {print $2}'": "MASTER\nBACKUP\nINIT\n",
    "ifconfig eth0 | grep 'carp: MASTER'": "\tcarp: MASTER vhid 1 advbase 1 advskew 100\n",
    "ifconfig eth0 | grep -c 'carp: '": "3\n",
    "ifconfig -l": "lo eth0 epair0b epair0a bridge0\n",
    "ifconfig -a | awk '/^[a-z]/ {print $1}'": "lo:\neth0:\nepair0b:\nepair0a:\nbridge0:\n",
    "ifconfig eth0 | awk '/vhid 1$/ {print $2}'": "10.77.0.100\n2001:db8:77::100\n",
    "ifconfig eth0 | awk '/inet / && !/vhid/ {print $2; exit}'": "10.77.0.1\n",
    "ifconfig eth0 | awk '$1 == \"carp:\" && $4 == 7 {print $2}'": "BACKUP\n",
    "ifconfig eth0 | sed -n 's/.*carp: \\([A-Z]*\\) vhid 1 .*/\\1/p'": "MASTER\n",
    "ifconfig eth0 | awk '/^\\tinet6 fe80/ {print $2}' | grep -c '%eth0$'": "1\n",
    "ifconfig eth0 | awk '/%eth0/ {print $4}'": "64\n",
    "ifconfig eth0 | grep -q 'status: active' && echo yes": "yes\n",
    "sysctl -n net.inet.carp.demotion": "0\n",
    "netstat -s -p carp | awk '/received \\(IPv4\\)/ {print $2}'": "packets\n",
    "command -v ifconfig | grep -c libexec/carpio": "1\n",
}


def test_scripts_from_freebsd_read_it_under_the_names_they_know(a: Console) -> None:
    for script, wanted in SCRIPTS.items():
        assert (script, *a.shell(script)) == (script, 0, wanted, "")
    assert a.shell("ifconfig nope") == (1, "", "ifconfig: interface nope does not exist\n")
    refused = a.shell("ifconfig eth0 vhid 1 advskew 300 && echo changed")
    assert refused == (1, "", "ifconfig: SIOCSVH: Invalid argument\n")
    assert a.shell("ifconfig eth0 vhid 1 advskew 3 && sysctl -n net.inet.carp.log").out == "1\n"
