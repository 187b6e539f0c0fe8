"""Removes one jail, or cleans up after one that is gone.

Until the jail itself is removed a failure leaves it running; after that everything else is still
tried. Only what is in its record is taken off interfaces: what others put there stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Final, assert_never

from carpio.errors import CarpioError
from carpio.jail.host import Host
from carpio.jail.judge import Setpoint
from carpio.jail.ledger import Ledger
from carpio.jail.notes import Notes
from carpio.jail.ports import MadeAlias, Record
from carpio.jail.steps import DropAliases, RemovalStep, Run, Terminate, Unmake, removal_steps
from carpio.jail.wanted import number_of
from carpio.jail.worker import StepError, Turn, Worker

__all__ = ["Removal", "end_of", "find_address", "take", "unmake"]

_STOP_TIMEOUT_S: Final = 10


def take(record: Record, host: Host) -> Record:
    """Let this process alone be at work on a jail; return its record as it is now.

    Raises CarpioError when another one is, or nothing is known of the jail any more.
    """
    with host.registry.locked():
        now = host.registry.find(str(record.jid))
        if now is None:
            raise CarpioError(f'"{record.name}" not found')
        if now.maker not in (None, host.me) and host.is_running(now.maker):
            raise CarpioError(
                f"{record.name}: another jail command (process {now.maker.pid}) is at work on it"
            )
        now = replace(now, maker=host.me)
        host.registry.put(now)
    return now


def find_address(host: Host, alias: MadeAlias) -> str | None:
    """Return on which interface an alias is now: its own one, or that of a group.

    Raises CarpioError when nobody can tell.
    """
    held = [one for one in host.interfaces.held() if one.address == alias.address]
    if any(one.interface == alias.interface for one in held):
        return alias.interface
    return next((one.interface for one in held if one.vhid is not None), None)


def unmake(ledger: Ledger, host: Host, notes: Notes, label: str) -> None:
    """Remove a jail with all its processes, those below it, and give its interfaces back.

    Raises CarpioError, OSError.
    """
    record = ledger.record
    for child in _below(record, host):
        _unmake_child(child, host, notes)
    for interface in reversed(record.interfaces):
        try:
            host.containers.take_interface(record, interface)
        except (CarpioError, OSError) as error:
            notes.remark(label, f"vnet.interface: {error}")
    host.containers.destroy(record)
    ledger.put(replace(record, holder=None, interfaces=()))


def _below(record: Record, host: Host) -> list[Record]:
    """Return the jails directly below one, the last first."""
    depth = record.name.count(".") + 1
    return [
        each
        for each in reversed(list(host.registry.records()))
        if each.name.startswith(f"{record.name}.") and each.name.count(".") == depth
    ]


def _unmake_child(record: Record, host: Host, notes: Notes) -> None:
    ledger = Ledger(host.registry, take(record, host))
    unmake(ledger, host, notes, record.name)
    notes.detail(record.name, "removed")
    worker = Worker(host, notes, nullcontext, record.name, {})
    for alias in reversed(ledger.record.aliases):
        worker.take_off(ledger, alias)
    end_of(ledger)


def end_of(ledger: Ledger) -> bool:
    """Be at work on a jail no longer; forget it if it is gone and nothing of it is left."""
    if ledger.record.aliases or ledger.record.holder is not None:
        ledger.put(replace(ledger.record, maker=None))
        return False
    ledger.drop()
    return True


class Removal:
    """The removal of one jail."""

    def __init__(
        self,
        record: Record | None,
        values: Mapping[str, Setpoint] | None,
        host: Host,
        notes: Notes,
        turn: Turn,
        *,
        label: str,
        path: str = "",
        is_told: bool = True,
    ) -> None:
        """`values` are those of the file, None for removal at once.

        Without a record, or with that of a jail that is gone, the rest is cleaned up.
        """
        self._host, self._notes, self._label = host, notes, label
        self._values = values if values is not None else {}
        self._record = record
        self._path, self._is_told = path, is_told
        self._worker = Worker(host, notes, turn, label, self._values)
        self._is_good = True
        self._ledger: Ledger | None = None

    def run(self) -> bool:
        """Remove the jail and return whether all went well; what goes wrong is told.

        An interrupt is a failure as well, and raised again at the end.
        """
        try:
            if self._record is not None:
                self._record = take(self._record, self._host)
                self._ledger = Ledger(self._host.registry, self._record)
        except (CarpioError, OSError) as error:
            self._notes.remark("", str(error))
            return False
        is_gone = self._record is None or not self._host.containers.is_alive(self._record)
        if is_gone and self._ledger is not None:
            self._host.containers.destroy(self._ledger.record)
            self._ledger.put(replace(self._ledger.record, holder=None, interfaces=()))
        interrupt: KeyboardInterrupt | None = None
        for step in removal_steps(self._values, is_gone=is_gone):
            try:
                self._take(step)
            except (CarpioError, OSError, KeyboardInterrupt) as error:
                interrupt = error if isinstance(error, KeyboardInterrupt) else interrupt
                self._fail(error)
                if not is_gone:
                    break
            is_gone = is_gone or isinstance(step, Unmake)
        if self._ledger is not None:
            self._is_good = end_of(self._ledger) and self._is_good
        if interrupt is not None:
            raise interrupt
        return self._is_good

    def _fail(self, error: BaseException) -> None:
        self._is_good = False
        if not isinstance(error, StepError):
            text = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            self._notes.remark(self._label, text)

    def _take(self, step: RemovalStep) -> None:
        """Take one step. Raises CarpioError, OSError."""
        record = self._ledger.record if self._ledger is not None else None
        match step:
            case Run():
                path = record.path if record is not None else self._path
                name = record.name if record is not None else self._label
                self._worker.run(step, record, path=path, name=name)
            case Terminate():
                if record is not None:
                    self._terminate(record)
            case Unmake():
                if self._ledger is not None:
                    unmake(self._ledger, self._host, self._notes, self._label)
                tell = self._notes.note if self._is_told else self._notes.detail
                tell(self._label, "removed")
            case DropAliases():
                self._drop_aliases()
            case _:
                assert_never(step)

    def _terminate(self, record: Record) -> None:
        of_record = number_of(record.values, "stop.timeout", _STOP_TIMEOUT_S)
        timeout_s = number_of(self._values, "stop.timeout", of_record)
        if timeout_s > 0:
            pids = self._host.containers.terminate(record, timeout_s)
            if pids:
                text = " ".join(map(str, pids))
                self._notes.detail(self._label, f"sent SIGTERM to: {text}")

    def _drop_aliases(self) -> None:
        if self._ledger is None:
            return
        is_good = True
        for alias in reversed(self._ledger.record.aliases):
            is_good = self._drop_alias(self._ledger, alias) and is_good
        if not is_good:
            raise StepError

    def _drop_alias(self, ledger: Ledger, alias: MadeAlias) -> bool:
        if self._is_elsewhere(alias):  # a daemon that was restarted does not know it any more
            ledger.forget_alias(alias)
            text = f"{alias.address}: is not on {alias.interface} any more"
            self._notes.warn(self._label, text)
            return True
        return self._worker.take_off(ledger, alias)

    def _is_elsewhere(self, alias: MadeAlias) -> bool:
        with suppress(CarpioError):
            return find_address(self._host, alias) != alias.interface
        return False
