"""From files to a configuration, or to all their problems with file, line, key and remedy."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.config.files import Source, implied_include, read_sources
from carpio.config.load import assemble, load_config
from carpio.config.model import DaemonConfig
from carpio.config.problems import Problems
from carpio.config.schema import NETNS, TOP_LEVEL, VHID
from carpio.config.vhid import SecretPolicy
from carpio.core.model import EngineConfig, InstanceKey, Vhid, VirtualAddress
from carpio.errors import ConfigError
from carpio.wire.auth import Key

GROUP = 'id = 1\ninterface = "eth0"\npassphrase = "secret"\n'


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def load(tmp_path: Path, text: str) -> DaemonConfig:
    return load_config(write(tmp_path / "c.toml", text), environ={})


def problems_of(tmp_path: Path, text: str) -> list[str]:
    """Return the problems without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [p.removeprefix(f"{tmp_path}/c.toml:") for p in caught.value.problems]


def only_problem(tmp_path: Path, text: str) -> str:
    found = problems_of(tmp_path, text)
    assert len(found) == 1, found
    return found[0]


# -- what is understood --------------------------------------------------------------------


def test_the_file_of_the_contract_works_as_it_stands(tmp_path: Path) -> None:
    secret = write(tmp_path / "vhid-1.pass", "secret\n")
    config = load(
        tmp_path,
        f"""preempt = true
[[vhid]]
id = 1
interface = "eth0"
passphrase_file = "{secret}"
advbase = 1
advskew = 100
addresses = ["10.10.10.11/24", "2001:db8::11/64"]
""",
    )
    (group,) = config.vhids
    assert (group.name, group.netns) == ("1@eth0", None)
    assert group.instance.instance == InstanceKey(Vhid(1), "eth0")
    assert group.instance.key == Key.from_passphrase("secret")
    assert (group.instance.advbase, group.instance.advskew) == (1, 100)
    assert group.instance.addresses == (
        VirtualAddress(ip_address("10.10.10.11"), 24),
        VirtualAddress(ip_address("2001:db8::11"), 64),
    )
    assert config.preempt
    assert config.warnings == ()
    assert config.files == (tmp_path / "c.toml",)


def test_an_empty_file_is_valid_and_has_the_defaults_of_the_engine(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config == DaemonConfig(files=(tmp_path / "c.toml",))
    assert config.engine_config(None) == EngineConfig()


def test_every_key_of_the_top_level_arrives(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "preempt = true\nallow = false\ndscp = 0\nlog = 2\nifdown_demotion_factor = 1\n"
        "senderr_demotion_factor = 2\nbow_out = false\nstrict_freebsd = true\n"
        "backup_routes = false\nresume = false\ninclude = []\n",
    )
    assert config == DaemonConfig(
        preempt=True,
        allow=False,
        dscp=0,
        log=2,
        ifdown_demotion_factor=1,
        senderr_demotion_factor=2,
        bow_out=False,
        strict_freebsd=True,
        backup_routes=False,
        resume=False,
        files=config.files,
    )
    assert config.engine_config(None) == EngineConfig(
        preempt=True,
        allow=False,
        ifdown_demotion_factor=1,
        senderr_demotion_factor=2,
        bow_out=False,
        strict_freebsd=True,
    )


def test_an_engine_gets_the_groups_of_its_namespace_in_file_order(tmp_path: Path) -> None:
    text = "".join(
        f'[[vhid]]\nid = {number}\ninterface = "e"\npassphrase = ""\n{extra}\n'
        for number, extra in ((9, ""), (3, 'netns = "blue"'), (1, "preempt = false"))
    )
    config = load(tmp_path, text)
    assert [i.vhid for i in config.engine_config(None).instances] == [9, 1]
    assert [i.vhid for i in config.engine_config("blue").instances] == [3]
    assert [i.preempt for i in config.engine_config(None).instances] == [None, False]


# -- what is refused -----------------------------------------------------------------------


def test_all_problems_of_all_tables_are_told_in_reading_order(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        """preemt = true
dscp = 64
[[vhid]]
id = 0
interface = "eth0"
passphrase = "x"
[[vhid]]
advskew = 255
interface = "eth0"
""",
    )
    assert found == [
        "1: preemt: unknown key; did you mean preempt?",
        "2: dscp: 64 is not usable; write a whole number, 0 to 63",
        "4: id: 0 is not usable; write a whole number, 1 to 255",
        "7: id: is missing; add it: a whole number, 1 to 255",
        "7: vhid: has no passphrase; write exactly one of "
        "passphrase, passphrase_file, passphrase_hex, passphrase_credential",
        "8: advskew: 255 is not usable; write a whole number, 0 to 254 (1/256 seconds)",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "preempt = 1",
        'allow = "true"',
        "dscp = 1.0",
        "log = true",
        "log = -1",
        "bow_out = 1979-05-27",
        "resume = {}",
        "ifdown_demotion_factor = -1",
        "senderr_demotion_factor = 99999999999999999999999",
        'include = "x.toml"',
        "include = [1]",
    ],
)
def test_values_of_another_type_or_range_are_refused(tmp_path: Path, line: str) -> None:
    assert only_problem(tmp_path, line).startswith(f"1: {line.split()[0]}: ")


