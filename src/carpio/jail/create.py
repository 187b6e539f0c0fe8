"""Makes one jail, step by step; when one fails, those before it are undone, the last first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from carpio.errors import CarpioError
from carpio.jail.addresses import AddressSetting
from carpio.jail.aliases import HeldAddress, same_address
from carpio.jail.holdback import attaching, is_plain, mentions, must_wait
from carpio.jail.host import Host
from carpio.jail.ledger import Ledger, made_alias
from carpio.jail.listing import quoted
from carpio.jail.mount_lines import words_of
from carpio.jail.notes import Notes
from carpio.jail.ports import MadeAlias, MountLine, Record, Stage
from carpio.jail.remove import end_of, find_address, unmake
from carpio.jail.steps import (
    AddAlias,
    CreationStep,
    GiveInterface,
    LetGo,
    Make,
    Mount,
    Run,
    RunWords,
    SettleAliases,
    creation_steps,
    needs_persistence,
)
from carpio.jail.wanted import Wanted, is_of_jail, texts_of
from carpio.jail.worker import StepError, Turn, Worker

__all__ = ["Creation"]


class Creation:
    """The making of one jail."""

    def __init__(
        self,
        wanted: Wanted,
        host: Host,
        notes: Notes,
        turn: Turn,
        *,
        on_made: Callable[[], None] = lambda: None,
    ) -> None:
        self._wanted, self._host, self._notes = wanted, host, notes
        self._label = wanted.label
        self._worker = Worker(host, notes, turn, wanted.label, wanted.values)
        self._on_made = on_made
        self._stage: Stage | None = None
        self._is_made = False
        self._before: Sequence[HeldAddress] | None = None
        """Addresses that were there before the first step; None when that is not known yet."""
        self._waiting: list[AddressSetting] = []
        self._ledger: Ledger

    @property
    def record(self) -> Record:
        """The record of the jail, once `run` was successful."""
        return self._ledger.record

    def run(self) -> bool:
        """Make the jail and return whether it was made; all that goes wrong is told.

        An interrupt is a failure as well, and raised again when all is undone.
        """
        done: list[CreationStep] = []
        try:
            self._begin()
        except (CarpioError, OSError) as error:
            self._tell(error)
            return False
        try:
            for step in creation_steps(self._wanted):
                self._take(step)
                done.append(step)
        except (CarpioError, OSError, KeyboardInterrupt) as error:
            self._tell(error)
            self._walk_back(done)
            if isinstance(error, KeyboardInterrupt):
                raise
            return False
        try:
            return self._end()
        except (CarpioError, OSError) as error:
            self._tell(error)
            return False

    def _tell(self, error: BaseException) -> None:
        if not isinstance(error, StepError):
            text = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            self._notes.remark(self._label, text)

    # -- the record --------------------------------------------------------------------------

    def _begin(self) -> None:
        """Take name and number of the jail. Raises CarpioError, OSError."""
        wanted, registry = self._wanted, self._host.registry
        self._host.containers.check(wanted.values)
        parent = wanted.name.rpartition(".")[0]
        with registry.locked():
            above = registry.find(parent) if parent else None
            if parent and (above is None or not self._host.containers.is_alive(above)):
                raise CarpioError(f'jail "{parent}" not found')
            record = registry.reserve(wanted.name, wanted.jid, wanted.path)
            values = {
                name: value
                for name, value in wanted.values.items()
                if not name.startswith("exec.") and name not in ("command", "jid", "name", "path")
            }
            record = replace(
                record,
                values={"jid": record.jid, "name": record.name, "path": record.path, **values},
                is_persistent=wanted.is_lasting or needs_persistence(wanted),
                maker=self._host.me,
                control=self._host.control,
            )
            registry.put(record)
        self._ledger = Ledger(registry, record)

    def _end(self) -> bool:
        """Be at work on the jail no longer; if it is gone, so is all that was made for it.

        Return whether nothing is left that should not be. Raises CarpioError, OSError.
        """
        if self._host.containers.is_alive(self.record):
            self._ledger.put(replace(self.record, maker=None))
            return True
        self._notes.detail(self._label, "has no processes any more")
        self._host.containers.destroy(self.record)
        for alias in reversed(self.record.aliases):
            self._take_off(alias)
        self._ledger.put(replace(self.record, holder=None))
        return end_of(self._ledger)

    # -- steps -------------------------------------------------------------------------------

    def _take(self, step: CreationStep) -> None:
        """Take one step. Raises CarpioError, OSError."""
        match step:
            case Run() | RunWords():
                if isinstance(step, Run) and step.parameter == "exec.prepare":
                    self._look_before()
                record = self.record
                self._worker.run(step, record, path=record.path, name=record.name)
            case AddAlias(setting=setting):
                self._add_alias(setting)
            case Mount(line=line):
                self._mount(line)
            case SettleAliases(after=parameter):
                self._settle(parameter)
            case Make():
                self._make()
            case GiveInterface(interface=interface):
                self._give(interface)
            case LetGo():
                self._notes.detail(
                    self._label, f"jail_set(JAIL_UPDATE) jid={self.record.jid} nopersist"
                )
                self._ledger.put(self._host.containers.set_persistent(self.record, False))
            case _:
                assert_never(step)

    def _mount(self, line: MountLine) -> None:
        shown = " ".join(words_of(line))
        with self._worker.turn():
            self._notes.detail(self._label, f"run command: {shown}")
            try:
                self._staged().mount(line)
            except (CarpioError, OSError) as error:
                self._notes.remark(self._label, f"{line.parameter}: {error}")
                self._notes.remark(self._label, f"{shown}: failed")
                raise StepError from error

    def _staged(self) -> Stage:
        """Return the stage, which is begun by the first that needs it. Raises PlatformError."""
        if self._stage is None:
            self._stage = self._host.containers.stage(self._wanted.values, self._wanted.path)
        return self._stage

    def _make(self) -> None:
        items = [(name, value) for name, value in self.record.values.items() if is_of_jail(name)]
        shown = " ".join(map(_parameter_text, items))
        self._notes.detail(self._label, f"jail_set(JAIL_CREATE) {shown}")
        record = self._staged().create(self.record)
        self._is_made = True
        try:
            self._ledger.put(record)
        except (CarpioError, OSError, KeyboardInterrupt):
            self._host.containers.destroy(record)  # nobody else knows of it
            raise
        self._on_made()
        self._notes.created(self._label, self.record.jid)

    def _give(self, interface: str) -> None:
        before = self.record.interfaces
        self._ledger.put(replace(self.record, interfaces=(*before, interface)))
        self._notes.detail(self._label, f"vnet.interface: {interface}")
        try:
            self._host.containers.give_interface(self.record, interface)
        except CarpioError:
            self._ledger.put(replace(self.record, interfaces=before))
            raise

    # -- addresses ---------------------------------------------------------------------------

    def _look_before(self) -> None:
        """Remember what addresses there are before anything is done."""
        if self._before is None and any(map(is_plain, self._wanted.addresses)):
            try:
                self._before = self._host.interfaces.held()
            except CarpioError:
                self._before = ()  # the daemon may be started by what comes now

    def _add_alias(self, setting: AddressSetting) -> None:
        """Make an alias, or hold it back. Raises CarpioError."""
        prestart = texts_of(self._wanted.values, "exec.prestart")
        if is_plain(setting):
            now = self._host.interfaces.held()
            if self._before is None:
                self._before = now
            prepare = texts_of(self._wanted.values, "exec.prepare")
            addresses = {one.address for one in now if one.vhid is not None}
            later = self._attaching(setting)
            if later is not None:
                self._hold_back(setting, until=later)
                return
            if must_wait(setting, prepare=prepare, prestart=prestart, of_groups=addresses):
                self._hold_back(setting, until="exec.prestart" if prestart else None)
                return
        self._worker.put_on(self._ledger, setting)

    def _attaching(self, setting: AddressSetting) -> str | None:
        return attaching(setting, lambda parameter: texts_of(self._wanted.values, parameter))

    def _hold_back(self, setting: AddressSetting, *, until: str | None) -> None:
        if until is not None:
            text = f"{setting.address}: held back until {until} is done"
            self._notes.warn(self._label, text)
        self._waiting.append(setting)
        if not self._was_there(setting):
            self._ledger.expect_alias(made_alias(setting))

    def _settle(self, parameter: str) -> None:
        """See to the addresses that were held back until a parameter. Raises CarpioError."""
        due = [s for s in self._waiting if (self._attaching(s) or "exec.prestart") == parameter]
        now = self._host.interfaces.held() if due else ()
        for setting in due:
            found = _in_group(setting, now)
            if found is None:
                self._worker.put_on(self._ledger, setting)
            else:
                where = f"vhid {found.vhid}@{found.interface}"
                self._notes.note(self._label, f"{setting.address}: attached to {where}")
                there = made_alias(setting, found.interface)
                if self._is_ours(setting) or self._ledger.is_used_elsewhere(there):
                    self._ledger.expect_alias(there, instead_of=made_alias(setting))
            self._waiting.remove(setting)

    def _is_ours(self, setting: AddressSetting) -> bool:
        """Return whether it was a command of this jail that gave an address to a group."""
        values = self._wanted.values
        parameters = ("exec.prepare", "exec.prestart", "exec.created", "exec.poststart")
        commands = [value for each in parameters for value in texts_of(values, each)]
        was_of_group = _in_group(setting, self._before or ()) is not None
        return not was_of_group or mentions(commands, setting.address)

    def _was_there(self, setting: AddressSetting) -> bool:
        """Return whether an address was on its interface, or of a group, before the first step."""
        before = self._before or ()
        here = (setting.interface, same_address(setting.address))
        return _in_group(setting, before) is not None or any(
            (one.interface, one.address) == here for one in before
        )

    # -- undoing -----------------------------------------------------------------------------

    def _walk_back(self, done: list[CreationStep]) -> None:
        """Undo what was done, the last first, and forget the jail when nothing of it is left."""
        for step in reversed(done):
            try:
                self._undo(step)
            except (CarpioError, OSError) as error:
                self._tell(error)
        if self._stage is not None:
            self._stage.discard()
        end_of(self._ledger)

    def _undo(self, step: CreationStep) -> None:
        match step:
            case Run() | RunWords() | SettleAliases() | LetGo():
                pass
            case GiveInterface():
                pass  # it comes back with the removal of the jail, which is next
            case AddAlias(setting=setting):
                self._undo_alias(setting)
            case Mount() if self._is_made:
                pass  # it is the jail's, and goes with it
            case Mount(line=line):
                self._notes.detail(self._label, f"run command: umount {line.point}")
                self._staged().unmount(line)
            case Make():
                unmake(self._ledger, self._host, self._notes, self._label)
                self._notes.note(self._label, "removed")
            case _:
                assert_never(step)

    def _undo_alias(self, setting: AddressSetting) -> None:
        address = same_address(setting.address)
        for alias in reversed(self.record.aliases):
            if alias.address == address:
                if setting in self._waiting:
                    self._undo_waiting(alias)
                else:
                    self._take_off(alias)

    def _undo_waiting(self, alias: MadeAlias) -> None:
        """Take off an address that was held back, if exec.prestart has put it somewhere."""
        place = find_address(self._host, alias)
        if place is None:
            self._ledger.forget_alias(alias)
            return
        there = replace(alias, interface=place, down=(alias.down[0], place, *alias.down[2:]))
        self._ledger.expect_alias(there, instead_of=alias)
        self._take_off(there)

    def _take_off(self, alias: MadeAlias) -> bool:
        return self._worker.take_off(self._ledger, alias)


def _in_group(setting: AddressSetting, held: Sequence[HeldAddress]) -> HeldAddress | None:
    """Return where an address is in a group."""
    address = same_address(setting.address)
    return next((one for one in held if one.vhid is not None and one.address == address), None)


def _parameter_text(item: tuple[str, object]) -> str:
    name, value = item
    match value:
        case True:
            return name
        case False:
            front, dot, last = name.rpartition(".")
            return f"{front}{dot}no{last}"
        case tuple():
            return f"{name}={','.join(map(quoted, value))}"
        case _:
            return f"{name}={quoted(str(value))}"
