"""What becomes of values of exec.*: shell, direct, background, or a call in this process."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.jail.invoke import ifconfig_words, in_jail, of_argv, on_host

LINKS = "/opt/carpio/libexec/carpio"


@pytest.mark.parametrize("character", "!\"$&'()*;<>?[\\]`{|}~")
def test_a_character_of_the_shell_makes_it_a_line_for_one(character: str) -> None:
    value = f"echo a{character}b c"
    assert in_jail(value).argv == ("/bin/sh", "-c", value)
    assert on_host(value, LINKS).argv == ("/bin/sh", "-c", value)


@pytest.mark.parametrize("value", ["echo a=b,c:d@e%f^g+h_i-j", "  echo\t-n\n x ", "echo #x"])
def test_without_one_it_is_split_at_blanks(value: str) -> None:
    assert in_jail(value).argv == tuple(value.split())


@pytest.mark.parametrize(
    ("value", "argv", "is_background"),
    [
        ("sleep 9 &", ("sleep", "9"), True),
        ("sleep 9&", ("sleep", "9"), True),
        ("sleep 9 & ", ("/bin/sh", "-c", "sleep 9 & "), False),
        ("a && b", ("/bin/sh", "-c", "a && b"), False),
        ("sleep $x &", ("/bin/sh", "-c", "sleep $x &"), False),
        ("&", ("/bin/sh", "-c", "&"), False),
        (" ", ("/bin/sh", "-c", " "), False),
    ],
)
def test_one_ampersand_at_the_very_end_is_the_background(
    value: str, argv: tuple[str, ...], is_background: bool
) -> None:
    for found in (in_jail(value), on_host(value, LINKS)):
        assert (found.argv, found.is_background) == (argv, is_background)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "/sbin/ifconfig igb0 vhid 1 pass testpass alias 10.10.10.11/32",
            ["igb0", "vhid", "1", "pass", "testpass", "alias", "10.10.10.11/32"],
        ),
        ("ifconfig em0 up", ["em0", "up"]),
        ("ifconfig -j www e0 vhid 1 pass x", ["-j", "www", "e0", "vhid", "1", "pass", "x"]),
        (
            "/usr/sbin/ifconfig em0 vhid 1 pass 'a b;c' up",
            ["em0", *["vhid", "1", "pass"], "a b;c", "up"],
        ),
        ('ifconfig em0 vhid 1 pass "a*b"', ["em0", "vhid", "1", "pass", "a*b"]),
        ("ifconfig em0 pass a\\ b", ["em0", "pass", "a b"]),
    ],
)
def test_a_call_of_ifconfig_that_needs_no_shell_is_read(value: str, words: list[str]) -> None:
    assert ifconfig_words(value) == tuple(words)
    found = on_host(value, LINKS)
    assert found.ifconfig == tuple(words)
    assert not found.shows_passphrase


@pytest.mark.parametrize(
    "value",
    [
        "ifconfig em0",
        "ifconfig",
        "",
        "ifconfig -j www em0",
        "ifconfig -j www -a up",
        "ifconfig -v em0 up",
        "ifconfig em0 up; echo x",
        "ifconfig em0 up && true",
        "ifconfig em$x up",
        'ifconfig "em$x" up',
        "ifconfig em? up",
        "ifconfig em0 up > /dev/null",
        "ifconfig em0 'up",
        "ifconfig em0 {up,down}",
        "ifconfig em0 'up'\nifconfig em1 up",
        "ifconfig em0 ~",
        "/opt/ifconfig em0 up",
        "sudo ifconfig em0 up",
        "! ifconfig em0 up",
        "ifconfig em0 'a' # b",
    ],
)
def test_what_needs_a_shell_or_shows_or_goes_elsewhere_is_not_read(value: str) -> None:
    assert ifconfig_words(value) is None


def test_a_call_in_the_background_is_a_process() -> None:
    assert on_host("ifconfig em0 vhid 1 pass x &", LINKS).ifconfig is None
    assert on_host("ifconfig em0 vhid 1 pass x &", LINKS).shows_passphrase


def test_a_call_in_a_jail_is_a_process() -> None:
    assert in_jail("ifconfig em0 vhid 1 pass x").ifconfig is None
    assert in_jail("ifconfig em0 vhid 1 pass x").shows_passphrase


@pytest.mark.parametrize(
    ("value", "argv"),
    [
        ("/sbin/ifconfig -v em0 up", [f"{LINKS}/ifconfig", "-v", "em0", "up"]),
        ("/sbin/sysctl net.inet.carp", [f"{LINKS}/sysctl", "net.inet.carp"]),
        ("/usr/sbin/sysctl x", [f"{LINKS}/sysctl", "x"]),
        ("/usr/sbin/jail -r x", [f"{LINKS}/jail", "-r", "x"]),
        ("/usr/bin/netstat -s", [f"{LINKS}/netstat", "-s"]),
        ("/sbin/ip link", ["/sbin/ip", "link"]),
        ("/usr/local/sbin/ifconfig x", ["/usr/local/sbin/ifconfig", "x"]),
        ("ls /sbin/ifconfig", ["ls", "/sbin/ifconfig"]),
        (
            "/sbin/ifconfig; /sbin/sysctl -n x",
            ["/bin/sh", "-c", f"{LINKS}/ifconfig; {LINKS}/sysctl -n x"],
        ),
        ("x;/opt/sbin/ifconfig", ["/bin/sh", "-c", "x;/opt/sbin/ifconfig"]),
        ("x;/sbin/ifconfig.old", ["/bin/sh", "-c", "x;/sbin/ifconfig.old"]),
        ("ifconfig lo0 | x", ["/bin/sh", "-c", "ifconfig lo0 | x"]),
    ],
)
def test_commands_of_freebsd_by_their_paths_are_ours(value: str, argv: list[str]) -> None:
    assert on_host(value, LINKS).argv == tuple(argv)
    assert on_host(value, LINKS).shown == value


def test_without_ours_or_in_a_strange_place_paths_stay() -> None:
    assert on_host("/sbin/sysctl x", None).argv == ("/sbin/sysctl", "x")
    assert on_host("/sbin/sysctl x", "/a b'c").argv == ("/sbin/sysctl", "x")


def test_words_are_run_as_they_are() -> None:
    found = of_argv(["sh", "-c", "ifconfig em0 pass x; echo $y", "pass", "s3 cret"])
    assert found.argv == ("sh", "-c", "ifconfig em0 pass x; echo $y", "pass", "s3 cret")
    assert found.shown == "sh -c ifconfig em0 pass *** echo $y pass ***"
    assert found.shows_passphrase


PARTS = st.sampled_from(
    ["ifconfig", "/sbin/ifconfig", "em0", "vhid", "pass", "Zq7Xw", "'Zq7Xw Zq7Xw'", ";", "&", "$x"]
)


@given(st.lists(PARTS, max_size=8).map(" ".join))
def test_no_passphrase_is_shown(value: str) -> None:
    for found in (on_host(value, LINKS), in_jail(value)):
        if value.count("Zq7Xw") == value.count("pass Zq7Xw") + 2 * value.count("pass 'Zq7Xw"):
            assert "Zq7Xw" not in found.shown
        assert "Zq7Xw" not in repr(found).replace(found.shown, "")


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_characters="\0\n"), min_size=1), max_size=4
    )
)
def test_a_quoted_call_is_read_as_a_shell_reads_it(words: list[str]) -> None:
    value = shlex.join(["ifconfig", "em0", "up", *words])
    assert ifconfig_words(value) == ("em0", "up", *words)
