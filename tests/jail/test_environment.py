"""Variables of commands."""

from __future__ import annotations

from carpio.jail.environment import for_host, for_jail

ABOUT = {"JID": "1", "JNAME": "www", "JPATH": "/jails/www"}
OURS = {"HOME": "/root", "TERM": "vt100", "PATH": "/x"}


def test_on_the_host_our_commands_come_first() -> None:
    assert for_host(OURS, "/links", ABOUT) == {**OURS, **ABOUT, "PATH": "/links:/x"}
    assert for_host({}, "/links", {})["PATH"] == "/links:/sbin:/bin:/usr/sbin:/usr/bin"
    assert for_host(OURS, None, {})["PATH"] == "/x"


def test_in_a_jail_variables_are_those_of_the_caller() -> None:
    assert for_jail(OURS, ABOUT, is_clean=False) == {**OURS, **ABOUT}
    assert for_jail({"PATH": ""}, {}, is_clean=False) == {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}


def test_clean_are_the_terminal_and_a_short_path() -> None:
    assert for_jail(OURS, ABOUT, is_clean=True) == {"PATH": "/bin:/usr/bin", "TERM": "vt100"}
    assert for_jail({}, ABOUT, is_clean=True) == {"PATH": "/bin:/usr/bin"}
