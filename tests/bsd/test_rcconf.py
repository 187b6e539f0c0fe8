"""rc.conf and scripts become groups, remarks, or all their problems."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.bsd.rcconf import import_rc_conf, import_script
from carpio.config.load import load_config
from carpio.errors import ConfigError

REPORT = """\
hostname="test01b"
ifconfig_igb0="inet 10.10.10.6/24 -tso"
ifconfig_igb0_alias0="inet vhid 1 pass testpass advskew 100 alias 10.10.10.11/32"
ifconfig_igb0_alias1="inet vhid 2 pass testpass advskew 100 alias 10.10.10.12/32"
ifconfig_igb0_alias2="inet6 vhid 1 2001:db8::11/128"
"""


def groups(toml: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = tomllib.loads(toml).get("vhid", [])
    return found


def addresses(text: str) -> list[tuple[object, object, object]]:
    toml = import_rc_conf(text, "rc.conf").toml
    return [(group["interface"], group["id"], group["addresses"]) for group in groups(toml)]


def problems(text: str, how=import_rc_conf) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        how(text, "F")
    return list(caught.value.problems)


def test_the_groups_of_the_report():
    imported = import_rc_conf(REPORT, "rc.conf")
    common = {"interface": "igb0", "passphrase": "testpass", "advbase": 1, "advskew": 100}
    assert groups(imported.toml) == [
        {**common, "id": 1, "addresses": ["10.10.10.11/32", "2001:db8::11/128"]},
        {**common, "id": 2, "addresses": ["10.10.10.12/32"]},
    ]
    assert imported.remarks == (
        "rc.conf:2: ifconfig_igb0: left out: the address 10.10.10.6/24; "
        "that is for the system's own network configuration",
    )


def test_what_was_made_is_a_configuration(tmp_path: Path):
    file = tmp_path / "carpio.toml"
    file.write_text(import_rc_conf(REPORT, "rc.conf").toml)
    file.chmod(0o600)
    config = load_config(file)
    assert [str(one.instance.instance) for one in config.vhids] == ["1@igb0", "2@igb0"]
    assert config.warnings == ()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_a_passphrase_survives(passphrase: str):
    quoted = "'" + passphrase.replace("'", "'\\''") + "'"
    toml = import_script(f"ifconfig em0 vhid 1 pass {quoted}", "F").toml
    kept = passphrase.replace("\r\n", "\n")[:19]
    assert groups(toml)[0]["passphrase"] == kept


def test_later_assignments_override():
    text = 'ifconfig_em0_alias0="inet vhid 1 pass a 10.0.0.1/32"\n'
    assert addresses(text + text.replace("0.1/32", "0.2/32")) == [("em0", 1, ["10.0.0.2/32"])]


def test_aliases_stop_at_the_first_gap():
    text = "".join(
        f'ifconfig_em0_alias{n}="inet vhid 1 pass a 10.0.0.{n}/32"\n' for n in (3, 0, 10, 1)
    )
    imported = import_rc_conf(text, "rc.conf")
    assert groups(imported.toml)[0]["addresses"] == ["10.0.0.0/32", "10.0.0.1/32"]
    assert imported.remarks == (
        "rc.conf:1: WARNING: ifconfig_em0_alias3 and what follows it is left out, "
        "because there is no ifconfig_em0_alias2",
    )


def test_aliases_are_taken_by_number():
    text = "".join(
        f'ifconfig_em0_alias{n}="inet vhid 1 pass a 10.0.0.{n}/32"\n'
        for n in (2, 10, 1, 0, 9, 8, 7, 6, 5, 4, 3)
    )
    assert addresses(text) == [("em0", 1, [f"10.0.0.{n}/32" for n in range(11)])]


def test_all_forms_of_variables_are_read():
    text = """
ifconfig_em0="DHCP vhid 1 pass a \\
    alias 10.0.0.1/32"
ifconfig_em0_ipv6='inet6 vhid 2 pass "b c" 2001:db8::1/128'
ifconfig_em0_aliases="inet vhid 3 pass d 10.0.0.3/32 inet6 vhid 3 2001:db8::3/64"
ifconfig_em0_10="vhid 4 pass e alias 10.0.0.4/32"
"""
    assert addresses(text) == [
        ("em0", 1, ["10.0.0.1/32"]),
        ("em0", 2, ["2001:db8::1/128"]),
        ("em0", 3, ["10.0.0.3/32", "2001:db8::3/64"]),
        ("em0.10", 4, ["10.0.0.4/32"]),
    ]


def test_a_value_is_read_a_second_time_as_a_shell_would():
    toml = import_rc_conf("""ifconfig_em0="vhid 1 pass 'a b#' alias 10.0.0.1/32 # c" """, "F").toml
    assert groups(toml)[0]["passphrase"] == "a b#"
    assert problems("ifconfig_em0='vhid 1 pass a$b alias 10.0.0.1/32'") == [
        "F:1: ifconfig_em0: has $ or ` outside of single quotes, which only a shell can replace"
    ]


def test_what_belongs_to_the_system_is_told():
    text = """