@pytest.mark.parametrize("key", ["advbase", "passphrase", "addresses"])
def test_a_key_of_a_group_at_the_top_is_told_where_it_belongs(tmp_path: Path, key: str) -> None:
    assert only_problem(tmp_path, f"{key} = 1").endswith("it belongs below [[vhid]]")


def test_a_key_of_the_top_in_a_group_is_told_where_it_belongs(tmp_path: Path) -> None:
    found = only_problem(tmp_path, f"[[vhid]]\n{GROUP}dscp = 1\n")
    assert found == "5: dscp: unknown key; it belongs above the first [[vhid]]"


@pytest.mark.parametrize("text", ["vhid = 1", "[vhid]\nid = 1", "vhid = [1]"])
def test_groups_that_are_not_a_list_of_tables_are_refused(tmp_path: Path, text: str) -> None:
    assert only_problem(tmp_path, text) == "1: vhid: is not a list of tables; write [[vhid]]"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", "2"), ("[[vhid]\n", "1"), ("a = 1\na = 2\n", "2")],
)
def test_text_that_is_not_toml_is_refused_with_its_line(
    tmp_path: Path, text: str, line: str
) -> None:
    assert only_problem(tmp_path, text).startswith(f"{line}: not valid TOML: ")


def test_bytes_that_are_not_text_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"a = 1\n# \xff\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    assert caught.value.problems[0].startswith(f"{path}:2: not valid TOML: not UTF-8")


def test_a_text_that_nests_beyond_reason_is_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in only_problem(tmp_path, "a = " + "[" * 20_000)


@pytest.mark.parametrize("path", ["none.toml", "."])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / path, environ={})


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".", "..", "a:b", "sixteen-letters-", "ü" * 8])
def test_names_that_no_interface_can_have_are_refused(tmp_path: Path, name: str) -> None:
    text = f'[[vhid]]\nid = 1\npassphrase = ""\ninterface = "{name}"\n'
    assert only_problem(tmp_path, text).startswith("4: interface: ")


@pytest.mark.parametrize("name", ["", "a/b", "..", "n" * 256])
def test_names_that_no_namespace_can_have_are_refused(tmp_path: Path, name: str) -> None:
    assert "5: netns: " in only_problem(tmp_path, f'[[vhid]]\n{GROUP}netns = "{name}"\n')
    assert "5: attach: " in only_problem(tmp_path, f'[[vhid]]\n{GROUP}attach = "{name}"\n')


def test_addresses_may_be_attached_to_another_namespace_than_that_of_the_interface(
    tmp_path: Path,
) -> None:
    text = f'[[vhid]]\n{GROUP}netns = "red"\nattach = "blue"\n'
    (group,) = load(tmp_path, text).vhids
    assert (group.netns, group.attach) == ("red", "blue")
    problem = only_problem(tmp_path, text.replace("blue", "red"))
    assert "6: attach: is the namespace of the interface; leave it out" in problem


