"""Which jobs a command has, and what they wait for; what they do is in the transcripts."""

from __future__ import annotations

import io
from dataclasses import replace

from tests.helpers.fake_jails import FakeJails

from carpio.jail.entries import Entry, entries_of
from carpio.jail.host import Host
from carpio.jail.jobs import Maker, Remover, problems_of_dependencies
from carpio.jail.notes import Notes
from carpio.jail.ports import Holder
from carpio.jail.resolve import Jail, Setting
from carpio.jail.schedule import Job


def entries(*lines: str) -> list[Entry]:
    """Return jails of lines `NAME NEEDED...`."""
    return entries_of([_jail(*line.split()) for line in lines])


def _jail(name: str, *needed: str) -> Jail:
    settings = [Setting("name", (name,)), Setting("persist", ())]
    if needed:
        settings.append(Setting("depend", needed))
    return Jail(name=name, settings=tuple(settings))


def begun(*names: str) -> tuple[Host, Notes]:
    """Return a host on which jails run, the first has number 1."""
    fake = FakeJails()
    host = fake.host()
    for name in names:
        with host.registry.locked():
            record = host.registry.reserve(name, None, "/")
            holder = Holder(pid=record.jid * 7, started=record.jid * 700)
            fake.living.add(holder)
            host.registry.put(replace(record, holder=holder))
    return host, Notes(io.StringIO(), io.StringIO())


def labels(jobs: list[Job]) -> list[str]:
    return [job.label for job in jobs]


def test_what_is_needed_and_does_not_run_is_made_too_in_the_order_of_the_file() -> None:
    all_entries = entries("a", "b", "c d b", "d a", "e")
    jobs = Maker(all_entries, *begun("b")).jobs([all_entries[2]])
    assert labels(jobs) == ["a", "c", "d"]
    by_label = {job.label: job for job in jobs}
    assert labels(by_label["c"].needs) == ["d"]
    assert labels(by_label["d"].needs) == ["a"]


def test_a_jail_below_another_needs_it_made() -> None:
    all_entries = entries("a.b", "a", "x.y", "a.b.c")
    jobs = Maker(all_entries, *begun()).jobs(all_entries)
    assert [labels(job.needs_made) for job in jobs] == [["a"], [], [], ["a.b"]]
    assert [job.needs for job in jobs] == [[], [], [], []]


def test_a_creation_comes_after_the_removal_of_the_same_jail() -> None:
    all_entries = entries("a", "b")
    stop = Job(label="b", work=lambda _turn, _made: True)
    jobs = Maker(all_entries, *begun()).jobs(all_entries, [stop])
    assert [job.needs for job in jobs] == [[], [stop]]


def test_jails_in_a_circle_need_nothing_for_they_fail() -> None:
    all_entries = entries("a b", "b a", "c a", "d d")
    jobs = Maker(all_entries, *begun()).jobs(all_entries)
    assert [labels(job.needs) for job in jobs] == [[], [], ["a"], []]


def test_what_depends_is_removed_as_well_and_before() -> None:
    all_entries = entries("a", "b a", "c b", "d c", "e")
    host, notes = begun("a", "b", "c", "e")
    remover = Remover(host, notes, all_entries)
    record = host.registry.find("a")
    assert record is not None
    jobs = remover.jobs(remover.with_dependents([remover.target(record)]))
    assert labels(jobs) == ["c", "b", "a"]
    assert [labels(job.needs) for job in jobs] == [[], ["c"], ["b"]]


def test_removals_go_backwards_and_jails_below_others_first() -> None:
    all_entries = entries("a", "a.b", "c")
    host, notes = begun("c", "other", "a", "a.b")
    remover = Remover(host, notes, all_entries)
    jobs = remover.jobs([remover.target(record) for record in host.registry.records()])
    assert labels(jobs) == ["c", "a.b", "a", "other"]
    assert [labels(job.after) for job in jobs] == [[], [], ["a.b"], []]


def test_at_once_no_entry_counts() -> None:
    host, notes = begun("a")
    remover = Remover(host, notes, entries("a"))
    record = host.registry.find("a")
    assert record is not None
    assert remover.target(record, is_at_once=True).entry is None
    assert remover.target(record).entry is not None


def test_by_words_what_is_needed_must_run() -> None:
    host, _ = begun("a")
    (entry,) = entries("x a b 1 2")
    assert problems_of_dependencies(entry, host) == [
        'depends on nonexistent jail "b"',
        'depends on nonexistent jail "2"',
    ]
