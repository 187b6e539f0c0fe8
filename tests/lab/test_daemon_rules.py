"""Policy rules and interface settings: what the daemon changes, keeps alive, and puts back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.daemon_lab import (
    QUICK,
    Node,
    config,
    eventually,
    group,
    need_lab,
    pings,
    rules_of,
    start,
)

from carpio.lab.implementation import Carpio
from carpio.lab.topology import DaemonProcess, Host, Lab

pytestmark = pytest.mark.lab

FAMILIES = ("-4", "-6")
KERNEL_RULES = {
    "-4": (
        "0: from all lookup local proto kernel",
        "32766: from all lookup main proto kernel",
        "32767: from all lookup default proto kernel",
    ),
    "-6": (
        "0: from all lookup local proto kernel",
        "32766: from all lookup main proto kernel",
    ),
}
OURS = (
    "1: from all lookup 1001 proto kernel",
    "2: from all lookup local proto kernel",
)
ONE_IPV4 = group(addresses=["10.77.0.100/24"])
PARENT = ("arp_announce", "arp_ignore")
READ_ONLY = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """One host, kernel default settings."""
    need_lab("unshare", "mount")
    with Lab(("a",), sysctls=QUICK, out=tmp_path / "lab") as lab:
        yield lab["a"]


def loopback_answers(host: Host) -> bool:
    return pings(host, "127.0.0.1") and pings(host, "::1")


def delete_foreign_rules(host: Host) -> None:
    """What systemd-networkd does at its start: delete every rule that is not the kernel's."""
    for family in FAMILIES:
        for line in rules_of(host, family=family):
            if not line.endswith("proto kernel"):
                host.run("ip", family, "rule", "del", "pref", line.split(":")[0])


def settings(host: Host, *scopes: str) -> dict[str, str]:
    """All IPv4 and IPv6 settings of some scopes (`all`, `default`, interfaces)."""
    places = [f"/proc/sys/net/{ip}/conf/{scope}" for ip in ("ipv4", "ipv6") for scope in scopes]
    found = host.run("grep", "-r", "", *places, check=False).stdout
    return {
        path: value
        for path, _, value in (line.partition(":") for line in found.splitlines())
        if not path.endswith("stable_secret")
    }


def parent_setting(host: Host, name: str) -> str:
    return settings(host, "eth0")[f"/proc/sys/net/ipv4/conf/eth0/{name}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_our_rules_carry_protocol_kernel_and_stand_before_all_others(
    host: Host, family: str
) -> None:
    start(host).wait_for("BACKUP")
    assert rules_of(host, family=family) == (*OURS, *KERNEL_RULES[family][1:])


def test_host_keeps_its_local_table_when_foreign_rules_are_deleted(host: Host) -> None:
    host.run("ip", "rule", "add", "pref", "100", "lookup", "77")  # proves that it deletes
    node = start(host).wait_for("BACKUP")
    before = rules_of(host)

    delete_foreign_rules(host)
    assert len(rules_of(host)) == len(before) - 1
    assert loopback_answers(host)

    node.daemon.kill9()
    delete_foreign_rules(host)
    assert rules_of(host) == (*OURS, *KERNEL_RULES["-4"][1:])
    assert loopback_answers(host)

    start(host).daemon.terminate()
    assert rules_of(host) == KERNEL_RULES["-4"]


def test_host_without_local_rule_cannot_reach_itself_until_the_daemon_restores_it(
    host: Host,
) -> None:
    node = start(host).wait_for("BACKUP")
    node.daemon.stop()
    for family in FAMILIES:
        host.run("ip", family, "rule", "del", "pref", "2")
    assert not loopback_answers(host)
    node.daemon.cont()
    eventually(lambda: loopback_answers(host), 2, "the local table is asked again")
    for family in FAMILIES:
        assert rules_of(host, family=family)[:2] == OURS


def test_all_rules_deleted_at_once_come_back(host: Host) -> None:
    start(host).wait_for("BACKUP")
    for family in FAMILIES:
        host.run("ip", family, "rule", "del", "pref", "1")
        host.run("ip", family, "rule", "del", "pref", "2")
    eventually(lambda: rules_of(host)[:2] == OURS, 2)
    eventually(lambda: rules_of(host, family="-6")[:2] == OURS, 2)
    assert loopback_answers(host)


def test_local_rule_of_the_kernel_is_moved_again_when_somebody_puts_it_back(host: Host) -> None:
    start(host).wait_for("BACKUP")
    host.run("ip", "rule", "add", "pref", "0", "lookup", "local")
    eventually(lambda: rules_of(host)[:2] == OURS, 2)


