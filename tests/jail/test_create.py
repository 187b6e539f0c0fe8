"""Making a jail when something fails: at every single step, exactly what came before is undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.fake_jails import FakeJails
from tests.helpers.jail_runs import FakeRun

from carpio.jail.ports import Ending, Outcome

ADDRESSED = """
www {
    path = "/"; interface = "em0"; ip4.addr = "10.0.0.1/24", "em1|10.0.0.2 vhid 1 pass x";
    ip4.addr += 10.0.0.3, 10.0.0.4; ip6.addr = 2001:db8::1/64;
    mount = "/a /srv/a none"; mount.devfs; mount.procfs;
    exec.prepare = "prepare";
    exec.prestart = "ifconfig em0 vhid 3 pass x 10.0.0.3/32 alias", "prestart";
    exec.created = "created"; exec.start = "start"; exec.poststart = "poststart";
    exec.poststop = "poststop"; exec.release = "release";
}
"""
VNET = """
www {
    path = "/"; persist; vnet; vnet.interface = e0, e1; mount.devfs;
    exec.prepare = "prepare"; exec.prestart = "prestart";
    exec.created = "created"; exec.start = "start"; exec.poststart = "poststart";
}
"""
FILES = {"addressed": ADDRESSED, "vnet": VNET}
UNDONE = {
    "ifconfig em0 inet 10.0.0.1/24 alias": "ifconfig em0 inet 10.0.0.1/24 -alias",
    "ifconfig em1 inet 10.0.0.2 netmask 255.255.255.255 vhid 1 pass x alias": (
        "ifconfig em1 inet 10.0.0.2 netmask 255.255.255.255 -alias"
    ),
    "ifconfig em0 inet6 2001:db8::1/64 alias": "ifconfig em0 inet6 2001:db8::1/64 -alias",
    "ifconfig em0 vhid 3 pass x 10.0.0.3/32 alias": (
        "ifconfig em0 inet 10.0.0.3 netmask 255.255.255.255 -alias"
    ),
    "ifconfig em0 inet 10.0.0.4 netmask 255.255.255.255 alias": (
        "ifconfig em0 inet 10.0.0.4 netmask 255.255.255.255 -alias"
    ),
    "mount /srv/a": "unmount /srv/a",
    "mount /dev": "unmount /dev",
    "mount /proc": "unmount /proc",
    "create www": "destroy www",
    "give www: e0": "take www: e0",
    "give www: e1": "take www: e1",
}
"""By what was done what undoes it; all else has no undo."""


def prepared() -> FakeRun:
    fake = FakeJails()
    fake.processes[1] = [500]
    return FakeRun(fake)


def create(run: FakeRun, text: str, *options: str) -> int:
    run.stdin = text
    status, _ = run.jail("-f", "-", "-c", *options, "www")
    return status


def length(name: str) -> int:
    run = prepared()
    assert create(run, FILES[name]) == 0
    return len(run.fake.log)


def expected_undo(done: list[str]) -> list[str]:
    """Return what must follow a failure after these operations."""
    undo = [UNDONE[one] for one in reversed(done) if one in UNDONE]
    if "create www" in done:  # mounts go with the jail
        undo = [one for one in undo if not one.startswith("unmount")]
    addresses = [one for one in undo if one.startswith("ifconfig")]
    by_list = ("10.0.0.1/24", "10.0.0.2 ", "10.0.0.3 ", "10.0.0.4 ", "2001:")
    addresses.sort(key=lambda one: next(n for n, part in enumerate(by_list) if part in one))
    return [one for one in undo if not one.startswith("ifconfig")] + addresses[::-1]


STEPS = [(name, number) for name in FILES for number in range(length(name))]


@pytest.mark.parametrize(("name", "number"), STEPS)
def test_a_failure_undoes_what_was_done_and_nothing_else(name: str, number: int) -> None:
    good = prepared()
    create(good, FILES[name])
    run = prepared()
    run.fake.fail_at = number
    assert create(run, FILES[name]) == 1
    done = good.fake.log[:number]
    assert run.fake.log[:number] == done
    assert run.fake.log[number + 1 :] == expected_undo(done)
    assert not run.fake.records
    assert not run.fake.addresses
    assert not run.fake.vhids
    assert not run.fake.living
    assert "10.0.0.3" not in run.fake.was_plain
    assert ("! jail: www" in " ".join(run.fake.timeline)) == (number < len(good.fake.log))


def undo_of(name: str) -> list[str]:
    """Return what undoes all of a jail whose last command fails."""
    run = prepared()
    run.fake.outcomes["poststart"] = Outcome(ending=Ending.DONE, number=1)
    assert create(run, FILES[name]) == 1
    return run.fake.log[run.fake.log.index("host: poststart") + 1 :]


FROM_END = {"addressed": 1, "vnet": 0}
"""Operations of a good creation after the last command."""
UNDOS = [(name, number) for name in FILES for number in range(len(undo_of(name)))]


@pytest.mark.parametrize(("name", "number"), UNDOS)
def test_what_cannot_be_undone_is_told_and_the_rest_is_still_undone(name: str, number: int) -> None:
    run = prepared()
    run.fake.outcomes["poststart"] = Outcome(ending=Ending.DONE, number=1)
    run.fake.fail_at = length(name) - FROM_END[name] + number
    assert create(run, FILES[name]) == 1
    assert run.fake.log[-len(undo_of(name)) :] == undo_of(name)
    assert f"> {undo_of(name)[number]}  # fails" in run.fake.timeline
    assert any(line.startswith("! jail: www: ") for line in run.fake.timeline[-10:])
    run.fake.fail_at = None
    run.stdin = ""
    run.jail("-f", "-", "-r", "*")
    assert not run.fake.addresses
    assert not run.fake.living
    assert not run.fake.records


def test_mounts_are_undone_one_by_one_before_there_is_a_jail() -> None:
    run = prepared()
    run.fake.outcomes["prestart"] = Outcome(ending=Ending.DONE, number=1)
    assert create(run, VNET) == 1
    assert run.fake.log == ["host: prepare", "mount /dev", "host: prestart", "unmount /dev"]


def test_commands_know_which_jail_they_are_about(tmp_path: Path) -> None:
    run = prepared()
    text = ADDRESSED.replace('path = "/"', f'path = "{tmp_path}"').replace("/srv", f"{tmp_path}")
    assert create(run, text) == 0
    about = {"JID": "1", "JNAME": "www", "JPATH": str(tmp_path)}
    assert run.fake.commands_run
    for command in run.fake.commands_run:
        assert about.items() <= command.environment.items()
        if command.record is None:
            assert command.environment["PATH"] == "/opt/carpio/libexec/carpio:/bin"
        else:
            assert command.environment["PATH"] == "/bin"
            assert command.directory == "/"


def test_what_is_kept_of_a_jail_has_no_passphrase_and_no_command() -> None:
    run = prepared()
    assert create(run, ADDRESSED) == 0
    (record,) = run.fake.records.values()
    assert record.values["ip4.addr"] == ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    assert record.values["ip6.addr"] == ("2001:db8::1",)
    assert record.values["name"] == "www"
    assert not [name for name in record.values if name.startswith("exec.")]
    assert "pass" not in repr(record)
    assert record.maker is None
    assert not record.is_persistent
    assert [alias.address for alias in record.aliases] == [
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::1",
    ]  # fmt: skip


def test_each_thing_is_recorded_before_it_is_made() -> None:
    run = prepared()
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        (record,) = run.fake.records.values()
        seen.append((record.name, any(one.address == "10.0.0.3" for one in record.aliases)))

    run.fake.effects["prestart"] = look
    assert create(run, ADDRESSED) == 0
    assert seen == [("www", True)]


def test_an_interrupted_command_undoes_what_was_done() -> None:
    run = prepared()

    def interrupt() -> None:
        raise KeyboardInterrupt

    run.fake.effects["start"] = interrupt
    assert create(run, ADDRESSED) == 1
    assert "! jail: www: interrupted" in run.fake.timeline
    assert not run.fake.records
    assert not run.fake.addresses
    assert not run.fake.living


def test_a_jail_that_cannot_be_recorded_is_not_left_running() -> None:
    run = prepared()
    run.fake.unrecorded.add("www")
    assert create(run, VNET) == 1
    assert run.fake.log[-2:] == ["create www", "destroy www"]
    assert not run.fake.living


def test_what_ifconfig_warns_about_is_told_unless_quiet() -> None:
    for options, count in (((), 1), (("-q",), 0)):
        run = prepared()
        run.fake.warnings.append("ifconfig: WARNING: strange")
        assert create(run, ADDRESSED, *options) == 0
        assert run.fake.timeline.count("! jail: www: ifconfig: WARNING: strange") == count


@pytest.mark.parametrize("parameter", ["exec.created", "exec.poststart"])
def test_an_address_that_a_later_command_attaches_is_never_there_without_its_vhid(
    parameter: str,
) -> None:
    text = f"""www {{
        persist; ip4.addr = "em0|10.0.0.1", "em0|10.0.0.2";
        {parameter} = "ifconfig em0 vhid 1 pass x alias 10.0.0.1/32";
    }}"""
    run = FakeRun(FakeJails(), stdin=text)
    status, said = run.jail("-f", "-", "-c", "www")
    assert status == 0
    assert f"! jail: www: 10.0.0.1: held back until {parameter} is done" in said
    assert "| www: 10.0.0.1: attached to vhid 1@em0" in said
    assert run.fake.was_plain == {"10.0.0.2"}
    assert run.fake.addresses == {("em0", "10.0.0.1"): 1, ("em0", "10.0.0.2"): None}
    assert run.jail("-f", "-", "-r", "www")[0] == 0
    assert not run.fake.addresses


def test_a_later_command_that_fails_to_attach_leaves_nothing() -> None:
    text = """www {
        persist; ip4.addr = "em0|10.0.0.1";
        exec.created = "ifconfig em0 vhid 1 pass x alias 10.0.0.1/32", fails;
    }"""
    run = FakeRun(FakeJails(), stdin=text)
    run.fake.outcomes["fails"] = Outcome(ending=Ending.DONE, number=1)
    assert run.jail("-f", "-", "-c", "www")[0] == 1
    assert not run.fake.addresses
    assert not run.fake.records