cloned_interfaces="bridge0 vlan10"
ifconfig_bridge0="addm em0 up"
ifconfig_em1="SYNCDHCP"
ifconfig_em2_name="wan"
ifconfig_em3="inet6 accept_rtadv"
ifconfig_em4="inet 10.0.0.5-9/24"
ifconfig_DEFAULT="DHCP"
gateway_enable=YES
. /etc/rc.conf.more
if true; then
"""
    ours = "that is for the system's own network configuration"
    imported = import_rc_conf(text, "F")
    assert imported.toml == ""
    assert imported.remarks == (
        "F:10: left out: not an assignment",
        "F:11: left out: not an assignment",
        f"F:2: left out: cloned_interfaces; {ours}",
        f"F:3: ifconfig_bridge0: left out: settings of bridge0; {ours}",
        f"F:4: left out: ifconfig_em1; {ours}",
        f"F:5: left out: ifconfig_em2_name; {ours}",
        "F:6: left out: ifconfig_em3: accept_rtadv: not supported on Linux",
        "F:7: left out: ifconfig_em4: 10.0.0.5-9/24: bad value",
        "F:8: left out: ifconfig_DEFAULT names no interface",
    )


def test_all_problems_are_told_together_and_without_secrets():
    text = """
ifconfig_em0_alias0="inet vhid 0 pass Sesame 10.0.0.1/32"
ifconfig_em0_alias1="inet vhid 1 pass Sesame 10.0.0.1/33"
ifconfig_em0_alias2="inet vhid 1 pass Sesame peer 10.0.0.2 10.0.0.1/32"
ifconfig_em1="vhid 1 pass $secret 10.0.0.1/32"
ifconfig_em2="inet6 vhid 1 pass Sesame 2001:db8:: eui64"
ifconfig_carp0="vhid 1 pass Sesame 10.0.0.1/24"
"""
    assert problems(text) == [
        "F:2: ifconfig_em0_alias0: vhid must be greater than 0 and less than 255",
        "F:3: ifconfig_em0_alias1: 10.0.0.1/33: bad value (width too large)",
        "F:4: ifconfig_em0_alias2: peer: unicast is not supported yet",
        "F:5: ifconfig_em1: has $ or ` outside of single quotes: only a shell knows its value",
        "F:6: ifconfig_em2: eui64: write the whole address instead",
        "F:7: ifconfig_carp0: carp0 is CARP as before FreeBSD 10; write its vhid, pass and "
        "addresses on the interface below, as in ifconfig_em0_alias0",
    ]


def test_a_missing_mask_is_told_on_one_line():
    imported = import_rc_conf('ifconfig_em0="vhid 1 pass a 192.168.0.1"', "F")
    assert groups(imported.toml)[0]["addresses"] == ["192.168.0.1/24"]
    assert imported.remarks == (
        "F:1: ifconfig_em0: WARNING: setting interface address without mask is deprecated, "
        "default mask may not be correct.",
    )


def test_a_group_without_passphrase_or_address_is_told():
    imported = import_rc_conf('ifconfig_em0="vhid 1"', "F")
    assert groups(imported.toml)[0]["passphrase"] == ""
    assert imported.remarks == (
        "F: vhid 1 on em0 has no passphrase: anybody can forge its advertisements",
        "F: vhid 1 on em0 has no address",
    )


def test_a_script_is_carried_out_on_paper():
    imported = import_script(
        """#!/bin/sh
set -e
ifconfig igb0 vhid 1 pass testpass alias 10.0.0.1/32
/sbin/ifconfig igb0 vhid 1 advskew 100 advbase 2 state master
igb0 inet6 vhid 1 2001:db8::1/64
ifconfig igb0 vhid 2 pass b alias 10.0.0.2/32
ifconfig igb0 vhid 3 pass c alias 10.0.0.2/32
ifconfig igb0 10.0.0.1 -alias
ifconfig igb0 10.0.0.9 -alias
ifconfig igb0 10.9.9.9/24 alias mtu 9000
ifconfig igb1 name lan vhid 4 pass d alias 10.0.0.4/32
ifconfig igb0 up; route add default 10.0.0.254
""",
        "F",
    )
    found = [(g["interface"], g["id"], g["advskew"], g["addresses"]) for g in groups(imported.toml)]
    assert found == [
        ("igb0", 1, 100, ["2001:db8::1/64"]),
        ("igb0", 2, 0, []),
        ("igb0", 3, 0, ["10.0.0.2/32"]),
        ("lan", 4, 0, ["10.0.0.4/32"]),
    ]
    ours = "that is for the system's own network configuration"
    assert imported.remarks == (
        "F:2: left out: not a line of ifconfig",
        f"F:4: left out: the forced state of vhid 1; {ours}",
        f"F:9: left out: the removal of an address; {ours}",
        f"F:10: left out: settings of igb0 and the address 10.9.9.9/24; {ours}",
        f"F:11: left out: the name lan; {ours}",
        "F:12: left out: has ; outside of quotes, which only a shell reads",
        "F: vhid 2 on igb0 has no address",
    )


def test_problems_of_a_script_have_their_lines():
    text = "ifconfig em0 vhid 1 pass x alias 10.0.0.1/32 && true\nifconfig -j x em0 vhid 1\n"
    assert problems(text, import_script) == [
        "F:1: has & outside of quotes, which only a shell reads",
        "F:2: options are for the command line, not for lines of a file",
    ]


@given(st.text(st.sampled_from("ifconfg_em0als=\"' \n\\vhd1$#"), max_size=120))
def test_any_text_is_imported_or_refused(text: str):
    for how in (import_rc_conf, import_script):
        try:
            tomllib.loads(how(text, "F").toml)
        except ConfigError as error:
            assert error.problems  # noqa: PT017
