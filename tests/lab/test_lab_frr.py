from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from pwd import getpwuid

import pytest

from carpio.lab.frr import FrrPeer, groups_with
from carpio.lab.peers import Duty, Post, peer_named

SECRET = "do not tell"
USER = getpwuid(os.geteuid()).pw_name
PROGRAMS = {
    name: f"/usr/lib/frr/{name} --user {USER} --vty_port 0 --log stdout --vty_socket /var/tmp"
    f" --socket /var/tmp/zserv.api --config_file /var/tmp/{name}.conf"
    f" --pid_file /var/tmp/{name}.pid &"
    for name in ("zebra", "vrrpd")
}
SETTINGS = """\
interface eth0
 vrrp 7 version 3
 vrrp 7 priority 154
 vrrp 7 advertisement-interval 1000
 vrrp 7 ip 10.77.0.100
 vrrp 7 ipv6 2001:db8:77::100
!
"""
SCRIPT = f"""\
if [ ! -e /sys/class/net/vrrp4-1-7 ]; then
    ip link add vrrp4-1-7 link eth0 type macvlan mode bridge
    ip link set dev vrrp4-1-7 addrgenmode random
    ip link set dev vrrp4-1-7 address 00:00:5e:00:01:07
    ip addr add 10.77.0.100/24 dev vrrp4-1-7
    ip link set dev vrrp4-1-7 up
fi
if [ ! -e /sys/class/net/vrrp6-1-7 ]; then
    ip link add vrrp6-1-7 link eth0 type macvlan mode bridge
    ip link set dev vrrp6-1-7 addrgenmode random
    ip link set dev vrrp6-1-7 address 00:00:5e:00:02:07
    ip addr add 2001:db8:77::100/64 dev vrrp6-1-7
    ip link set dev vrrp6-1-7 up
fi
{PROGRAMS["zebra"]}
zebra=$!
# As Debian's script stops them: first vrrpd, which says goodbye, then zebra.
trap 'kill "${{vrrpd:-$zebra}}"' TERM
until [ -S /var/tmp/zserv.api ]; do kill -0 "$zebra"; sleep 0.05; done
{PROGRAMS["vrrpd"]}
vrrpd=$!
while kill -0 "$vrrpd" 2>/dev/null; do wait "$vrrpd" || true; done
kill "$zebra"
wait "$zebra"
"""


def duty(*addresses: str, vhid: int = 7, interface: str = "eth0", advskew: int = 100) -> Duty:
    return Duty(
        vhid=vhid,
        interface=interface,
        own=(ip_interface("10.77.0.1/24"),),
        addresses=tuple(map(ip_interface, addresses)),
        passphrase=SECRET,
        advbase=1,
        advskew=advskew,
    )


def post(directory: Path, *duties: Duty) -> Post:
    return Post(
        directory=directory,
        control=directory / "control.sock",
        duties=duties or (duty("10.77.0.100/24", "2001:db8:77::100/64"),),
    )


def test_settings_and_interfaces_are_those_of_the_manual(tmp_path: Path) -> None:
    peer = peer_named("frr")
    ((*words,),) = peer.commands(post(tmp_path))
    assert peer.is_vrrp
    assert (tmp_path / "vrrpd.conf").read_text() == SETTINGS
    assert (tmp_path / "frr.sh").read_text() == SCRIPT
    assert words[:3] == ["unshare", "--mount", "sh"]


def test_passphrase_of_the_groups_is_nowhere(tmp_path: Path) -> None:
    ((*words,),) = FrrPeer().commands(post(tmp_path))
    written = [path.read_text() for path in tmp_path.iterdir()]
    assert SECRET not in " ".join([*words, *written])


@pytest.mark.parametrize(("advskew", "priority"), [(0, 254), (100, 154), (254, 1)])
def test_priority_is_that_of_keepalived_for_the_same_advskew(
    tmp_path: Path, advskew: int, priority: int
) -> None:
    FrrPeer().commands(post(tmp_path, duty("10.77.0.100/24", advskew=advskew)))
    peer_named("keepalived").commands(post(tmp_path, duty("10.77.0.100/24", advskew=advskew)))
    assert f" vrrp 7 priority {priority}\n" in (tmp_path / "vrrpd.conf").read_text()
    assert f"    priority {priority}\n" in (tmp_path / "keepalived.conf").read_text()


def test_host_that_must_not_preempt_is_told_so(tmp_path: Path) -> None:
    FrrPeer().commands(replace(post(tmp_path), preempt=False))
    assert " no vrrp 7 preempt\n" in (tmp_path / "vrrpd.conf").read_text()


def test_groups_on_two_cables_have_interfaces_with_different_names(tmp_path: Path) -> None:
    inside = duty("10.77.0.100/24", vhid=1)
    outside = duty("192.0.2.100/24", vhid=1, interface="eth1")
    FrrPeer().commands(post(tmp_path, inside, outside))
    made = [line for line in (tmp_path / "frr.sh").read_text().splitlines() if "link add" in line]
    assert [line.split()[3:6] for line in made] == [
        ["vrrp4-1-1", "link", "eth0"],
        ["vrrp4-2-1", "link", "eth1"],
    ]


def test_longest_name_of_an_interface_is_one_that_linux_takes(tmp_path: Path) -> None:
    duties = [duty("10.77.0.100/24", vhid=255, interface=f"eth{n}") for n in range(99)]
    FrrPeer().commands(post(tmp_path, *duties))
    made = [line for line in (tmp_path / "frr.sh").read_text().splitlines() if "link add" in line]
    assert max(len(line.split()[3]) for line in made) < 16


def test_socket_of_an_earlier_start_is_gone_before_anybody_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "zserv.api").touch()
    FrrPeer().commands(post(tmp_path))
    assert not (tmp_path / "zserv.api").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("frrvty:x:112:", "frrvty:x:112:me"),
        ("frrvty:x:112:frr", "frrvty:x:112:frr,me"),
        ("frr:x:113:", "frr:x:113:"),
    ],
)
def test_user_is_put_into_the_group_that_frr_wants(before: str, after: str) -> None:
    assert groups_with("me", f"root:x:0:\n{before}\n") == f"root:x:0:\n{after}\n"