@pytest.mark.parametrize("name", ["", "two words", "tab\\t", "n" * 65])
def test_names_that_people_cannot_type_are_refused(tmp_path: Path, name: str) -> None:
    assert "5: name: " in only_problem(tmp_path, f'[[vhid]]\n{GROUP}name = "{name}"\n')


# -- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.0.0.1", "has no prefix length; write 10.0.0.1/P"),
        ("2001:db8::1", "has no prefix length"),
        ("10.0.0.0/24", "is the network address of its /24"),
        ("10.0.0.255/24", "is the broadcast address of its /24"),
        ("255.255.255.255/32", "is the broadcast address"),
        ("0.0.0.0/0", "is the unspecified address"),
        ("0.1.2.3/8", "is in 0.0.0.0/8"),
        ("::/64", "is the unspecified address"),
        ("224.0.0.18/4", "is a multicast address"),
        ("ff02::12/16", "is a multicast address"),
        ("127.0.0.1/8", "is a loopback address"),
        ("::1/128", "is a loopback address"),
        ("::ffff:10.0.0.1/120", "is an IPv4 address in IPv6 notation"),
        ("240.0.0.1/8", "is in the reserved range"),
        ("10.0.0.1/33", "is not an address"),
        ("10.0.0.1/255.255.255.0", "is not an address"),
        ("10.0.0.1/-1", "is not an address"),
        ("10.0.0.1/\u0664", "is not an address"),
        ("fe80::1%eth0/64", "is not an address"),
        ("010.0.0.1/24", "is not an address"),
        ("/24", "is not an address"),
        ("", "has no prefix length"),
        ("10.0.0.1/24/24", "is not an address"),
    ],
)
def test_addresses_that_no_host_can_share_are_refused(
    tmp_path: Path, address: str, reason: str
) -> None:
    found = only_problem(tmp_path, f'[[vhid]]\n{GROUP}addresses = [\n\n"{address}"]\n')
    assert found.startswith("7: addresses: ")
    assert reason in found


@pytest.mark.parametrize("address", ["10.0.0.0/31", "10.0.0.255/32", "2001:db8::/64", "1.2.3.4/0"])
def test_host_bits_and_small_prefixes_are_fine(tmp_path: Path, address: str) -> None:
    config = load(tmp_path, f'[[vhid]]\n{GROUP}addresses = ["{address}"]\n')
    assert [str(a) for a in config.vhids[0].instance.addresses] == [address]


def test_a_link_local_address_is_warned_about(tmp_path: Path) -> None:
    config = load(tmp_path, f'[[vhid]]\n{GROUP}addresses = ["fe80::1/64"]\n')
    assert "OpenBSD" in config.warnings[0]


# -- groups beside each other --------------------------------------------------------------


def group(number: int, extra: str = "", interface: str = "eth0") -> str:
    return f'[[vhid]]\nid = {number}\ninterface = "{interface}"\npassphrase = ""\n{extra}\n'


def test_the_same_group_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    found = only_problem(tmp_path, group(1) + group(1))
    assert found.startswith("7: id: 1@eth0 is already at ")
    assert "c.toml:2;" in found


def test_the_same_id_elsewhere_is_another_group(tmp_path: Path) -> None:
    text = group(1) + group(1, interface="eth1") + group(1, 'netns = "n"\nname = "b"')
    assert [v.name for v in load(tmp_path, text).vhids] == ["1@eth0", "1@eth1", "b"]


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    found = only_problem(tmp_path, group(1) + group(2, 'name = "1@eth0"'))
    assert found.startswith("10: name: the name 1@eth0 is already used at ")


def test_an_address_belongs_to_one_group_of_a_namespace(tmp_path: Path) -> None:
    one, other = 'addresses = ["10.0.0.1/24"]', 'addresses = ["10.0.0.1/25"]'
    assert "10.0.0.1 is already at" in only_problem(tmp_path, group(1, one) + group(2, other))
    load(tmp_path, group(1, one) + group(2, f'{other}\nnetns = "other"'))


def test_an_address_twice_in_a_group_is_refused(tmp_path: Path) -> None:
    text = group(1, 'addresses = ["2001:db8::1/64", "2001:db8:0::1/64"]')
    assert "2001:db8::1 is already at" in only_problem(tmp_path, text)


