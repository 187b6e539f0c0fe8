"""The jails of a file beside those that run: which of them are meant, and what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from carpio.jail.host import Host
from carpio.jail.ports import Record
from carpio.jail.resolve import Jail, is_wildcard, matches
from carpio.jail.wanted import Checked, Wanted, wanted_of

__all__ = ["Entry", "entries_of", "in_loops", "living", "named", "record_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """One jail of a file."""

    number: int
    """Its place among all of the file."""
    jail: Jail = field(repr=False)
    checked: Checked

    @property
    def wanted(self) -> Wanted:
        """What it is to be."""
        return self.checked.wanted

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.wanted.label

    @property
    def names(self) -> set[str]:
        """By what it may be called."""
        jid = str(self.wanted.jid) if self.wanted.jid else ""
        return {self.label, self.wanted.name, jid} - {""}


def entries_of(jails: Sequence[Jail]) -> list[Entry]:
    """Return the jails of a file, judged."""
    return [
        Entry(number=number, jail=jail, checked=wanted_of(jail))
        for number, jail in enumerate(jails)
    ]


def named(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Return the entries that a name or wildcard means."""
    if is_wildcard(name):
        return [entry for entry in entries if matches(entry.label, name)]
    return [entry for entry in entries if name in entry.names]


def living(host: Host, name_or_jid: str) -> Record | None:
    """Return the record of a jail that runs, or None."""
    record = host.registry.find(name_or_jid)
    return record if record is not None and host.containers.is_alive(record) else None


def record_of(host: Host, wanted: Wanted) -> Record | None:
    """Return the record of a jail that runs by the name or number that it is to have, or None."""
    keys = (str(wanted.jid or ""), wanted.name)
    return next((found for key in keys if key and (found := living(host, key))), None)


def in_loops(
    entries: Sequence[Entry], needed: Callable[[Entry], Sequence[Entry]]
) -> Iterator[Entry]:
    """Yield the entries that need themselves by some way."""
    for entry in entries:
        seen: set[int] = set()
        waiting = list(needed(entry))
        while waiting:
            one = waiting.pop()
            if one is entry:
                yield entry
                break
            if one.number not in seen:
                seen.add(one.number)
                waiting += needed(one)
