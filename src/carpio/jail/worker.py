"""Runs the commands of one jail: as children, or calls of ifconfig in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias, assert_never

from carpio.errors import CarpioError
from carpio.jail import environment
from carpio.jail.addresses import AddressSetting
from carpio.jail.aliases import Called
from carpio.jail.host import Host
from carpio.jail.invoke import Invocation, in_jail, of_argv, on_host
from carpio.jail.judge import Setpoint
from carpio.jail.ledger import Ledger, made_alias
from carpio.jail.notes import Notes
from carpio.jail.passphrases import masked_words, mentions_passphrase
from carpio.jail.ports import Command, Ending, MadeAlias, Outcome, Record
from carpio.jail.steps import Run, RunWords
from carpio.jail.wanted import number_of, text_of

__all__ = ["StepError", "Turn", "Worker"]

Turn: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Returns what a command waits for, so that no more than a limit run at once."""


class StepError(CarpioError):
    """A step that failed and was told about."""


class Worker:
    """Runs commands for one jail and tells what becomes of them."""

    def __init__(
        self, host: Host, notes: Notes, turn: Turn, label: str, values: Mapping[str, Setpoint]
    ) -> None:
        self._host, self._notes, self.turn = host, notes, turn
        self._label, self._values = label, values
        self._timeout_s = number_of(values, "exec.timeout", 0)

    def run(self, step: Run | RunWords, record: Record | None, *, path: str, name: str) -> None:
        """Run a command to its end. Raises StepError."""
        about = {"JNAME": name, "JPATH": path}
        if record is not None:
            about = {"JID": str(record.jid), **about}
        match step:
            case Run(is_in_jail=False):
                self._on_host(step, about)
            case Run():
                self._in_jail(in_jail(step.value), step.parameter, record, about)
            case RunWords():
                self._in_jail(of_argv(step.argv), "command", record, about)
            case _:
                assert_never(step)

    def _on_host(self, step: Run, about: Mapping[str, str]) -> None:
        invocation = on_host(step.value, self._host.links)
        user = text_of(self._values, "exec.system_user") or None
        if invocation.ifconfig is not None and user is None:
            with self.turn():
                if not self._ifconfig(invocation.ifconfig, invocation.shown):
                    raise StepError
            return
        variables = environment.for_host(self._host.environ, self._host.links, about)
        command = Command(
            argv=invocation.argv,
            environment=variables,
            user=user,
            timeout_s=self._timeout_s,
            is_background=invocation.is_background,
        )
        self._child(command, invocation, step.parameter)

    def _in_jail(
        self,
        invocation: Invocation,
        parameter: str,
        record: Record | None,
        about: Mapping[str, str],
    ) -> None:
        values = self._values
        is_clean = values.get("exec.clean") is True
        command = Command(
            argv=invocation.argv,
            record=record,
            environment=environment.for_jail(self._host.environ, about, is_clean=is_clean),
            user=text_of(values, "exec.jail_user") or None,
            is_host_user=values.get("exec.system_jail_user") is True,
            directory="/",
            timeout_s=self._timeout_s,
            is_background=invocation.is_background,
            output=text_of(values, "exec.consolelog") or None,
            is_clean=is_clean,
        )
        self._child(command, invocation, parameter)

    def _child(self, command: Command, invocation: Invocation, parameter: str) -> None:
        """Run a command as a process of its own. Raises StepError."""
        place = " in jail" if command.record is not None else ""
        user = f" as {command.user}" if command.user else ""
        if any(map(mentions_passphrase, command.argv)):
            self._notes.warn_once(
                self._label,
                f"{parameter}: the passphrase is in the list of processes while this runs: "
                f"{invocation.shown}",
                "passphrase",
            )
        with self.turn():
            self._notes.detail(self._label, f"run command{place}{user}: {invocation.shown}")
            try:
                outcome = self._host.commands.run(command)
            except (CarpioError, OSError) as error:
                self._notes.remark(self._label, str(error))
                outcome = Outcome(ending=Ending.DONE, number=1)
        if not outcome.is_good:
            self._notes.remark(self._label, f"{invocation.shown}: {_ending_text(outcome)}")
            raise StepError

    # -- addresses ---------------------------------------------------------------------------

    def put_on(self, ledger: Ledger, setting: AddressSetting) -> None:
        """Put an address on its interface. Raises StepError."""
        words = setting.up()
        shown = " ".join(masked_words(words))
        with self.turn():  # before the lock, which is everybody's
            if not ledger.add_alias(made_alias(setting), lambda: self._ifconfig(words[1:], shown)):
                raise StepError

    def take_off(self, ledger: Ledger, alias: MadeAlias) -> bool:
        """Take an address off unless another jail uses it; return whether that went well."""
        is_used = True

        def call(one: MadeAlias) -> bool:
            nonlocal is_used
            is_used = False
            return self._ifconfig(one.down[1:], " ".join(one.down))

        with self.turn():
            is_done = ledger.drop_alias(alias, call)
        if is_used:
            text = f"{alias.address}: stays on {alias.interface}, where another jail uses it"
            self._notes.detail(self._label, text)
        return is_done

    def _ifconfig(self, words: Sequence[str], shown: str) -> bool:
        self._notes.detail(self._label, f"run command: {shown}")
        called = self._host.interfaces.ifconfig(words, self._timeout_s)
        self._notes.output(called.output)
        if called.is_good:
            for text in called.texts:
                self._notes.warn(self._label, text)
            return True
        self._tell(called, shown)
        return False

    def _tell(self, called: Called, shown: str) -> None:
        for text in called.texts:
            self._notes.remark(self._label, text)
        ending = "timed out" if called.is_timed_out else "failed"
        self._notes.remark(self._label, f"{shown}: {ending}")


def _ending_text(outcome: Outcome) -> str:
    match outcome.ending:
        case Ending.DONE | Ending.LEFT_RUNNING:
            return "failed"
        case Ending.SIGNALLED:
            return f"exited on signal {outcome.number}"
        case Ending.TIMED_OUT:
            return "timed out"
        case _:
            assert_never(outcome.ending)
