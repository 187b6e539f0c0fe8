"""sysctl and netstat on a living host: what they print, and what happens on the wire."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.helpers.bsd_lab import NOBODY, Console, Row, mismatches
from tests.helpers.daemon_lab import throw
from tests.helpers.life import Film, start, wait_for

from carpio.lab.observe import Capture
from carpio.lab.topology import Lab
from carpio.wire.auth import Authenticator, Key
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC, Family
from carpio.wire.header import encode_advertisement
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header
from carpio.wire.packet import Datagram, dissect

CARP = {
    "net.inet.carp.ifdown_demotion_factor": 240,
    "net.inet.carp.senderr_demotion_factor": 240,
    "net.inet.carp.demotion": 0,
    "net.inet.carp.log": 1,
    "net.inet.carp.preempt": 0,
    "net.inet.carp.dscp": 56,
    "net.inet.carp.allow": 1,
}
OTHERS = {
    "net.pfsync.carp_demotion_factor": "240",
    "net.inet.ip.forwarding": "0",
    "net.inet6.ip6.forwarding": "0",
    "kern.features.vimage": "1",
    "kern.hostname": socket.gethostname(),
    "security.jail.jailed": "0",
}


@pytest.fixture
def a(lab: Lab) -> Console:
    """Host a with an empty daemon."""
    return Console(start(lab["a"], "")).make_quick()


def values(text: str) -> dict[str, str]:
    """Read `NAME: VALUE` lines; fail on others."""
    return dict(re.fullmatch(r"([\w.]+): (.*)", line).groups() for line in text.splitlines())  # type: ignore[union-attr, misc] # an error says enough


ASKED = (
    Row("sysctl net.inet.carp.preempt", 0, r"net\.inet\.carp\.preempt: 0\n"),
    Row("sysctl -n net.inet.carp.preempt", 0, "0\n"),
    Row("sysctl -N net.inet.carp.preempt", 0, r"net\.inet\.carp\.preempt\n"),
    Row("sysctl -e net.inet.carp.preempt", 0, r"net\.inet\.carp\.preempt=0\n"),
    Row("sysctl -d net.inet.carp.preempt", 0, r"net\.inet\.carp\.preempt: \S[^\n]+\n"),
    Row("sysctl -n net.inet.carp.log net.inet.carp.dscp", 0, "1\n56\n"),
    Row("sysctl net.inet.carp.nope", 1, err=r"sysctl: unknown oid 'net\.inet\.carp\.nope'"),
    Row("sysctl vm.swappiness=1", 1, err=r"sysctl: unknown oid 'vm\.swappiness'"),
    Row("sysctl -i nope", 0),
    Row("sysctl -i nope net.inet.carp.allow", 0, r"net\.inet\.carp\.allow: 1\n"),
    Row("sysctl net.inet.carp.allow=x", 1, err="sysctl: invalid integer 'x'"),
    Row("sysctl kern.hostname=x", 1, err=r"sysctl: oid 'kern\.hostname' is read only"),
    Row("sysctl kern.features.vimage=0", 1, err=r"sysctl: oid '[\w.]+' is read only"),
    Row("sysctl net.inet.carp.preempt=1", 0, r"net\.inet\.carp\.preempt: 0 -> 1\n"),
    Row("sysctl -n net.inet.carp.preempt=0", 0, "1 -> 0\n"),
    Row("sysctl -w net.inet.carp.preempt=7", 0, r"net\.inet\.carp\.preempt: 0 -> 1\n"),
    Row("sysctl -n net.inet.carp.preempt=0", 0, "1 -> 0\n"),
    Row("sysctl net.inet.carp.demotion=100", 0, r"net\.inet\.carp\.demotion: 0 -> 100\n"),
    Row("sysctl net.inet.carp.demotion=-30", 0, r"net\.inet\.carp\.demotion: 100 -> 70\n"),
    Row("sysctl -n net.inet.carp.demotion", 0, "70\n"),
    Row("sysctl -n net.inet.carp.demotion=-70", 0, "70 -> 0\n"),
    *(
        Row(
            f"sysctl net.inet.carp.{wrong}",
            1,
            r"([\w.]+: \d+\n)?",
            err="sysctl: .*Invalid argument",
        )
        for wrong in ("dscp=64", "dscp=-1", "log=8", "ifdown_demotion_factor=-1")
    ),
    # all assignments of a call, or none (From FreeBSD)
    Row(
        "sysctl net.inet.carp.dscp=10 net.inet.carp.log=x",
        1,
        err=r"sysctl: invalid integer 'x'\nsysctl: net\.inet\.carp\.dscp=10: not done",
    ),
    Row(
        "sysctl net.inet.carp.dscp=10 nope=1",
        1,
        err=r"(sysctl: unknown oid 'nope'|sysctl: net\.inet\.carp\.dscp=10: not done|\n)+",
    ),
    Row("sysctl -n net.inet.carp.dscp", 0, "56\n"),
    Row("sysctl", 1, err=r"usage: sysctl (.|\n)*"),
)


def test_sysctl_shows_and_sets_in_the_words_of_freebsd(a: Console) -> None:
    told = values(a.did("sysctl net.inet.carp"))
    assert told == {name: str(value) for name, value in CARP.items()}
    everything = values(a.did("sysctl -a"))
    assert everything == told | OTHERS
    names = a.did("sysctl -aN").split()
    assert set(names) == set(everything) | {"net.inet.carp.stats"}
    assert mismatches(a, ASKED) == []
    assert values(a.did("sysctl net.inet.carp")) == told


def test_forwarding_is_the_kernels_own_switch(a: Console) -> None:
    paths = {"net.inet.ip.forwarding": "ipv4/ip_forward"}
    paths["net.inet6.ip6.forwarding"] = "ipv6/conf/all/forwarding"
    for name, path in paths.items():
        assert a.did(f"sysctl {name}=1") == f"{name}: 0 -> 1\n"
        assert a.node.host.run("cat", f"/proc/sys/net/{path}").stdout == "1\n"
        assert a.did(f"sysctl -n {name}=0") == "1 -> 0\n"


def test_without_privilege_settings_can_be_seen_and_not_changed(a: Console) -> None:
    for directory in (a.node.host.directory, *a.node.host.directory.parents):
        directory.chmod(directory.stat().st_mode | 0o011)
    before = a.did("sysctl -a")
    assert a("sysctl -a", through=NOBODY) == (0, before, "")
    for setting in ("net.inet.carp.demotion=1", "net.inet.ip.forwarding=1"):
        said = a(f"sysctl {setting}", through=NOBODY)
        assert (said.status, said.err) == (1, f"sysctl: {setting}: Operation not permitted\n")
    assert a("netstat -s -p carp", through=NOBODY).status == 0
    said = a("netstat -sz -p carp", through=NOBODY)
    assert said.status == 1
    assert said.err.startswith("netstat: ")
    assert a.did("sysctl -a") == before


def test_settings_of_the_report_come_from_its_sysctl_conf(a: Console, tmp_path: Path) -> None:
    file = tmp_path / "sysctl.conf"
    file.write_text(
        "# the main master is to stay master\n"
        "net.inet.carp.preempt=1\n"
        "net.inet.carp.senderr_demotion_factor=0  # LAGG\n"
        "\nkern.maxfiles=100\n"
    )
    said = a(f"sysctl -f {file}")
    assert said.out == (
        "net.inet.carp.preempt: 0 -> 1\nnet.inet.carp.senderr_demotion_factor: 240 -> 0\n"
    )
    assert said.status == 1
    assert f"{file}:5" in said.err
    assert "kern.maxfiles" in said.err
    assert (
        a.did("sysctl -n net.inet.carp.preempt net.inet.carp.senderr_demotion_factor") == "1\n0\n"
    )


def test_r077_allow_0_holds_all_groups_in_init_and_allow_1_lets_them_listen(a: Console) -> None:
    for vhid in (1, 2):  # which are BACKUP for three minutes
        a.did(f"ifconfig eth0 vhid {vhid} advbase 60 pass p 10.77.0.10{vhid}/24 alias")
    a.become_master()
    a.wait_for("BACKUP", 2)
    length = len(a.log)
    assert a.did("sysctl net.inet.carp.allow=0") == "net.inet.carp.allow: 1 -> 0\n"
    assert (a.state(1), a.state(2)) == ("INIT", "INIT")
    transitions = [line for line in a.said(length) if " -> " in line]
    assert transitions == [
        "carp: 1@eth0: MASTER -> INIT (hardware interface down)",
        "carp: 2@eth0: BACKUP -> INIT (hardware interface down)",
    ]
    a.did("ifconfig eth0 vhid 1 state master")
    assert a.state() == "INIT", "R-081"
    length = len(a.log)
    a.did("sysctl net.inet.carp.allow=1")
    assert (a.state(1), a.state(2)) == ("BACKUP", "BACKUP")
    assert [line for line in a.said(length) if "@" in line][:2] == [
        "carp: 1@eth0: INIT -> BACKUP (initialization complete)",
        "carp: 2@eth0: INIT -> BACKUP (initialization complete)",
    ]


def test_r120_r121_demotion_is_added_logged_and_advertised_at_once(
    a: Console, capture: Capture
) -> None:
    with capture:
        # whose adverts of every minute are not among those that are looked at
        a.did("ifconfig eth0 vhid 1 advbase 60 advskew 5 pass p 10.77.0.100/24 alias")
        a.did("ifconfig eth0 vhid 2 advbase 60 advskew 6 pass p 10.77.0.102/24 alias")
        a.become_master(1)
        a.become_master(2)
        length = len(a.log)
        a.did("sysctl net.inet.carp.demotion=100", "sysctl net.inet.carp.demotion=-100")
        a.did("sysctl net.inet.carp.dscp=4")
    assert a.said(length) == [
        "carp: demoted by 100 to 100 (sysctl)",
        "carp: demoted by -100 to 0 (sysctl)",
    ]
    for vhid, skew in ((1, 5), (2, 6)):
        heard = Film(capture, "10.77.0.100/24", vhid=vhid).adverts("a")
        assert [it.advert.advskew for it in heard][-3:] == [skew, skew + 100, skew]


# -- netstat -------------------------------------------------------------------------------------

NETSTAT = (
    ("\t{} packet{s} received (IPv4)", "received-inet-packets"),
    ("\t{} packet{s} received (IPv6)", "received-inet6-packets"),
    ("\t\t{} packet{s} discarded for wrong TTL", "dropped-wrong-ttl"),
    ("\t\t{} packet{s} shorter than header", "dropped-short-header"),
    ("\t\t{} discarded for bad checksum{s}", "dropped-bad-checksum"),
    ("\t\t{} discarded packet{s} with a bad version", "dropped-bad-version"),
    ("\t\t{} discarded because packet too short", "dropped-short-packet"),
    ("\t\t{} discarded for bad authentication", "dropped-bad-authentication"),
    ("\t\t{} discarded for bad vhid", "dropped-bad-vhid"),
    ("\t\t{} discarded because of a bad address list", "dropped-bad-address-list"),
    ("\t{} packet{s} sent (IPv4)", "sent-inet-packets"),
    ("\t{} packet{s} sent (IPv6)", "sent-inet6-packets"),
    ("\t\t{} send failed due to mbuf memory error", "send-failed-memory-error"),
)
SHARED = ("10.77.0.100", "2001:db8:77::100")
SENDER = bytes.fromhex("00005e000101")


class Stranger:
    """Sends adverts to group 1 from the router, right ones and wrong ones."""

    def __init__(self, lab: Lab) -> None:
        self._host = lab.router
        addresses = [ip_address(text) for text in SHARED]
        self._judge = Authenticator(Key.from_passphrase("geheim"), 1, addresses)
        self._counter = 1000

    def payload(self, *, vhid: int = 1, advskew: int = 0) -> bytearray:
        self._counter += 1
        counter = self._counter.to_bytes(8, "big")
        return bytearray(
            encode_advertisement(vhid, advskew, 1, counter, self._judge.digest(counter))
        )

    def says(self, payload: bytes, *, ttl: int = 255) -> None:
        header = bytearray(
            carp_ipv4_header(bytes((10, 77, 0, 254)), dscp=56, payload_length=len(payload))
        )
        header[8] = ttl
        header[10:12] = bytes(2)
        header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
        throw(self._host, CARP_GROUP_V4_MAC + SENDER + b"\x08\x00" + header + payload)

    def says_by_ipv6(self, payload: bytes, *, hops: int = 255) -> None:
        source = ip_address("fe80::254").packed
        header = bytearray(carp_ipv6_header(source, dscp=56, payload_length=len(payload)))
        header[7] = hops
        throw(self._host, CARP_GROUP_V6_MAC + SENDER + b"\x86\xdd" + header + payload)


def speak_in_every_way(stranger: Stranger) -> dict[str, int]:
    """Send the scripted exchange; return what it must add to which counter."""
    for _ in range(3):
        stranger.says(stranger.payload())
        stranger.says_by_ipv6(stranger.payload())
    stranger.says_by_ipv6(stranger.payload())
    stranger.says(stranger.payload(), ttl=254)
    stranger.says_by_ipv6(stranger.payload(), hops=254)
    broken = stranger.payload()
    broken[6] ^= 1
    for _ in range(3):
        stranger.says(broken)
    stranger.says_by_ipv6(broken)
    for version in (0x11, 0x41):
        other = stranger.payload()
        other[0] = version
        other[6:8] = bytes(2)
        other[6:8] = internet_checksum(bytes(other)).to_bytes(2, "big")
        stranger.says(other)
    stranger.says(stranger.payload()[:35])
    stranger.says(stranger.payload()[:20])
    forged = encode_advertisement(1, 0, 1, bytes(8), bytes(20))
    for _ in range(5):
        stranger.says(forged)
    for _ in range(6):
        stranger.says(stranger.payload(vhid=77))
    return {
        "received-inet-packets": 3 + 1 + 3 + 2 + 2 + 5 + 6,
        "received-inet6-packets": 3 + 1 + 1 + 1,
        "dropped-wrong-ttl": 2,
        "dropped-bad-checksum": 4,
        "dropped-bad-version": 2,
        "dropped-short-packet": 2,
        "dropped-bad-authentication": 5,
        "dropped-bad-vhid": 6,
    }


def counters(a: Console) -> dict[str, int]:
    told = json.loads(a.did("netstat -s -p carp --libxo json"))["statistics"]["carp"]
    assert list(told) == [name for _, name in NETSTAT]
    return {name: int(value) for name, value in told.items()}


def test_r151_counters_of_netstat_equal_a_scripted_exchange(
    a: Console, lab: Lab, capture: Capture
) -> None:
    a.did("sysctl net.inet.carp.allow=0")
    a.did("ifconfig eth0 vhid 1 advbase 60 advskew 200 pass geheim 10.77.0.100/24 alias")
    a.did("ifconfig eth0 inet6 2001:db8:77::100/64 vhid 1", "sysctl net.inet.carp.allow=1")
    assert set(counters(a).values()) == {0}
    with capture:
        expected = dict.fromkeys(counters(a), 0) | speak_in_every_way(Stranger(lab))
        heard = expected["received-inet-packets"]
        wait_for(lambda: counters(a)["received-inet-packets"] >= heard, "all were heard", 5)
        assert counters(a) == expected
        a.become_master()
        a.did("ifconfig eth0 vhid 1 state backup", "sysctl net.inet.carp.allow=0")
        wait_for(lambda: a.state() == "INIT", "silence")
    now = counters(a)
    sent = Counter(
        packet.family
        for frame in Film(capture, "10.77.0.100/24").frames
        if frame.host == "a" and isinstance(packet := dissect(frame.data), Datagram)
    )
    assert now["sent-inet-packets"] == sent[Family.IPV4] >= 1
    assert now["sent-inet6-packets"] == sent[Family.IPV6] >= 1

    lines = [text.format(now[name], s="" if now[name] == 1 else "s") for text, name in NETSTAT]
    assert a.did("netstat -s -p carp").splitlines() == ["carp:", *lines]
    shown = [line for line, (_, name) in zip(lines, NETSTAT, strict=True) if now[name]]
    assert a.did("netstat -ss -p carp").splitlines() == ["carp:", *shown]
    xml = a.did("netstat --libxo xml -s -p carp")
    assert all(f"<{name}>{value}</{name}>" in xml for name, value in now.items())
    assert a.did("netstat -s -z -p carp").splitlines() == ["carp:", *lines], "shown, then reset"
    assert set(counters(a).values()) == {0}


def test_netstat_leaves_the_rest_to_the_one_of_the_system(a: Console) -> None:
    assert (
        mismatches(
            a,
            (
                Row("netstat -rn", 1, err="netstat: [^\n]+"),
                Row("netstat -s -p tcp", 1, err="netstat: tcp: unknown or uninstrumented protocol"),
            ),
        )
        == []
    )
