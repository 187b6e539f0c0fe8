"""Commands of a jail: as whom, where, with which variables; never a passphrase in a child."""

from __future__ import annotations

import io
from contextlib import nullcontext

import pytest
from tests.helpers.fake_jails import FakeJails

from carpio.jail.judge import Setpoint
from carpio.jail.notes import Notes
from carpio.jail.ports import Command, Record
from carpio.jail.steps import Run, RunWords
from carpio.jail.worker import StepError, Worker

RECORD = Record(jid=3, name="www", path="/jails/www", values={}, holder=None, is_persistent=True)
ENVIRON = {"PATH": "/bin", "TERM": "vt100", "X": "y"}


def ran(step: Run | RunWords, **values: Setpoint) -> tuple[FakeJails, str]:
    """Run a step with some parameters; return the host and what was said."""
    fake, said = FakeJails(), io.StringIO()
    parameters = {name.replace("__", "."): value for name, value in values.items()}
    host = fake.host(ENVIRON)
    worker = Worker(host, Notes(said, said), nullcontext, "www", parameters)
    worker.run(step, RECORD, path=RECORD.path, name=RECORD.name)
    return fake, said.getvalue()


def command_of(step: Run | RunWords, **values: Setpoint) -> Command:
    (command,) = ran(step, **values)[0].commands_run
    return command


def test_on_the_host_it_is_the_user_of_the_host() -> None:
    step = Run(parameter="exec.prestart", value="make x")
    command = command_of(step, exec__system_user="op", exec__jail_user="web", exec__timeout=7)
    assert (command.user, command.timeout_s, command.record) == ("op", 7, None)
    assert (command.directory, command.output, command.is_clean) == (None, None, False)


def test_in_the_jail_it_is_the_user_of_the_jail() -> None:
    step = Run(parameter="exec.start", value="make x", is_in_jail=True)
    command = command_of(
        step,
        exec__system_user="op",
        exec__jail_user="web",
        exec__system_jail_user=True,
        exec__consolelog="/log",
        exec__timeout=7,
    )
    assert (command.user, command.is_host_user, command.timeout_s) == ("web", True, 7)
    assert (command.directory, command.output, command.record) == ("/", "/log", RECORD)


def test_a_clean_command_has_few_variables() -> None:
    command = command_of(Run(parameter="exec.start", value="x", is_in_jail=True), exec__clean=True)
    assert command.is_clean
    assert command.environment == {"PATH": "/bin:/usr/bin", "TERM": "vt100"}
    host = command_of(Run(parameter="exec.prestart", value="x"), exec__clean=True)
    assert host.environment["X"] == "y"


def test_words_are_one_call_in_the_jail() -> None:
    command = command_of(RunWords(argv=("sh", "-c", "a; b", "")))
    assert command.argv == ("sh", "-c", "a; b", "")
    assert command.record is RECORD


def test_ifconfig_is_called_here_unless_as_somebody_else() -> None:
    step = Run(parameter="exec.prestart", value="/sbin/ifconfig em0 vhid 1 pass s3cret")
    fake, said = ran(step)
    assert (fake.log, fake.commands_run, said) == (["ifconfig em0 vhid 1 pass s3cret"], [], "")
    fake, said = ran(step, exec__system_user="op")
    (command,) = fake.commands_run
    assert command.argv[0] == "/opt/carpio/libexec/carpio/ifconfig"
    assert "the passphrase is in the list of processes" in said
    assert "s3cret" not in said


def test_what_cannot_be_begun_has_failed() -> None:
    fake, said = FakeJails(refused={"host: nothing"}), io.StringIO()
    worker = Worker(fake.host(), Notes(said, said), nullcontext, "www", {})
    with pytest.raises(StepError):
        worker.run(Run(parameter="exec.prestart", value="nothing"), None, path="/", name="www")
    assert said.getvalue() == "jail: www: refused here\njail: www: nothing: failed\n"


def test_commands_and_steps_do_not_show_what_they_run() -> None:
    step = Run(parameter="exec.prestart", value="x pass s3cret")
    assert "s3cret" not in repr(step)
    assert "s3cret" not in repr(RunWords(argv=("s3cret",)))
    assert "s3cret" not in repr(command_of(step))
