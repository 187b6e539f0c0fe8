"""Which addresses wait for exec.prestart."""

from __future__ import annotations

import pytest

from carpio.jail.addresses import parse_addresses
from carpio.jail.holdback import attaching, is_plain, mentions, must_wait


def waits(
    value: str,
    *,
    prepare: tuple[str, ...] = (),
    prestart: tuple[str, ...] = (),
    of_groups: tuple[str, ...] = (),
) -> bool:
    family = "inet6" if value.count(":") > 1 else "inet"
    (setting,), problems = parse_addresses([value], family, None)
    assert not problems
    return must_wait(setting, prepare=prepare, prestart=prestart, of_groups=of_groups)


def test_an_address_that_nobody_else_knows_does_not_wait() -> None:
    assert not waits("em0|10.0.0.1")
    assert not waits("em0|10.0.0.1", prestart=("ifconfig em0 up", "ifconfig em0 10.0.0.2 alias"))
    assert not waits("em0|10.0.0.1", of_groups=("10.0.0.11", "10.0.0.2"))


def test_an_address_of_a_group_waits() -> None:
    assert waits("em0|10.0.0.1", of_groups=("10.0.0.1",))
    assert waits("em0|2001:DB8:0::1", of_groups=("2001:db8::1",))


@pytest.mark.parametrize("what", ["prepare", "prestart"])
def test_an_address_that_a_command_mentions_waits(what: str) -> None:
    command = ("ifconfig em0 vhid 1 pass x alias 10.0.0.1/32",)
    assert waits("em0|10.0.0.1", **{what: command})  # type: ignore[arg-type]


def test_an_address_waits_for_a_program_that_may_do_anything() -> None:
    assert waits("em0|10.0.0.1", prestart=("ifconfig em0 up", "/etc/attach"))
    assert waits("em0|10.0.0.1", prestart=("ifconfig em0 up; true",))
    assert not waits("em0|10.0.0.1", prepare=("/etc/attach",))


def test_an_address_with_its_vhid_or_without_an_interface_never_waits() -> None:
    everything = {"prestart": ("10.0.0.1",), "of_groups": ("10.0.0.1",)}
    assert not waits("em0|10.0.0.1 vhid 1 pass x", **everything)  # type: ignore[arg-type]
    assert not waits("10.0.0.1", **everything)  # type: ignore[arg-type]


def test_plain_is_what_names_an_interface_and_no_vhid() -> None:
    settings, _ = parse_addresses(
        ["em0|10.0.0.1", "em0|10.0.0.2 vhid 1", "10.0.0.3", "em0|10.0.0.4 pass vhid"], "inet", None
    )
    assert [is_plain(one) for one in settings] == [True, False, False, False]


@pytest.mark.parametrize(
    ("command", "is_mentioned"),
    [
        ("x 10.0.0.1", True),
        ("x 10.0.0.1/32", True),
        ("x '10.0.0.1';", True),
        ("x a=10.0.0.1,", True),
        ("ping 10.0.0.1.", True),
        ("x 10.0.0.11", False),
        ("x 110.0.0.1", False),
        ("x 10.0.0", False),
        ("x", False),
    ],
)
def test_an_address_is_found_in_a_command(command: str, is_mentioned: bool) -> None:
    assert mentions([command], "10.0.0.1") == is_mentioned


@pytest.mark.parametrize(
    "command", ["x 2001:db8::1/64", "x 2001:DB8:0:0::1", "x [2001:db8::1]:80", "x 2001:db8::1:"]
)
def test_an_address_is_found_however_it_is_written(command: str) -> None:
    assert mentions(["y", command], "2001:db8::1")
    assert not mentions([command], "2001:db8::2")


def test_an_address_waits_for_the_last_command_that_attaches_it() -> None:
    commands = {
        "exec.created": ["ifconfig em0 vhid 1 alias 10.0.0.1/32", "true"],
        "exec.poststart": ["ping 10.0.0.1", "ifconfig em0 vhid 1 alias 10.0.0.2"],
    }
    settings, _ = parse_addresses(
        ["em0|10.0.0.1", "em0|10.0.0.2", "em0|10.0.0.3", "em0|10.0.0.4 vhid 1"], "inet", None
    )
    found = [attaching(one, lambda parameter: commands[parameter]) for one in settings]
    assert found == ["exec.created", "exec.poststart", None, None]