def test_rules_of_the_user_stay_and_rule_0_is_back_after_the_end(host: Host) -> None:
    added = ("ip", "rule", "add", "pref", "100", "from", "192.0.2.0/24", "lookup", "77")
    host.run(*added)
    before = {family: rules_of(host, family=family) for family in FAMILIES}
    node = start(host).wait_for("BACKUP")
    assert any("from 192.0.2.0/24 lookup 77" in line for line in rules_of(host))
    assert rules_of(host) != before["-4"]
    assert node.daemon.terminate() == 0
    assert {family: rules_of(host, family=family) for family in FAMILIES} == before


def test_killed_daemon_leaves_rules_that_its_successor_takes_away_at_its_end(host: Host) -> None:
    start(host).wait_for("BACKUP").daemon.kill9()
    assert rules_of(host)[:2] == OURS
    assert start(host).wait_for("BACKUP").daemon.terminate() == 0
    for family in FAMILIES:
        assert rules_of(host, family=family) == KERNEL_RULES[family]


def test_backup_routes_false_leaves_the_rules_alone(host: Host) -> None:
    node = start(host, config(top="backup_routes = false")).become_master()
    for family in FAMILIES:
        assert rules_of(host, family=family) == KERNEL_RULES[family]
    assert host.run("ip", "route", "show", "table", "1001", check=False).stdout == ""
    assert node.daemon.terminate() == 0
    for family in FAMILIES:
        assert rules_of(host, family=family) == KERNEL_RULES[family]


def test_settings_of_all_and_default_are_never_touched(host: Host) -> None:
    before = settings(host, "all", "default", "lo")
    assert len(before) > 100
    node = start(host).become_master()
    assert settings(host, "all", "default", "lo") == before
    node.daemon.terminate()
    assert settings(host, "all", "default", "lo") == before


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed in between"])
def test_settings_of_the_parent_are_put_back_at_the_end(host: Host, killed: bool) -> None:
    host.sysctl("net/ipv4/conf/eth0/arp_announce", "1")
    before = settings(host, "eth0")
    node = start(host).wait_for("BACKUP")
    assert [parent_setting(host, name) for name in PARENT] == ["2", "1"]
    if killed:
        node.daemon.kill9()
        assert [parent_setting(host, name) for name in PARENT] == ["2", "1"]
        node = start(host).wait_for("BACKUP")
    assert node.daemon.terminate() == 0
    assert settings(host, "eth0") == before


def test_setting_that_somebody_changed_meanwhile_is_not_put_back(host: Host) -> None:
    node = start(host).wait_for("BACKUP")
    host.sysctl("net/ipv4/conf/eth0/arp_ignore", "2")
    node.daemon.terminate()
    assert parent_setting(host, "arp_ignore") == "2"
    assert parent_setting(host, "arp_announce") == "0"


def start_read_only(host: Host, toml: str) -> Node:
    """Start the daemon where /proc/sys cannot be written, as in a container."""
    command = " ".join(Carpio().command_for(toml, host.directory))
    host.daemon = host.spawn("unshare", "-m", "sh", "-c", READ_ONLY + command, log="daemon.log")
    return Node(host, DaemonProcess(host.daemon, host.directory / "control.sock"))


def test_read_only_settings_are_set_by_netlink_for_ipv4(host: Host) -> None:
    host.run("unshare", "-m", "sh", "-c", READ_ONLY + "true")
    refused = host.run(
        *("unshare", "-m", "sh", "-c"),
        READ_ONLY + "sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore'",
        check=False,
    )
    assert "Read-only" in refused.stderr
    node = start_read_only(host, config(ONE_IPV4)).become_master()
    assert [parent_setting(host, name) for name in PARENT] == ["2", "1"]
    (child,) = (link["ifname"] for link in json.loads(host.run("ip", "-j", "link").stdout)
                if link["ifname"].startswith("carp1-"))  # fmt: skip
    child_settings = settings(host, child)
    assert child_settings[f"/proc/sys/net/ipv4/conf/{child}/rp_filter"] == "2"
    assert child_settings[f"/proc/sys/net/ipv4/conf/{child}/arp_ignore"] == "1"
    assert node.daemon.terminate() == 0
    assert [parent_setting(host, name) for name in PARENT] == ["0", "0"]


def test_read_only_settings_refuse_an_ipv6_group_with_the_remedy(host: Host) -> None:
    addresses = ["2001:db8:77::100/64"]
    node = start_read_only(host, config(group(addresses=addresses)))
    said = node.daemon.wait_for_log(r"1@eth0: refused: .*")
    assert "net/ipv6/conf/" in said
    assert "mount /proc/sys writable" in said
    status = node.status()
    assert status.state in ("INIT", "BACKUP")
    assert "mount /proc/sys writable" in status.reason
