from __future__ import annotations

import os
from ipaddress import ip_interface
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.lab.peers import CommandFilePeer, Duty, Post, peer_named

SECRET = "do not tell"


def post(directory: Path, *addresses: str, vhids: tuple[int, ...] = (1,)) -> Post:
    return Post(
        directory=directory,
        control=directory / "control.sock",
        duties=tuple(
            Duty(
                vhid=vhid,
                interface="eth0",
                own=(ip_interface("10.77.0.1/24"), ip_interface("2001:db8:77::1/64")),
                addresses=tuple(map(ip_interface, addresses)),
                passphrase=SECRET,
                advbase=1,
                advskew=100,
            )
            for vhid in vhids
        ),
        options=("dscp = 0",),
        delay_s=0.5,
    )


BOTH = ("10.77.0.100/24", "2001:db8:77::100/64")


def test_carpio_gets_a_table_for_each_group_and_secrets_in_files_of_its_own(tmp_path: Path) -> None:
    ((*words,),) = peer_named("carpio").commands(post(tmp_path, *BOTH, vhids=(1, 2)))
    toml = (tmp_path / "carpio.toml").read_text()
    assert toml.startswith("preempt = true\ndscp = 0\n[[vhid]]\nid = 1\n")
    assert toml.count("[[vhid]]") == 2
    assert SECRET not in toml + " ".join(words)
    assert os.stat(tmp_path / "vhid-2.pass").st_mode & 0o777 == 0o600


def test_naive_peer_holds_the_addresses_for_a_while_and_then_is_carpio(tmp_path: Path) -> None:
    ((*words,),) = peer_named("naive").commands(post(tmp_path, *BOTH))
    place = words.index("--")
    assert words[3:place] == ["--delay", "0.5", *(f"eth0={address}" for address in BOTH)]
    assert words[place + 2] == "daemon"


def test_keepalived_gets_an_instance_for_each_family_with_a_virtual_mac(tmp_path: Path) -> None:
    peer = peer_named("keepalived")
    peer.commands(post(tmp_path, *BOTH))
    text = (tmp_path / "keepalived.conf").read_text()
    assert peer.is_vrrp
    assert text.count("vrrp_instance") == text.count("use_vmac") == 2
    assert text.count("priority 154") == 2
    assert text.count("native_ipv6") == 1


def test_keepalived_finds_no_process_ids_of_before_the_boot(tmp_path: Path) -> None:
    for name in ("pid", "vrrp_pid"):
        (tmp_path / name).touch()
    ((*words,),) = peer_named("keepalived").commands(post(tmp_path, *BOTH))
    assert words[-2:] == [f"--{name}={tmp_path / name}" for name in ("pid", "vrrp_pid")]
    assert [path.name for path in tmp_path.iterdir()] == ["keepalived.conf"]


def test_ucarp_is_a_process_for_each_ipv4_address(tmp_path: Path) -> None:
    commands = peer_named("ucarp").commands(post(tmp_path, *BOTH, vhids=(1, 2)))
    assert [words[3] for words in commands] == ["--vhid=1", "--vhid=2"]
    assert all("--addr=10.77.0.100" in words for words in commands)


def test_ucarp_without_ipv4_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="IPv4 only; choose a scenario with IPv4"):
        peer_named("ucarp").commands(post(tmp_path, BOTH[1]))


def test_command_file_finds_the_groups_in_its_environment(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text('exec mine --groups "$CARPIO_LAB_GROUPS"\n')
    peer = peer_named(str(file))
    assert isinstance(peer, CommandFilePeer)
    ((*words,),) = peer.commands(post(tmp_path, *BOTH))
    groups = f"1 eth0 1 100 10.77.0.1/24,2001:db8:77::1/64 {','.join(BOTH)}"
    assert f"CARPIO_LAB_GROUPS={groups}" in words
    assert words[-3:] == ["sh", "-e", str(file)]
    assert SECRET not in " ".join(words)
