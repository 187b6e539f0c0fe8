"""The table of parameters and how names lead into it."""

from __future__ import annotations

import pytest

from carpio.jail.parameters import PARAMETERS, Kind, base_name, is_reserved, parameter


def test_no_parameter_is_there_twice_and_modes_have_names() -> None:
    assert len({each.name for each in PARAMETERS}) == len(PARAMETERS)
    assert all(bool(each.modes) == (each.kind is Kind.MODE) for each in PARAMETERS)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("path", "path"), ("hostname", "host.hostname"), ("env.PATH", "env.*"), ("env.", None),
        ("env.*", None), ("linux", "linux*"), ("linux.osname", "linux*"), ("nothing", None),
        ("allow.mount.zfs", "allow.mount.zfs"), ("allow.mount.tmpfs", "allow.mount.*"), ("", None),
    ],
)  # fmt: skip
def test_a_name_leads_to_one_parameter(name: str, known: str | None) -> None:
    found = parameter(name)
    assert (found.name if found else None) == known


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("nopersist", "persist"), ("allow.nomount", "allow.mount"), ("novnet", "vnet"),
        ("noallow.mount", "noallow.mount"), ("nopath", "nopath"), ("node", "node"), ("no", "no"),
        ("env.nothing", "env.nothing"), ("hostname", "hostname"), ("persist", "persist"),
    ],
)  # fmt: skip
def test_the_opposite_of_a_boolean_is_the_same_parameter(name: str, base: str) -> None:
    assert base_name(name) == base


def test_variables_may_be_called_like_what_freebsd_does_not_reserve() -> None:
    assert all(map(is_reserved, ["path", "name", "interface", "exec.start", "securelevel"]))
    assert not any(map(is_reserved, ["ip4", "host", "hostname", "env", "x", "linux"]))
