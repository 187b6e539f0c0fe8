"""What a command leaves that is killed at any moment, and how the next one deals with it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.fake_jails import FakeJails, Killed
from tests.helpers.jail_runs import FakeRun

from carpio.jail.notes import Notes
from carpio.jail.recover import recover

WWW = """
www {
    path = "/"; interface = "em0"; ip4.addr = "10.0.0.1/24 vhid 1 pass x", 10.0.0.3, 10.0.0.4;
    mount.devfs; exec.prepare = "prepare";
    exec.prestart = "ifconfig em0 vhid 3 pass x 10.0.0.3/32 alias", "prestart";
    exec.start = "start"; exec.poststart = "poststart";
    exec.stop = "stop"; exec.poststop = "poststop";
}
"""
OTHER = 'other { path = "/"; persist; ip4.addr = "em0|10.0.0.9 vhid 1 pass x"; }'


def call(run: FakeRun, *argv: str) -> tuple[int, list[str]]:
    run.stdin = WWW + OTHER
    return run.jail("-f", "-", *argv)


def begun(*calls: str) -> FakeRun:
    run = FakeRun(FakeJails())
    run.fake.processes[1] = [500]
    for one in calls:
        assert call(run, *one.split())[0] == 0
    return run


def moments_of(run: FakeRun, *argv: str) -> int:
    before = run.fake.moments
    assert call(run, *argv)[0] == 0
    return run.fake.moments - before


def killed(run: FakeRun, moment: int, *argv: str) -> FakeRun:
    """Let a call be killed at one of its moments."""
    run.fake.die_at = run.fake.moments + moment
    with pytest.raises(Killed):
        call(run, *argv)
    run.fake.die_at = None
    return run


def is_clean(fake: FakeJails) -> bool:
    return not (fake.records or fake.addresses or fake.vhids or fake.living)


CREATION = moments_of(begun(), "-c", "www")
REMOVAL = moments_of(begun("-c www"), "-r", "www")
CLEANING = 40


@pytest.mark.parametrize("moment", range(CREATION))
def test_after_a_killed_creation_the_next_command_makes_room_for_another(moment: int) -> None:
    run = killed(begun(), moment, "-c", "www")
    if run.fake.is_living("www"):  # it is there, as on FreeBSD, and is removed as any other
        assert call(run, "-r", "www")[0] == 0
    else:
        assert call(run, "-r", "none")[0] == 1
    assert is_clean(run.fake)
    run.fake.processes[2] = [500]
    assert call(run, "-c", "www")[0] == 0
    assert "10.0.0.3" not in run.fake.was_plain


@pytest.mark.parametrize("moment", range(REMOVAL))
def test_after_a_killed_removal_the_next_command_finishes_it(moment: int) -> None:
    run = killed(begun("-c www"), moment, "-r", "www")
    if run.fake.is_living("www"):
        assert call(run, "-r", "www")[0] == 0
    else:
        assert call(run, "-r", "none")[0] == 1
    assert is_clean(run.fake)


@pytest.mark.parametrize("moment", range(CREATION))
def test_a_killed_creation_is_cleaned_up_by_making_the_jail_again(moment: int) -> None:
    run = killed(begun(), moment, "-c", "www")
    if not run.fake.is_living("www"):
        run.fake.processes[2] = [500]
        run.fake.processes[1] = [500]
        assert call(run, "-c", "www")[0] == 0
        assert sorted(address for _, address in run.fake.addresses) == [
            "10.0.0.1", "10.0.0.3", "10.0.0.4",
        ]  # fmt: skip


@given(
    creation=st.integers(0, CREATION - 1),
    cleanings=st.lists(st.integers(0, CLEANING), max_size=4),
    with_other=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_commands_that_clean_up_may_be_killed_as_well(
    creation: int, cleanings: list[int], with_other: bool
) -> None:
    run = killed(begun(), creation, "-c", "www")
    for moment in cleanings:
        run.fake.die_at = run.fake.moments + moment
        with contextlib.suppress(Killed):
            call(run, *(("-c", "other") if with_other else ("-R", "www")))
        run.fake.die_at = None
    for name in ("www", "other", "none"):
        call(run, "-r", name)
    assert is_clean(run.fake)


def test_a_jail_that_another_command_is_making_is_left_alone() -> None:
    run = begun()
    beside = FakeRun(run.fake, stdin=WWW + OTHER)
    said: list[str] = []

    def look() -> None:
        run.fake.fellows = set(run.fake.makers)
        timeline = list(run.fake.timeline)
        said.extend(beside.jail("-f", "-", "-r", "www")[1])
        run.fake.timeline[:] = timeline

    run.fake.effects["prestart"] = look
    assert call(run, "-c", "www")[0] == 0
    assert said == ['! jail: "www" not found']
    assert run.fake.is_living("www")


def test_what_an_address_is_shared_with_stays() -> None:
    run = begun("-c other")
    run.fake.processes[2] = [500]
    assert call(run, "-c", "www")[0] == 0
    run.fake.end("www")
    assert call(run, "-r", "none")[0] == 1
    assert {address for _, address in run.fake.addresses} == {"10.0.0.9"}


def test_an_address_that_somebody_took_off_before_is_no_failure() -> None:
    run = begun("-c www")
    run.fake.end("www")
    run.fake.addresses.clear()
    assert call(run, "-r", "none") == (1, ["> destroy www", '! jail: "none" not found'])
    assert not run.fake.records


def test_it_may_be_about_one_jail_alone() -> None:
    run = begun("-c www", "-c other")
    for name in ("www", "other"):
        run.fake.end(name)
    nowhere = io.StringIO()
    recover(run.fake.host(), Notes(nowhere, nowhere), only="other")
    assert [record.name for record in run.fake.records.values()] == ["www"]
    assert ("em0", "10.0.0.9") not in run.fake.addresses


def test_a_jail_that_came_to_life_meanwhile_is_left_alone() -> None:
    run = begun("-c www")
    host = run.fake.host()
    holder = run.fake.records[1].holder
    assert holder is not None
    run.fake.living.discard(holder)

    class Containers:
        """Finds the jail alive from the second look on."""

        def __init__(self) -> None:
            self.looks = 0

        def is_alive(self, _record: object) -> bool:
            self.looks += 1
            return self.looks > 1

    said = io.StringIO()
    recover(replace(host, containers=Containers()), Notes(said, said))  # type: ignore[arg-type]
    assert run.fake.records[1].maker is None
    assert run.fake.records[1].aliases
    assert said.getvalue() == ""


def test_records_have_the_daemon_that_has_the_addresses() -> None:
    run = begun("-c www")
    assert run.fake.records[1].control == "/run/carpio/control.sock"
