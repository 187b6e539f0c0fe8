"""Removing jails: which record, whose work, what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.fake_jails import FakeJails
from tests.helpers.jail_runs import FakeRun

from carpio.errors import CarpioError
from carpio.jail.aliases import HeldAddress
from carpio.jail.ports import Holder, MadeAlias
from carpio.jail.remove import find_address, take

ALIAS = MadeAlias(interface="em0", family="inet", address="10.0.0.1", down=("ifconfig",))


def begun() -> FakeRun:
    run = FakeRun(FakeJails())
    assert run.jail("-c", "name=www", "persist")[0] == 0
    return run


def test_a_jail_is_taken_by_one_command_at_a_time() -> None:
    run = begun()
    record = run.fake.records[1]
    first = run.fake.host()
    assert take(record, first).maker == first.me
    assert take(record, first).maker == first.me
    run.fake.fellows = {first.me}
    second = run.fake.host()
    with pytest.raises(CarpioError, match=f"process {first.me.pid}"):
        take(record, second)
    run.fake.fellows.clear()
    third = run.fake.host()
    assert take(record, third).maker == third.me


def test_a_jail_that_is_forgotten_cannot_be_taken() -> None:
    run = begun()
    record = run.fake.records.pop(1)
    with pytest.raises(CarpioError, match='"www" not found'):
        take(record, run.fake.host())


def test_a_removal_beside_another_command_says_so() -> None:
    run = begun()
    other = Holder(pid=77, started=1)
    run.fake.records[1] = replace(run.fake.records[1], maker=other)
    run.fake.fellows = {other}
    assert run.jail("-r", "www") == (
        1,
        ["! jail: www: another jail command (process 77) is at work on it"],
    )
    assert run.jail("-m", "name=www", "meta=x") == (
        1,
        ["! jail: www: another jail command (process 77) is at work on it"],
    )


@pytest.mark.parametrize(
    ("held", "place"),
    [
        ([("em0", "10.0.0.1", None)], "em0"),
        ([("em1", "10.0.0.1", 3), ("em0", "10.0.0.1", 3)], "em0"),
        ([("em1", "10.0.0.1", 3)], "em1"),
        ([("em1", "10.0.0.1", None)], None),
        ([("em0", "10.0.0.2", 1)], None),
        ([], None),
    ],
)
def test_an_address_is_found_on_its_interface_or_in_a_group(
    held: list[tuple[str, str, int | None]], place: str | None
) -> None:
    fake = FakeJails()
    fake.addresses = {(interface, address): vhid for interface, address, vhid in held}
    assert find_address(fake.host(), ALIAS) == place
    assert HeldAddress(interface="x", address="y", vhid=None) not in fake.host().interfaces.held()


def test_after_a_removal_nobody_is_at_work() -> None:
    run = begun()
    run.fake.refused.add("destroy www")
    assert run.jail("-r", "www")[0] == 1
    assert run.fake.records[1].maker is None
    assert run.fake.is_living("www")


def test_what_somebody_else_took_off_is_told_and_does_not_keep_a_jail_from_its_restart() -> None:
    file = 'www { persist; ip4.addr = "em0|10.0.0.1/24", "em0|10.0.0.2"; }'
    run = FakeRun(FakeJails(), stdin=file)
    assert run.jail("-f", "-", "-c", "www")[0] == 0
    del run.fake.addresses["em0", "10.0.0.2"]
    status, said = run.jail("-f", "-", "-rc", "www")
    assert status == 0
    assert "! jail: www: 10.0.0.2: is not on em0 any more" in said
    assert run.fake.is_living("www")
    assert set(run.fake.addresses) == {("em0", "10.0.0.1"), ("em0", "10.0.0.2")}
    run.fake.addresses.clear()
    assert run.jail("-f", "-", "-r", "www")[0] == 0
    assert not run.fake.records


def test_an_interrupted_removal_leaves_the_jail_running_or_goes_on() -> None:
    run = FakeRun(FakeJails(), stdin="www { persist; exec.stop = stop; exec.poststop = gone, on; }")

    def interrupt() -> None:
        raise KeyboardInterrupt

    assert run.jail("-f", "-", "-c", "www")[0] == 0
    run.fake.effects["stop"] = interrupt
    assert run.jail("-f", "-", "-r", "www")[0] == 1
    assert run.fake.is_living("www")
    del run.fake.effects["stop"]
    run.fake.effects["gone"] = interrupt
    status, said = run.jail("-f", "-", "-r", "www")
    assert status == 1
    assert said[-4:] == ["| www: removed", "> host: gone", "! jail: www: interrupted", "> host: on"]
    assert not run.fake.records
