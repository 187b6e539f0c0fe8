"""Which values of a jail differ."""

from __future__ import annotations

import pytest
from tests.helpers.fake_jails import FakeJails
from tests.helpers.jail_runs import FakeRun

from carpio.jail.judge import Setpoint
from carpio.jail.modify import differences
from carpio.jail.ports import Record
from carpio.jail.resolve import Jail, Setting
from carpio.jail.wanted import wanted_of


def changes(values: dict[str, Setpoint], *settings: tuple[str, ...]) -> dict[str, Setpoint]:
    record = Record(jid=1, name="x", path="/", values=values, holder=None, is_persistent=True)
    jail = Jail(name="", settings=tuple(Setting(name, tuple(more)) for name, *more in settings))
    return differences(record, wanted_of(jail).wanted)


@pytest.mark.parametrize(
    ("values", "setting", "expected"),
    [
        ({}, ("allow.raw_sockets", "false"), {}),
        ({}, ("allow.raw_sockets",), {"allow.raw_sockets": True}),
        ({}, ("allow.set_hostname",), {}),
        ({}, ("host", "new"), {}),
        ({"host": "inherit"}, ("host", "new"), {"host": "new"}),
        ({}, ("meta", ""), {}),
        ({"meta": "a"}, ("meta", "b"), {"meta": "b"}),
        ({"ip4.addr": ("10.0.0.1",)}, ("ip4.addr", "10.0.0.1"), {}),
        ({}, ("ip4.addr",), {}),
        ({"path": "/"}, ("path", "/"), {}),
        ({"path": "/"}, ("path", "/usr/.."), {}),
        ({"path": "/"}, ("path", "/usr"), {"path": "/usr"}),
        ({"jid": 1}, ("jid", "1"), {}),
        ({"jid": 1}, ("jid", "2"), {"jid": 2}),
    ],
)
def test_what_is_set_otherwise_differs(
    values: dict[str, Setpoint], setting: tuple[str, ...], expected: dict[str, Setpoint]
) -> None:
    assert changes(values, setting) == expected


def test_what_the_command_does_is_no_value_of_the_jail() -> None:
    others = [("exec.start", "x"), ("mount", "a b c"), ("mount.devfs",), ("interface", "em0")]
    others += [("depend", "a"), ("command", "x"), ("stop.timeout", "3"), ("ip_hostname",)]
    assert changes({}, *others, ("vnet.interface", "e0"), ("exec.timeout", "3")) == {}


def test_a_name_is_changed_unless_another_jail_has_it() -> None:
    run = FakeRun(FakeJails())
    for name in ("a", "b"):
        assert run.jail("-c", f"name={name}", "persist")[0] == 0
    assert run.jail("-m", "jid=1", "name=b") == (1, ['! jail: "b" already exists'])
    assert run.jail("-m", "jid=1", "name=c") == (0, [])
    assert [record.name for record in run.fake.records.values()] == ["c", "b"]
    assert run.fake.records[1].values["name"] == "c"
    assert run.fake.records[1].maker is None
