"""Carries out the forms of the command line: which jails are meant, and what is done to each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from enum import Enum, unique
from typing import TextIO

from carpio.jail.cmdline import FromFile, FromWords, Options, Remove
from carpio.jail.entries import Entry, entries_of, living, named, record_of
from carpio.jail.host import Host
from carpio.jail.jobs import Maker, Remover, Target, problems_of_dependencies
from carpio.jail.listing import quoted
from carpio.jail.modify import Modification, differences
from carpio.jail.notes import Notes
from carpio.jail.parameters import parameter
from carpio.jail.ports import Record
from carpio.jail.recover import recover
from carpio.jail.resolve import Jail, is_wildcard, matches
from carpio.jail.schedule import Job, Schedule
from carpio.jail.wanted import checked

__all__ = ["Carrier"]


class Carrier:
    """Carries out one command."""

    def __init__(self, host: Host, notes: Notes, options: Options) -> None:
        self._host, self._notes, self._options = host, notes, options
        self._records: TextIO | None = None
        """Where lines about created jails go."""

    # -- creating, changing, restarting ------------------------------------------------------

    def from_words(self, form: FromWords) -> bool:
        """Do what a command line says about one jail; return whether all went well."""
        entry = entries_of([form.jail])[0]
        recover(self._host, self._notes)
        problems = problems_of_dependencies(entry, self._host)
        for problem in problems:
            self._notes.remark("", problem)
        if problems:
            return False
        wanted = replace(entry.wanted, values={**entry.wanted.values, "depend": ()})
        alone = replace(entry, checked=replace(entry.checked, wanted=wanted))
        return self._act([alone], [alone], form.operations, is_named=True)

    def from_file(self, form: FromFile, jails: Sequence[Jail]) -> bool:
        """Do what a file says about its jails; return whether all went well."""
        entries = entries_of(jails)
        chosen = entries if form.jail is None else named(entries, form.jail)
        names = {entry.wanted.name for entry in chosen} if self._options.cleans else set()
        recover(self._host, self._notes, but_for=names)
        if form.jail is not None and not chosen:
            return self._fail(f'"{form.jail}" not found')
        if not form.operations:
            return self._clean(chosen)
        is_named = form.jail is not None and not is_wildcard(form.jail)
        return self._act(entries, chosen, form.operations, is_named=is_named)

    def _act(
        self, entries: Sequence[Entry], chosen: Sequence[Entry], operations: str, *, is_named: bool
    ) -> bool:
        """Create, change or restart each; return whether all went well."""
        with self._record_file():
            makes: list[Entry] = []
            restarts: list[Target] = []
            is_good = True
            for entry in chosen:
                record = record_of(self._host, entry.wanted)
                match _act_of(operations, is_there=record is not None, is_named=is_named):
                    case _Act.MAKE:
                        makes.append(entry)
                    case _Act.MODIFY if record is not None:
                        is_changed, needs_restart = self._modify(entry, record, operations)
                        is_good = is_changed and is_good
                        restarts += [_restart(entry, record)] if needs_restart else []
                    case _Act.RESTART if record is not None:
                        restarts.append(_restart(entry, record))
                    case _ if record is not None:
                        is_good = self._fail(f'"{entry.label or record.name}" already exists')
                    case _:
                        is_good = self._fail(self._missing(entry))
            return self._run(self._jobs(entries, makes, restarts)) and is_good

    def _jobs(
        self, entries: Sequence[Entry], makes: Sequence[Entry], restarts: Sequence[Target]
    ) -> list[Job]:
        """Return what makes and restarts; what depends on the latter is restarted as well."""
        remover = Remover(self._host, self._notes, entries)
        removals = remover.with_dependents(restarts)
        stops = remover.jobs(removals)
        again = [one.entry for one in removals if one.entry is not None]
        maker = Maker(
            entries,
            self._host,
            self._notes,
            cleans=self._options.cleans,
            on_created=self._write_record,
        )
        return [*stops, *maker.jobs([*makes, *again], stops)]

    def _missing(self, entry: Entry) -> str:
        name = entry.label or entry.wanted.name or str(entry.wanted.jid or "")
        return f'"{name}" not found' if name else "no jail specified"

    def _modify(self, entry: Entry, record: Record, operations: str) -> tuple[bool, bool]:
        """Change a jail; return whether that went well, and whether a restart has to do it."""
        now = checked(entry.checked, self._host.resolve, is_new=False)
        for text in now.warnings:
            self._notes.warn(entry.label, text)
        for text in now.problems:
            self._notes.remark(entry.label, text)
        if now.problems:
            return False, False
        may_restart = "r" in operations
        if may_restart and any(map(_is_fixed, differences(record, now.wanted))):
            return True, True
        modification = Modification(record, now.wanted, self._host, self._notes)
        is_good = modification.run(may_restart=may_restart)
        needs_restart = may_restart and modification.needs_restart
        return is_good or needs_restart, needs_restart

    # -- removing ----------------------------------------------------------------------------

    def remove(self, form: Remove, jails: Sequence[Jail] | None) -> bool:
        """Remove jails, with the commands of a file if there is one; return whether all is well."""
        entries = entries_of(jails or ())
        is_told = jails is not None or len(form.jails) > 1 or any(map(is_wildcard, form.jails))
        cleaned = {
            name for one in form.jails for entry in named(entries, one) for name in entry.names
        }
        recover(self._host, self._notes, but_for=cleaned if self._options.cleans else ())
        remover = Remover(self._host, self._notes, entries, is_told=is_told)
        targets: list[Target] = []
        rest: list[Entry] = []
        is_good = True
        for name in form.jails:
            found = self._running(name, entries)
            targets += [remover.target(one, is_at_once=form.is_at_once) for one in found]
            if self._options.cleans:
                gone = [e for e in named(entries, name) if record_of(self._host, e.wanted) is None]
                rest += [entry for entry in gone if entry not in rest]
            if not found and not rest and not is_wildcard(name):
                is_good = self._fail(f'"{name}" not found')
        jobs = remover.jobs(remover.with_dependents(targets))
        jobs += [self._cleaning(entry) for entry in reversed(rest)]
        return self._run(jobs) and is_good

    def _running(self, name: str, entries: Sequence[Entry]) -> list[Record]:
        """Return the jails that run and are meant by a name, number or wildcard."""
        if is_wildcard(name):
            return [
                record
                for record in self._host.registry.records()
                if matches(record.name, name) and self._host.containers.is_alive(record)
            ]
        record = living(self._host, name)
        for entry in named(entries, name):
            record = record or record_of(self._host, entry.wanted)
        return [record] if record is not None else []

    # -- cleaning up -------------------------------------------------------------------------

    def _clean(self, chosen: Sequence[Entry]) -> bool:
        """Clean up after jails that are gone."""
        is_good = True
        jobs = []
        for entry in reversed(chosen):
            if record_of(self._host, entry.wanted) is not None:
                is_good = self._fail(f'"{entry.label}" is running')
            else:
                jobs.append(self._cleaning(entry))
        return self._run(jobs) and is_good

    def _cleaning(self, entry: Entry) -> Job:
        remover = Remover(self._host, self._notes)
        return Job(label=entry.label, work=lambda turn, _made: remover.clean(entry, turn))

    # -- helpers -----------------------------------------------------------------------------

    def _run(self, jobs: Sequence[Job]) -> bool:
        return Schedule(jobs, self._notes, self._options.limit).run()

    def _fail(self, text: str) -> bool:
        self._notes.remark("", text)
        return False

    def _record_file(self) -> TextIO | nullcontext[None]:
        """Open the file for the lines of created jails. Raises OSError."""
        if self._options.record_file is None:
            return nullcontext()
        self._records = open(self._options.record_file, "w", encoding="utf-8")  # noqa: SIM115
        return self._records

    def _write_record(self, record: Record) -> None:
        if self._records is not None:
            pairs = {"jid": str(record.jid), "name": record.name, "path": record.path}
            line = "\t".join(f"{name}={quoted(value)}" for name, value in pairs.items())
            self._records.write(f"{line}\n")
            self._records.flush()


@unique
class _Act(Enum):
    """What a command does about a jail."""

    MAKE = "make"
    MODIFY = "modify"
    RESTART = "restart"
    NOTHING = "nothing"


def _act_of(operations: str, *, is_there: bool, is_named: bool) -> _Act:
    """Return what letters of c, m, r mean for a jail that is there or not."""
    if is_there:
        if "m" in operations:
            return _Act.MODIFY
        return _Act.RESTART if "r" in operations else _Act.NOTHING
    is_only_restart = "r" in operations and "m" not in operations
    if "c" not in operations or (is_only_restart and is_named):
        return _Act.NOTHING
    return _Act.MAKE


def _restart(entry: Entry, record: Record) -> Target:
    return Target(label=entry.label, record=record, entry=entry)


def _is_fixed(name: str) -> bool:
    known = parameter(name)
    return known is not None and known.is_create_only
