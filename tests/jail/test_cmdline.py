"""Forms of the command line as values; which ones are refused is in the transcripts."""

from __future__ import annotations

import pytest

from carpio.jail.cmdline import FromFile, FromWords, List, Options, Remove, parse_form
from carpio.jail.resolve import Setting


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("-e ,", List(file="/etc/jail.conf", separator=",", is_quiet=False)),
        ("-qvf x -e ,", List(file="x", separator=",", is_quiet=True)),
        ("-c", FromFile(operations="c", file="/etc/jail.conf", jail=None)),
        (
            "-mr -f x -p 3 a",
            FromFile(operations="mr", file="x", jail="a", options=Options(limit=3)),
        ),
        (
            "-cdqvi -J j",
            FromFile(
                operations="c",
                file="/etc/jail.conf",
                jail=None,
                options=Options(
                    is_quiet=True,
                    is_verbose=True,
                    prints_jids=True,
                    record_file="j",
                    allows_dying=True,
                ),
            ),
        ),
        (
            "-C -f x a",
            FromFile(operations="", file="x", jail="a", options=Options(cleans=True)),
        ),
        ("-r a b", Remove(jails=("a", "b"), is_at_once=False)),
        (
            "-rC -f x *",
            Remove(jails=("*",), is_at_once=False, file="x", options=Options(cleans=True)),
        ),
        ("-R a=b", Remove(jails=("a=b",), is_at_once=True)),
    ],
)
def test_words_become_a_form(line: str, form: object) -> None:
    assert parse_form(line.split()) == form


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        (
            ["-c", "vnet", "vnet.interface=a", "vnet.interface=b", "nopersist", "persist=0"],
            [("vnet",), ("vnet.interface", "a", "b"), ("persist", "0")],
        ),
        (
            ["-cl", "-u", "me", "x=1", "command=sh", "-c", "a=b"],
            [
                ("exec.clean",),
                ("exec.jail_user", "me"),
                ("exec.system_jail_user",),
                ("x", "1"),
                ("command", "sh", "-c", "a=b"),
            ],
        ),
        (
            ["-n", "n", "-s", "0", "-U", "me", "/p", "h", "10.0.0.1,2001:db8::1", "sh", "x"],
            [
                ("name", "n"),
                ("securelevel", "0"),
                ("exec.jail_user", "me"),
                ("exec.system_jail_user", "false"),
                ("path", "/p"),
                ("host.hostname", "h"),
                ("ip4.addr", "10.0.0.1"),
                ("ip6.addr", "2001:db8::1"),
                ("command", "sh", "x"),
            ],
        ),
        (
            ["-c", "ip4.addr=em0|10.0.0.1/24 vhid 1,10.0.0.2", "ip6.addr"],
            [("ip4.addr", "em0|10.0.0.1/24 vhid 1", "10.0.0.2"), ("ip6.addr",)],
        ),
    ],
)
def test_words_become_parameters(argv: list[str], settings: list[tuple[str, ...]]) -> None:
    form = parse_form(argv)
    assert isinstance(form, FromWords)
    assert list(form.jail.settings) == [Setting(name, tuple(values)) for name, *values in settings]
    assert "Setting" not in repr(form)