def test_a_link_local_address_may_be_shared_on_two_interfaces(tmp_path: Path) -> None:
    addresses = 'addresses = ["fe80::1/64"]'
    load(tmp_path, group(1, addresses) + group(1, addresses, interface="eth1"))


def test_groups_with_problems_are_still_compared(tmp_path: Path) -> None:
    found = problems_of(tmp_path, group(1, "advskew = 999") + group(1))
    assert [p.split(":")[1] for p in found] == [" advskew", " id"]


# -- more files ----------------------------------------------------------------------------


def test_included_files_are_read_in_order_and_relative_to_the_including_one(
    tmp_path: Path,
) -> None:
    write(tmp_path / "d/20.toml", group(20))
    write(tmp_path / "d/10.toml", f'include = ["../x.toml"]\n{group(10)}')
    write(tmp_path / "d/no.txt", "nonsense")
    write(tmp_path / "x.toml", group(30))
    config = load(tmp_path, f'include = ["d/*.toml", "x.toml", "none/*.toml"]\n{group(1)}')
    assert [v.instance.vhid for v in config.vhids] == [1, 10, 30, 20]
    assert [f.name for f in config.files] == ["c.toml", "10.toml", "x.toml", "20.toml"]


def test_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    write(tmp_path / "d/a.toml", "preempt = true\n")
    write(tmp_path / "d/b.toml", "[[vhid]]\nid = 500\n" + GROUP.split("\n", 1)[1])
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, 'include = ["d/*.toml"]\nvhids = 1\n')
    assert list(caught.value.problems) == [
        f"{tmp_path}/c.toml:2: vhids: unknown key; did you mean vhid?",
        f"{tmp_path}/d/a.toml:1: preempt: unknown key; move it to the main file",
        f"{tmp_path}/d/b.toml:2: id: 500 is not usable; write a whole number, 1 to 255",
    ]


def test_groups_of_two_files_are_compared(tmp_path: Path) -> None:
    write(tmp_path / "x.toml", group(1))
    with pytest.raises(ConfigError, match=r"x.toml:2: id: 1@eth0 is already at .*c.toml:3"):
        load(tmp_path, f'include = ["x.toml"]\n{group(1)}')


def test_a_named_file_that_is_missing_is_a_problem_and_an_empty_pattern_is_not(
    tmp_path: Path,
) -> None:
    assert load(tmp_path, 'include = ["none/*.toml"]').vhids == ()
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        load(tmp_path, 'include = ["none.toml"]')


@pytest.mark.parametrize("pattern", ["", "a\\u0000b"])
def test_patterns_that_name_no_file_are_refused(tmp_path: Path, pattern: str) -> None:
    assert "is not a file name" in only_problem(tmp_path, f'include = ["{pattern}"]')


def test_files_that_include_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.toml", 'include = ["*.toml"]\n')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, 'include = ["x.toml"]')
    assert all("x.toml:1: include: " in problem for problem in caught.value.problems)
    assert len(caught.value.problems) == 2


def test_conf_d_is_read_beside_the_default_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "conf.d/a.toml", group(1))
    assert load(tmp_path, "").vhids == ()
    monkeypatch.chdir("/etc")
    assert implied_include(Path("/etc/carpio/carpio.toml")) == ("conf.d/*.toml",)
    assert implied_include(Path("carpio/carpio.toml")) == ("conf.d/*.toml",)
    assert implied_include(Path("/etc/carpio/conf.d/carpio.toml")) == ()


def test_a_digest_tells_one_text_of_a_file_from_another(tmp_path: Path) -> None:
    write(tmp_path / "x.toml", group(1))
    before = load(tmp_path, 'include = ["x.toml"]')
    again = load(tmp_path, 'include = ["x.toml"]')
    after = load(tmp_path, 'include = ["x.toml"] # remarkable')
    assert before.digests == again.digests
    assert before.digests[0] != after.digests[0]
    assert before.digests[1] == after.digests[1]
    assert before == after, "the same configuration, whoever has commented it"


# -- secrets -------------------------------------------------------------------------------


