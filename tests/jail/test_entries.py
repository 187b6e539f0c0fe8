"""Jails of a file beside those that run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.fake_jails import FakeJails

from carpio.jail.entries import Entry, entries_of, in_loops, living, named, record_of
from carpio.jail.ports import Holder
from carpio.jail.resolve import Jail, Setting


def jail(label: str, **settings: str) -> Jail:
    given = tuple(Setting(name, (value,)) for name, value in settings.items())
    return Jail(name=label, settings=given)


ENTRIES = entries_of(
    [
        jail("www", name="www"),
        jail("web.a", name="web.a"),
        jail("web.b.c", name="web.b.c", jid="7"),
        jail("42", jid="42", name="answer"),
    ]
)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("www", ["www"]),
        ("*", ["www", "web.a", "web.b.c", "42"]),
        ("web.*", ["web.a", "web.b.c"]),
        ("42", ["42"]),
        ("answer", ["42"]),
        ("7", ["web.b.c"]),
        ("none", []),
        ("", []),
    ],
)
def test_names_numbers_and_wildcards_mean_entries(name: str, labels: list[str]) -> None:
    assert [entry.label for entry in named(ENTRIES, name)] == labels


def test_a_jail_runs_when_its_holder_does() -> None:
    fake = FakeJails()
    host = fake.host()
    with host.registry.locked():
        record = host.registry.reserve("www", 9, "/")
    assert living(host, "www") is None
    holder = Holder(pid=1, started=1)
    fake.living.add(holder)
    fake.records[9] = replace(record, holder=holder)
    assert living(host, "www") == living(host, "9") == fake.records[9]
    assert record_of(host, ENTRIES[0].wanted) == fake.records[9]
    assert record_of(host, ENTRIES[1].wanted) is None


def test_the_number_counts_more_than_the_name() -> None:
    fake = FakeJails()
    host = fake.host()
    for name, jid in (("answer", 1), ("x", 42)):
        with host.registry.locked():
            record = host.registry.reserve(name, jid, "/")
        holder = Holder(pid=jid, started=1)
        fake.living.add(holder)
        fake.records[jid] = replace(record, holder=holder)
    assert record_of(host, ENTRIES[3].wanted) == fake.records[42]
    del fake.records[42]
    assert record_of(host, ENTRIES[3].wanted) == fake.records[1]


def test_loops_are_found_and_what_only_leads_to_one_is_none() -> None:
    needs = {0: [1], 1: [2], 2: [1], 3: [3]}

    def needed(entry: Entry) -> list[Entry]:
        return [ENTRIES[number] for number in needs[entry.number]]

    assert [entry.number for entry in in_loops(ENTRIES, needed)] == [1, 2, 3]
