"""What a command is to do about each jail, as jobs that know what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from carpio.jail.create import Creation
from carpio.jail.entries import Entry, in_loops, living, record_of
from carpio.jail.host import Host
from carpio.jail.notes import Notes
from carpio.jail.ports import Record
from carpio.jail.remove import Removal
from carpio.jail.schedule import Job
from carpio.jail.wanted import checked
from carpio.jail.worker import Turn

__all__ = ["Maker", "Remover", "Target", "problems_of_dependencies"]


class Maker:
    """Plans the creation of jails, and of what they depend on."""

    def __init__(
        self,
        entries: Sequence[Entry],
        host: Host,
        notes: Notes,
        *,
        cleans: bool = False,
        on_created: Callable[[Record], None] = lambda _record: None,
    ) -> None:
        """`cleans`: clean up before, after a jail that is gone."""
        self._entries = {entry.label: entry for entry in reversed(entries)}
        self._host, self._notes = host, notes
        self._cleans, self._on_created = cleans, on_created

    def jobs(self, chosen: Sequence[Entry], stops: Sequence[Job] = ()) -> list[Job]:
        """Return what makes the jails; each comes after the one of `stops` that removes it."""
        wanted = sorted(self._with_needed(chosen), key=lambda entry: entry.number)
        looping = set(map(id, in_loops(wanted, self._needed)))
        jobs = {
            entry.number: Job(
                label=entry.label,
                work=self._work(entry, self._problems(entry, is_in_loop=id(entry) in looping)),
            )
            for entry in wanted
        }
        for entry in wanted:
            job = jobs[entry.number]
            if id(entry) not in looping:
                job.needs += [jobs[n.number] for n in self._needed(entry) if n.number in jobs]
            above = entry.label.rpartition(".")[0]
            parent = self._entries.get(above) if above else None
            if parent is not None and parent.number in jobs:
                job.needs_made.append(jobs[parent.number])
            job.needs += [stop for stop in stops if stop.label == entry.label]
        return list(jobs.values())

    def _needed(self, entry: Entry) -> list[Entry]:
        """Return what an entry depends on and is in the file."""
        names = entry.wanted.depends
        return [self._entries[name] for name in names if name in self._entries]

    def _with_needed(self, chosen: Sequence[Entry]) -> list[Entry]:
        """Return the entries and all that must be made for them."""
        found = {entry.number: entry for entry in chosen}
        waiting = list(chosen)
        while waiting:
            for entry in self._needed(waiting.pop()):
                if entry.number not in found and record_of(self._host, entry.wanted) is None:
                    found[entry.number] = entry
                    waiting.append(entry)
        return list(found.values())

    def _problems(self, entry: Entry, *, is_in_loop: bool) -> list[str]:
        undefined = [name for name in entry.wanted.depends if name not in self._entries]
        problems = [f'depends on undefined jail "{name}"' for name in undefined]
        return [*problems, *(["dependency loop"] if is_in_loop else [])]

    def _work(
        self, entry: Entry, problems: Sequence[str]
    ) -> Callable[[Turn, Callable[[], None]], bool]:
        def work(turn: Turn, on_made: Callable[[], None]) -> bool:
            return self._make(entry, problems, turn, on_made)

        return work

    def _make(
        self, entry: Entry, problems: Sequence[str], turn: Turn, on_made: Callable[[], None]
    ) -> bool:
        """Make one jail and return whether it was made."""
        now = checked(entry.checked, self._host.resolve, is_new=True)
        for text in now.warnings:
            self._notes.warn(entry.label, text)
        for text in (*now.problems, *problems):
            self._notes.remark(entry.label, text)
        if now.problems or problems:
            return False
        record = record_of(self._host, now.wanted)
        if record is not None:
            self._notes.remark("", f'"{entry.label or record.name}" already exists')
            return False
        if self._cleans:
            rest = Remover(self._host, self._notes).clean(entry, turn)
            if not rest:
                return False
        creation = Creation(now.wanted, self._host, self._notes, turn, on_made=on_made)
        if not creation.run():
            return False
        self._on_created(creation.record)
        return True


def problems_of_dependencies(entry: Entry, host: Host) -> list[str]:
    """Return what is wrong with the dependencies of a jail that no file speaks of."""
    missing = [name for name in entry.wanted.depends if living(host, name) is None]
    return [f'depends on nonexistent jail "{name}"' for name in missing]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A jail that is to be removed."""

    label: str
    record: Record
    entry: Entry | None
    """None: no file speaks of it, or its commands are not to be run."""