def key_of(tmp_path: Path, line: str, **settings: Any) -> tuple[Key, tuple[str, ...]]:
    text = f'[[vhid]]\nid = 1\ninterface = "e"\n{line}\n'
    settings.setdefault("environ", {})
    config = load_config(write(tmp_path / "c.toml", text), **settings)
    return config.vhids[0].instance.key, config.warnings


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("secret\n", b"secret"),
        ("secret", b"secret"),
        ("secret\r\n", b"secret"),
        ("secret\n\n", b"secret\n"),
        (" secret", b" secret"),
    ],
)
def test_one_newline_at_the_end_of_a_passphrase_file_does_not_count(
    tmp_path: Path, text: str, raw: bytes
) -> None:
    (tmp_path / "p").write_bytes(text.encode())
    (tmp_path / "p").chmod(0o600)
    key, warnings = key_of(tmp_path, 'passphrase_file = "p"')
    assert key.raw == raw.ljust(20, b"\0")
    assert warnings == ()


def test_an_empty_passphrase_is_allowed_and_equals_zero_bytes(tmp_path: Path) -> None:
    assert key_of(tmp_path, 'passphrase = ""') == (Key.from_bytes(bytes(20)), ())


def test_an_empty_passphrase_file_is_warned_about(tmp_path: Path) -> None:
    write(tmp_path / "p", "\n")
    key, (warning,) = key_of(tmp_path, 'passphrase_file = "p"')
    assert key.raw == bytes(20)
    assert "is empty" in warning


def test_only_19_bytes_of_a_passphrase_count_and_that_is_said(tmp_path: Path) -> None:
    key, warnings = key_of(tmp_path, 'passphrase = "1234567890123456789é"')
    assert key.raw == b"1234567890123456789\0"
    assert warnings[0].endswith(":4: passphrase: only its first 19 of 21 bytes count")
    assert key_of(tmp_path, 'passphrase = "1234567890123456789"') == (key, ())


def test_a_passphrase_ends_at_its_nul_byte_and_that_is_said(tmp_path: Path) -> None:
    key, (warning,) = key_of(tmp_path, 'passphrase = "ab\\u0000cd"')
    assert key.raw == b"ab".ljust(20, b"\0")
    assert "NUL" in warning


@pytest.mark.parametrize("digits", ["00ff", "", "ab" * 20, "AB cd"])
def test_a_key_in_hexadecimal_has_up_to_20_bytes(tmp_path: Path, digits: str) -> None:
    key, warnings = key_of(tmp_path, f'passphrase_hex = "{digits}"')
    assert key.raw == bytes.fromhex(digits).ljust(20, b"\0")
    assert warnings == ()


@pytest.mark.parametrize("digits", ["ab" * 21, "abc", "xy"])
def test_other_keys_in_hexadecimal_are_refused_without_showing_them(
    tmp_path: Path, digits: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        key_of(tmp_path, f'passphrase_hex = "{digits}"')
    assert digits not in str(caught.value)


def test_a_secret_of_another_type_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        key_of(tmp_path, "passphrase = 12345678")
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    "lines", ["", 'passphrase = ""\npassphrase_hex = ""', 'passphrase = 1\npassphrase_file = "p"']
)
def test_exactly_one_way_to_give_the_passphrase_is_needed(tmp_path: Path, lines: str) -> None:
    with pytest.raises(ConfigError, match="write exactly one of"):
        key_of(tmp_path, lines)


@pytest.mark.parametrize("line", ['passphrase = "secret"', 'passphrase_hex = "00"'])
def test_a_passphrase_in_a_file_that_others_can_read_is_warned_about(
    tmp_path: Path, line: str
) -> None:
    path = write(tmp_path / "c.toml", f'[[vhid]]\nid = 1\ninterface = "e"\n{line}\n', 0o644)
    (warning,) = load_config(path, environ={}).warnings
    assert warning.endswith(f"can be read by others; chmod o-rwx {path}")


def test_a_passphrase_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    write(tmp_path / "p", "secret", 0o604)
    assert "can be read by others" in key_of(tmp_path, 'passphrase_file = "p"')[1][0]


