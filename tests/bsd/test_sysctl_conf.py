"""The lines of sysctl.conf, numbers as strtol(3) reads them, and what becomes of both in TOML."""

from __future__ import annotations

import tomllib

import pytest

from carpio.bsd.sysctl_conf import Line, import_sysctl_conf, lines_of, number_of, split


def test_comments_and_blanks_say_nothing() -> None:
    text = (
        "# all\n"
        "\n"
        "  a=1  # one\n"
        "b='x # y' # z\n"
        'c="#"\n'
        "d=\\#1#2\n"
        "   \t\n"
        "e=2"
    )  # fmt: skip
    assert lines_of(text) == [
        Line(number=3, text="a=1"),
        Line(number=4, text="b='x # y'"),
        Line(number=5, text='c="#"'),
        Line(number=6, text="d=\\#1"),
        Line(number=8, text="e=2"),
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b", ("a.b", None)),
        ("a.b.", ("a.b", None)),
        ("a.b=1", ("a.b", "1")),
        ("a.b = 1", ("a.b", "1")),
        ("a.b: 1", ("a.b", "1")),
        ("a.b=c:d", ("a.b", "c:d")),
        ("a.b: c=d", ("a.b", "c=d")),
        ("a.b='1'", ("a.b", "1")),
        ('a.b="1', ("a.b", "1")),
        ("a.b=", ("a.b", "")),
        ("=1", ("", "1")),
        ("", ("", None)),
    ],
)
def test_a_line_is_a_name_with_or_without_a_value(text: str, parts: tuple) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("1", 1), (" 1", 1), ("+1", 1), ("-1", -1), ("0x1F", 31), ("-0Xf", -15),
        ("010", 8), ("00", 0), ("2147483647", 2**31 - 1), ("-2147483648", -(2**31)),
        ("", None), ("-", None), ("x", None), ("1 ", None), ("1_0", None), ("08", None),
        ("0x", None), ("0xg", None), ("0x0x1", None), ("0o7", None), ("0b1", None), ("1.0", None),
        ("- 1", None), ("+-1", None), ("٣", None), ("2147483648", None), ("-2147483649", None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_c_reads_them(text: str, number: int | None) -> None:
    assert number_of(text) == number


# -- import ------------------------------------------------------------------------------------


def test_the_file_of_the_report_becomes_two_keys() -> None:
    imported = import_sysctl_conf(
        "net.inet.carp.preempt=1\nnet.inet.carp.senderr_demotion_factor=0\n", "/etc/sysctl.conf"
    )
    assert imported.toml == "preempt = true\nsenderr_demotion_factor = 0\n"
    assert imported.remarks == ()


def test_every_setting_has_its_key_and_the_last_line_counts() -> None:
    imported = import_sysctl_conf(
        "net.inet.carp.allow=0\n"
        "net.inet.carp.preempt=2\n"
        "net.inet.carp.dscp=0x30\n"
        "net.inet.carp.log=1\n"
        "net.inet.carp.ifdown_demotion_factor: 0\n"
        "net.inet.carp.senderr_demotion_factor = '120'\n"
        "net.inet.carp.log=2\n",
        "f",
    )
    assert tomllib.loads(imported.toml) == {
        "allow": False,
        "preempt": True,
        "dscp": 48,
        "log": 2,
        "ifdown_demotion_factor": 0,
        "senderr_demotion_factor": 120,
    }
    assert imported.remarks == ()


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("kern.maxfiles=1", "kern.maxfiles: not a setting of carpio, left out"),
        ("net.inet.carp.stats=0", "net.inet.carp.stats: not a setting of carpio, left out"),
        (
            "net.inet.carp.demotion=100",
            "net.inet.carp.demotion: not kept in a file: it is added once, by "
            "`carpio sysctl net.inet.carp.demotion=100` while the daemon runs; left out",
        ),
        (
            "net.inet.ip.forwarding=1",
            "net.inet.ip.forwarding: for /etc/sysctl.d here: net.ipv4.ip_forward = 1; left out",
        ),
        (
            "net.inet6.ip6.forwarding=1",
            "net.inet6.ip6.forwarding: for /etc/sysctl.d here: net.ipv6.conf.all.forwarding = 1; "
            "left out",
        ),
        ("net.inet.carp.log=x", "net.inet.carp.log: invalid integer 'x', left out"),
        ("net.inet.carp.log=9", "net.inet.carp.log: 9 is not in 0 to 7, left out"),
        ("net.inet.carp.dscp=64", "net.inet.carp.dscp: 64 is not in 0 to 63, left out"),
        ("net.inet.carp.preempt", "net.inet.carp.preempt: no value, left out"),
    ],
)
def test_what_has_no_place_in_the_file_is_told(line: str, remark: str) -> None:
    imported = import_sysctl_conf(f"\n{line}\n", "/etc/sysctl.conf")
    assert (imported.toml, imported.remarks) == ("", (f"/etc/sysctl.conf:2: {remark}",))
