"""One `[[vhid]]` table becomes one group; and what groups may not have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from carpio.config.addresses import (
    Unusable,
    interface_name,
    namespace_name,
    parse_virtual_address,
    vhid_name,
)
from carpio.config.decode import decode_table, refuse_unknown
from carpio.config.files import Source
from carpio.config.model import VhidConfig
from carpio.config.problems import Place, Problems
from carpio.config.schema import PASS_KEYS, TOP_LEVEL, VHID
from carpio.config.secrets import (
    NotReadable,
    Secret,
    from_credential,
    from_file,
    from_hex,
    from_text,
)
from carpio.core.model import InstanceConfig, Vhid, VirtualAddress
from carpio.wire.auth import Key

__all__ = ["UNREAD_KEY", "SecretPolicy", "VhidEntry", "read_vhids", "refuse_duplicates"]

_HIGHEST_SENT_ADVSKEW: Final = 240
"""The ceiling of the effective advskew (spec 10)."""
_KNOWN: Final = tuple(field.name for field in VHID)
_AT_TOP: Final = {field.name: "it belongs above the first [[vhid]]" for field in TOP_LEVEL}
UNREAD_KEY: Final = Key.from_bytes(b"")
"""This very object stands for a key that the caller may not read."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPolicy:
    """How to get at secrets; unless `required`, one that the caller may not read is a warning."""

    required: bool
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VhidEntry:
    """What could be read of a table: enough to compare it with the others."""

    table: _Table
    vhid: int | None
    interface: str | None
    netns: str | None
    name: str | None
    addresses: tuple[tuple[int, VirtualAddress], ...]
    """With their positions in the list as written."""
    config: VhidConfig | None
    """None when the table has problems."""


