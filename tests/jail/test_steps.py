"""Steps in order; what they do is in the transcripts."""

from __future__ import annotations

import pytest

from carpio.jail.resolve import Jail, Setting
from carpio.jail.steps import (
    DropAliases,
    GiveInterface,
    LetGo,
    Make,
    Run,
    RunWords,
    SettleAliases,
    Terminate,
    Unmake,
    creation_steps,
    needs_persistence,
    removal_steps,
)
from carpio.jail.wanted import Wanted, wanted_of


def wanted(*settings: tuple[str, ...], label: str = "www") -> Wanted:
    given = tuple(Setting(name, tuple(values)) for name, *values in settings)
    return wanted_of(Jail(name=label, settings=given)).wanted


def test_a_jail_that_only_persists_is_made() -> None:
    assert creation_steps(wanted(("persist",))) == (Make(),)


def test_addresses_that_nobody_adds_are_no_step() -> None:
    assert creation_steps(wanted(("persist",), ("ip4.addr", "10.0.0.1"))) == (Make(),)
    steps = creation_steps(wanted(("persist",), ("ip4.addr", "em0|10.0.0.1")))
    assert steps[1:] == (SettleAliases(), Make())


def test_interfaces_may_come_in_one_word() -> None:
    steps = creation_steps(wanted(("persist",), ("vnet.interface", "a,b c", "d")))
    assert steps[1:] == tuple(GiveInterface(interface=name) for name in "abcd")


def test_words_are_one_command_and_those_of_a_file_are_several() -> None:
    assert creation_steps(wanted(("command", "a", "b"), label="")) == (
        Make(), RunWords(argv=("a", "b")), LetGo(),
    )  # fmt: skip
    runs = [Run(parameter="command", value=value, is_in_jail=True) for value in "ab"]
    assert creation_steps(wanted(("command", "a", "b"))) == (Make(), *runs, LetGo())


@pytest.mark.parametrize("name", ["exec.start", "command", "exec.poststart"])
def test_a_jail_is_kept_until_its_commands_are_done(name: str) -> None:
    assert needs_persistence(wanted((name, "x")))
    assert not needs_persistence(wanted((name, "x"), ("persist",)))
    assert not needs_persistence(wanted(("exec.created", "x")))


def test_a_jail_that_is_gone_only_has_the_end() -> None:
    values = wanted(("exec.stop", "a"), ("exec.poststop", "b"), ("exec.release", "c")).values
    after = (
        Run(parameter="exec.poststop", value="b"),
        DropAliases(),
        Run(parameter="exec.release", value="c"),
    )
    assert removal_steps(values, is_gone=True) == after
    assert removal_steps(values, is_gone=False) == (
        Run(parameter="exec.stop", value="a", is_in_jail=True), Terminate(), Unmake(), *after,
    )  # fmt: skip
