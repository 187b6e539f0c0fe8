"""The record of one jail while this process is at work on it: written before what it speaks of.

A process that is killed so leaves a record of all that may be there; who comes next takes it
away (recover.py). How often an address is used is counted over all records, under their lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from carpio.jail.addresses import AddressSetting
from carpio.jail.aliases import same_address
from carpio.jail.ports import MadeAlias, Record, Registry

__all__ = ["Ledger", "made_alias"]


def made_alias(setting: AddressSetting, interface: str | None = None) -> MadeAlias:
    """Return what is kept about an alias; `interface` is where it is, unless it is its own."""
    down = setting.down()
    return MadeAlias(
        interface=interface or setting.interface or "",
        family=setting.family,
        address=same_address(setting.address),
        down=(down[0], interface or down[1], *down[2:]),
    )


class Ledger:
    """One record. Its methods may block while another process has the lock."""

    def __init__(self, registry: Registry, record: Record) -> None:
        self._registry = registry
        self.record = record

    def put(self, record: Record) -> None:
        """Write what is true from now on."""
        with self._registry.locked():
            self._put(record)

    def _put(self, record: Record) -> None:
        self._registry.put(record)
        self.record = record

    def drop(self) -> None:
        """Forget the jail."""
        with self._registry.locked():
            self._registry.drop(self.record)

    def expect_alias(self, alias: MadeAlias, *, instead_of: MadeAlias | None = None) -> None:
        """Write that an alias may be there, and another one is not."""
        with self._registry.locked():
            aliases = self.record.aliases
            if instead_of is not None:
                aliases = tuple(alias if _is_same(one, instead_of) else one for one in aliases)
            self._put(replace(self.record, aliases=_with(aliases, alias)))

    def forget_alias(self, alias: MadeAlias) -> None:
        """Write that it is not there, or not this jail's."""
        with self._registry.locked():
            self._put(replace(self.record, aliases=_without(self.record.aliases, alias)))

    def add_alias(self, alias: MadeAlias, call: Callable[[], bool]) -> bool:
        """Make an alias by a call, and return whether that went well.

        Nobody can take the last use of the address away meanwhile.
        """
        with self._registry.locked():
            before = self.record.aliases
            self._put(replace(self.record, aliases=_with(before, alias)))
            is_good = call()
            if not is_good:
                self._put(replace(self.record, aliases=before))
        return is_good

    def drop_alias(self, alias: MadeAlias, call: Callable[[MadeAlias], bool]) -> bool:
        """Remove an alias by a call, unless another jail uses it; return whether it is done.

        When the call fails the record stays as it is.
        """
        with self._registry.locked():
            is_done = self.is_used_elsewhere(alias) or call(alias)
            if is_done:
                self._put(replace(self.record, aliases=_without(self.record.aliases, alias)))
        return is_done

    def is_used_elsewhere(self, alias: MadeAlias) -> bool:
        """Return whether an address was put there for another jail as well."""
        return any(
            _is_same(one, alias)
            for record in self._registry.records()
            if record.jid != self.record.jid
            for one in record.aliases
        )


def _is_same(one: MadeAlias, other: MadeAlias) -> bool:
    return (one.interface, one.address) == (other.interface, other.address)


def _without(aliases: Sequence[MadeAlias], alias: MadeAlias) -> tuple[MadeAlias, ...]:
    return tuple(one for one in aliases if not _is_same(one, alias))


def _with(aliases: Sequence[MadeAlias], alias: MadeAlias) -> tuple[MadeAlias, ...]:
    """Return the aliases with one in its place, or at the end of its family; IPv4 comes first."""
    if any(_is_same(one, alias) for one in aliases):
        return tuple(alias if _is_same(one, alias) else one for one in aliases)
    return tuple(sorted([*aliases, alias], key=lambda one: one.family))