@pytest.mark.parametrize("name", ["none", ".", "a\\u0000b"])
def test_a_passphrase_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=":4: passphrase_file: "):
        key_of(tmp_path, f'passphrase_file = "{name}"', secrets=False)


def test_a_passphrase_file_of_other_bytes_than_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text; use passphrase_hex"):
        key_of(tmp_path, 'passphrase_file = "p"')


def test_an_endless_passphrase_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    assert key_of(tmp_path, 'passphrase_file = "/dev/zero"')[0].raw == bytes(20)


def test_a_secret_of_another_user_is_an_error_to_run_and_a_warning_to_check(
    as_ordinary_user: Path,
) -> None:
    secret = as_ordinary_user / "p"
    secret.write_text("secret")
    secret.chmod(0)
    line = 'passphrase_file = "p"'
    with nobody():
        with pytest.raises(ConfigError, match="p cannot be read by you; run as root"):
            key_of(as_ordinary_user, line)
        _, warnings = key_of(as_ordinary_user, line, secrets=False)
    assert warnings[0].endswith(f":4: passphrase_file: {secret} cannot be read by you; not checked")


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Be somebody without privileges for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def as_ordinary_user() -> Iterator[Path]:
    """A directory that everybody can write to; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_credential_is_read_from_the_directory_of_systemd(tmp_path: Path) -> None:
    write(tmp_path / "vhid1", "secret\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    key, warnings = key_of(tmp_path, 'passphrase_credential = "vhid1"', environ=environ)
    assert (key, warnings) == (Key.from_passphrase("secret"), ())


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_credential_cannot_be_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a credential"):
        key_of(tmp_path, f'passphrase_credential = "{name}"', environ={})


def test_a_credential_outside_of_its_service_is_an_error_to_run_and_a_warning_to_check(
    tmp_path: Path,
) -> None:
    line = 'passphrase_credential = "x"'
    with pytest.raises(ConfigError, match="LoadCredential=x:/path"):
        key_of(tmp_path, line)
    assert key_of(tmp_path, line, secrets=False)[1][0].endswith("not checked")


@pytest.mark.parametrize("advskew", [241, 254])
def test_an_advskew_beyond_what_goes_on_the_wire_is_warned_about(
    tmp_path: Path, advskew: int
) -> None:
    config = load(tmp_path, f"[[vhid]]\n{GROUP}advskew = {advskew}\n")
    assert config.vhids[0].instance.advskew == advskew
    assert "goes on the wire as 240" in config.warnings[0]


# -- hostile input -------------------------------------------------------------------------

_VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.dates(),
        st.times(),
        st.datetimes(),
        st.sampled_from(["eth0", "10.0.0.1/24", "fe80::1/64", "00", "conf.d/*.toml"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_KNOWN = tuple(field.name for field in (*TOP_LEVEL, *VHID, *NETNS))
_NAMES = st.one_of(st.sampled_from(_KNOWN), st.text(max_size=8))
_GROUPS = st.lists(st.one_of(st.dictionaries(_NAMES, _VALUES, max_size=8), _VALUES), max_size=3)


@given(st.dictionaries(_NAMES, _VALUES, max_size=6), _GROUPS, _GROUPS, st.booleans())
def test_any_values_are_a_configuration_or_a_config_error(
    top: dict[str, Any], groups: list[Any], namespaces: list[Any], required: bool
) -> None:
    policy = SecretPolicy(required=required, environ={"CREDENTIALS_DIRECTORY": "/nonexistent"})
    source = Source(Path("/nonexistent/c.toml"), {**top, "vhid": groups, "netns": namespaces})
    with contextlib.suppress(ConfigError):
        assert isinstance(assemble([source, source], Problems(), policy), DaemonConfig)


@given(st.text(alphabet=st.sampled_from("[]{}=\"'\n #\\,.avhid1\r\0é"), max_size=60))
def test_any_text_is_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "c.toml", text)
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        with pytest.raises(ConfigError):
            load_config(path, environ={})
    else:
        problems = Problems()
        assert len(read_sources(path, problems)) == 1


def test_a_file_beyond_any_reason_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="is longer than 4194304 bytes; split it"):
        load_config(Path("/dev/zero"), environ={})
