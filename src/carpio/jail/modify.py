"""Changes the values of a jail that runs; its addresses on interfaces, mounts and commands stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from carpio.errors import CarpioError
from carpio.jail.host import Host
from carpio.jail.judge import Setpoint
from carpio.jail.ledger import Ledger
from carpio.jail.notes import Notes
from carpio.jail.parameters import Kind, Parameter, parameter
from carpio.jail.ports import CannotChange, Record
from carpio.jail.remove import take
from carpio.jail.wanted import Wanted, is_of_jail

__all__ = ["Modification", "differences"]


def differences(record: Record, wanted: Wanted) -> dict[str, Setpoint]:
    """Return the values of a jail that are to become others, by base name."""
    return {
        name: value for name, value in _values_of(wanted) if value != _present(record.values, name)
    }


def _values_of(wanted: Wanted) -> Iterator[tuple[str, Setpoint]]:
    for name, value in wanted.values.items():
        if is_of_jail(name):
            yield name, wanted.path if name == "path" else value


def _present(values: Mapping[str, Setpoint], name: str) -> Setpoint | None:
    known = parameter(name)
    return values[name] if name in values else _default(known) if known else None


def _default(known: Parameter) -> Setpoint:
    match known.kind:
        case Kind.BOOLEAN:
            return known.default == "true"
        case Kind.LIST:
            return ()
        case Kind.INTEGER:
            return int(known.default) if known.default.isdigit() else 0
        case Kind.STRING | Kind.MODE:
            return known.default


class Modification:
    """The change of one jail."""

    def __init__(self, record: Record, wanted: Wanted, host: Host, notes: Notes) -> None:
        self._record, self._wanted, self._host = record, wanted, host
        self._notes = notes
        self.needs_restart = False
        """After `run`: whether it failed for a value that is only set at creation."""

    def run(self, *, may_restart: bool = False) -> bool:
        """Change what differs and return whether all was; what goes wrong is told.

        With `may_restart` it is not told that a value needs a restart.
        """
        label = self._wanted.label
        try:
            ledger = Ledger(self._host.registry, take(self._record, self._host))
            try:
                self._change(ledger)
            finally:
                ledger.put(replace(ledger.record, maker=None))
        except CannotChange as error:
            self.needs_restart = True
            if not may_restart:
                self._notes.remark(label, str(error))
            return False
        except (CarpioError, OSError) as error:
            self._notes.remark(label, str(error))
            return False
        self._notes.note(label, "updated")
        return True

    def _change(self, ledger: Ledger) -> None:
        """Change what differs. Raises CannotChange, CarpioError, OSError."""
        changes = differences(ledger.record, self._wanted)
        for name in changes:
            known = parameter(name)
            if known is not None and known.is_create_only:
                raise CannotChange(name)
        new_name = changes.pop("name", "")
        is_lasting = changes.pop("persist", "")
        containers = self._host.containers
        if isinstance(new_name, str) and new_name:
            self._rename(ledger, new_name)
        if changes:
            record = containers.update(ledger.record, changes)
            ledger.put(replace(record, values={**record.values, **changes}))
        if isinstance(is_lasting, bool):
            text = f"jid={ledger.record.jid} {'persist' if is_lasting else 'nopersist'}"
            self._notes.detail(self._wanted.label, f"jail_set(JAIL_UPDATE) {text}")
            record = containers.set_persistent(ledger.record, is_lasting)
            ledger.put(replace(record, values={**record.values, "persist": is_lasting}))

    def _rename(self, ledger: Ledger, name: str) -> None:
        """Call a jail otherwise. Raises CarpioError."""
        if self._host.registry.find(name) is not None:
            raise CarpioError(f'"{name}" already exists')
        values = {**ledger.record.values, "name": name}
        ledger.put(replace(ledger.record, name=name, values=values))
