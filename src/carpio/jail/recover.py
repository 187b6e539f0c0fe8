"""What other commands left behind: jails that are gone, and those that were never finished.

A jail that lives is left alone, even when the command that made it was killed before its end:
it is there to be removed. See ADR 20.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace

from carpio.errors import CarpioError
from carpio.jail.host import Host
from carpio.jail.ledger import Ledger
from carpio.jail.notes import Notes
from carpio.jail.ports import MadeAlias, Record
from carpio.jail.remove import end_of, find_address, take
from carpio.jail.worker import Worker

__all__ = ["recover"]


def recover(
    host: Host, notes: Notes, *, but_for: Collection[str] = (), only: str | None = None
) -> None:
    """Take away what was made for jails that are gone, `but_for` those with these names.

    `only` is the name of the one that it is about, None for all.

    What cannot be taken away stays recorded, and is told. Raises CarpioError, OSError when the
    records cannot be read.
    """
    for record in list(host.registry.records()):
        is_meant = record.name not in but_for and only in (None, record.name)
        if not is_meant or not _is_left(record, host):
            continue
        try:
            _clean(record, host, notes)
        except (CarpioError, OSError) as error:
            notes.warn(record.name, f"what is left of it cannot be removed: {error}")


def _is_left(record: Record, host: Host) -> bool:
    if host.containers.is_alive(record):
        return False
    return record.maker is None or not host.is_running(record.maker)


def _clean(record: Record, host: Host, notes: Notes) -> None:
    """Remove what was made for a jail. Raises CarpioError, OSError."""
    ledger = Ledger(host.registry, take(record, host))
    if host.containers.is_alive(ledger.record):  # somebody finished it meanwhile
        ledger.put(replace(ledger.record, maker=None))
        return
    host.containers.destroy(ledger.record)
    ledger.put(replace(ledger.record, holder=None, interfaces=()))
    worker = Worker(host, notes, nullcontext, record.name, {})
    for alias in reversed(ledger.record.aliases):
        _take_off(alias, ledger, worker, host)
    if end_of(ledger):
        notes.detail(record.name, "cleaned up")


def _take_off(alias: MadeAlias, ledger: Ledger, worker: Worker, host: Host) -> None:
    """Take an alias off if it is there. Raises CarpioError when that is not known."""
    if find_address(host, alias) == alias.interface:
        worker.take_off(ledger, alias)
    else:
        ledger.forget_alias(alias)