class Remover:
    """Plans the removal of jails, and of what depends on them."""

    def __init__(
        self, host: Host, notes: Notes, entries: Sequence[Entry] = (), *, is_told: bool = True
    ) -> None:
        self._host, self._notes = host, notes
        self._entries = entries
        self._is_told = is_told

    def target(self, record: Record, *, is_at_once: bool = False) -> Target:
        """Return how to remove a jail that runs."""
        entry = next((one for one in self._entries if _is_of(record, one)), None)
        label = entry.label if entry is not None else record.name
        return Target(label=label, record=record, entry=None if is_at_once else entry)

    def with_dependents(self, targets: Iterable[Target]) -> list[Target]:
        """Return the targets and all running jails that depend on them, directly or not."""
        found = {target.record.jid: target for target in targets}
        waiting = list(found.values())
        while waiting:
            label = waiting.pop().label
            for entry in self._entries:
                record = record_of(self._host, entry.wanted)
                if label in entry.wanted.depends and record and record.jid not in found:
                    found[record.jid] = self.target(record)
                    waiting.append(found[record.jid])
        return list(found.values())

    def jobs(self, targets: Sequence[Target]) -> list[Job]:
        """Return what removes jails: last comes first, and what depends before its need."""
        ordered = sorted(targets, key=_place, reverse=True)
        jobs = {
            target.record.jid: Job(label=target.label, work=self._work(target))
            for target in ordered
        }
        for target in ordered:
            job = jobs[target.record.jid]
            for other in ordered:
                depends = other.entry.wanted.depends if other.entry is not None else ()
                if target.label in depends and other is not target:
                    job.needs.append(jobs[other.record.jid])
                elif other.record.name.startswith(f"{target.record.name}."):
                    job.after.append(jobs[other.record.jid])
        return list(jobs.values())

    def _work(self, target: Target) -> Callable[[Turn, Callable[[], None]], bool]:
        def work(turn: Turn, _on_made: Callable[[], None]) -> bool:
            return self._remove(target, turn)

        return work

    def _remove(self, target: Target, turn: Turn) -> bool:
        values = None
        if target.entry is not None:
            if target.entry.jail.problems:  # its commands are not known
                for text in target.entry.jail.problems:
                    self._notes.remark(target.label, text)
                return False
            values = target.entry.wanted.values
        removal = Removal(
            target.record,
            values,
            self._host,
            self._notes,
            turn,
            label=target.label,
            is_told=self._is_told,
        )
        return removal.run()

    def clean(self, entry: Entry, turn: Turn) -> bool:
        """Clean up after a jail that is gone; return whether all went well."""
        wanted = entry.wanted
        record = self._host.registry.find(wanted.name) if wanted.name else None
        removal = Removal(
            record,
            wanted.values,
            self._host,
            self._notes,
            turn,
            label=entry.label,
            path=wanted.path,
        )
        return removal.run()


def _is_of(record: Record, entry: Entry) -> bool:
    wanted = entry.wanted
    if wanted.name:
        return wanted.name == record.name
    return wanted.jid == record.jid


def _place(target: Target) -> tuple[int, int]:
    """Return where a jail comes when jails are made."""
    return (target.entry.number if target.entry is not None else -1, target.record.jid)