def read_vhids(source: Source, problems: Problems, policy: SecretPolicy) -> list[VhidEntry]:
    """Return the groups of one file in order, and note what is wrong with them."""
    tables = source.data.get("vhid", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        problems.error(source.place("vhid"), "is not a list of tables", "write [[vhid]]")
        return []
    return [
        _Table(source, index, table, problems, policy).read() for index, table in enumerate(tables)
    ]


@dataclass(frozen=True, slots=True)
class _Table:
    """One `[[vhid]]` table as written."""

    source: Source
    index: int
    raw: Mapping[str, Any]
    problems: Problems
    policy: SecretPolicy

    def place(self, *path: str | int) -> Place:
        return self.source.place("vhid", self.index, *path)

    def read(self) -> VhidEntry:
        errors_before = len(self.problems.errors)
        refuse_unknown(self.raw, _KNOWN, _AT_TOP, self.place, self.problems)
        values = decode_table(VHID, self.raw, self.place, self.problems)
        vhid = values.get("id")
        interface = self._checked(interface_name, values, "interface")
        netns = self._checked(namespace_name, values, "netns")
        attach = self._checked(namespace_name, values, "attach")
        if attach is not None and attach == netns:
            self.problems.error(
                self.place("attach"), "is the namespace of the interface", "leave it out"
            )
        name = self._checked(vhid_name, values, "name")
        if "name" not in self.raw and vhid and interface:
            name = f"{vhid}@{interface}"
        addresses = tuple(self._addresses(values.get("addresses", ())))
        key = self._key(values)
        self._warn_of_skew(values.get("advskew", 0))
        config = None
        if len(self.problems.errors) == errors_before and vhid and interface and name and key:
            instance = InstanceConfig(
                vhid=Vhid(vhid),
                carpdev=interface,
                key=key,
                addresses=tuple(address for _, address in addresses),
                **{k: values[k] for k in ("advbase", "advskew", "preempt") if k in values},
            )
            config = VhidConfig(instance=instance, netns=netns, name=name, attach=attach)
        return VhidEntry(
            table=self,
            vhid=vhid,
            interface=interface,
            netns=netns,
            name=name,
            addresses=addresses,
            config=config,
        )

    def _checked(
        self, check: Callable[[str], str], values: Mapping[str, Any], key: str
    ) -> str | None:
        return self._tried(partial(check, values[key]), key) if key in values else None

    def _tried(self, make: Callable[[], _T], *path: str | int) -> _T | None:
        """Return what `make` makes; None, and an error at `path`, when it cannot."""
        try:
            return make()
        except Unusable as error:
            self.problems.error(self.place(*path), error.what, error.remedy)
            return None

    def _addresses(self, texts: Sequence[str]) -> Iterator[tuple[int, VirtualAddress]]:
        for position, text in enumerate(texts):
            path = ("addresses", position)
            address = self._tried(partial(parse_virtual_address, text), *path)
            if address is None:
                continue
            if address.address.is_link_local and address.address.version == 6:
                self.problems.warn(
                    self.place(*path),
                    f"{address.address} is a link-local address",
                    "OpenBSD peers hash it differently and will not understand this group",
                )
            yield position, address

    def _key(self, values: Mapping[str, Any]) -> Key | None:
        given = [key for key in PASS_KEYS if key in self.raw]
        if len(given) != 1:
            what = f"gives {' and '.join(given)}" if given else "has no passphrase"
            self.problems.error(self.place(), what, f"write exactly one of {', '.join(PASS_KEYS)}")
            return None
        kind = given[0]
        if kind not in values:
            return None
        try:
            secret = self._secret(kind, values[kind])
        except NotReadable as error:
            if not self.policy.required:
                self.problems.warn(self.place(kind), error.what, "not checked")
                return UNREAD_KEY
            self.problems.error(self.place(kind), error.what, error.remedy)
            return None
        except Unusable as error:
            self.problems.error(self.place(kind), error.what, error.remedy)
            return None
        for warning in secret.warnings:
            self.problems.warn(self.place(kind), warning)
        if kind in ("passphrase", "passphrase_hex") and self.source.is_open:
            file = self.source.file
            self.problems.warn(self.place(kind), "can be read by others", f"chmod o-rwx {file}")
        return secret.key

    def _secret(self, kind: str, value: str) -> Secret:
        """Return the key that `kind = value` stands for. Raises Unusable or NotReadable."""
        if kind == "passphrase_file":
            return from_file(self.source.file.parent / value)
        if kind == "passphrase_credential":
            return from_credential(value, self.policy.environ)
        return from_hex(value) if kind == "passphrase_hex" else from_text(value)

    def _warn_of_skew(self, advskew: int) -> None:
        if advskew > _HIGHEST_SENT_ADVSKEW:
            self.problems.warn(
                self.place("advskew"),
                f"{advskew} goes on the wire as {_HIGHEST_SENT_ADVSKEW}",
                f"write at most {_HIGHEST_SENT_ADVSKEW}",
            )


def refuse_duplicates(entries: Sequence[VhidEntry], problems: Problems) -> None:
    """Note groups that are the same, have the same name, or share an address."""
    seen: dict[Hashable, Place] = {}

    def note(identity: Hashable, place: Place, what: str, remedy: str) -> bool:
        """Return whether `identity` was there before; if so it is an error."""
        first = seen.setdefault(identity, place)
        if first is place:
            return False
        problems.error(place, f"{what} {first.file}:{first.line or '?'}", remedy)
        return True

    for entry in entries:
        place = entry.table.place
        if entry.vhid and entry.interface:
            group = ("group", entry.netns, entry.interface, entry.vhid)
            what = f"{entry.vhid}@{entry.interface} is already at"
            if note(group, place("id"), what, "use another id or interface"):
                continue
        if entry.name:
            what = f"the name {entry.name} is already used at"
            note(("name", entry.name), place("name"), what, 'write another name = "..."')
        for position, address in entry.addresses:
            ip = address.address
            scope = entry.interface if ip.is_link_local else None
            where = place("addresses", position)
            remedy = "an address belongs to one group, once"
            note(("address", entry.netns, scope, ip), where, f"{ip} is already at", remedy)
