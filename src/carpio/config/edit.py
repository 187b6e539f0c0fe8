"""What configuration files must say so that they say what runs: values in, texts out.

Knows which table is whose; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from carpio.config.files import Source
from carpio.config.layout import Layout, NotEditable, Value
from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.config.schema import PASS_KEYS, PER_NETNS, TOP_LEVEL, Kind
from carpio.config.vhid import UNREAD_KEY
from carpio.wire.auth import Key
from carpio.wire.constants import PASSPHRASE_SIGNIFICANT

__all__ = ["GroupId", "Running", "differences", "edited", "group_id", "merged", "notes"]

GroupId: TypeAlias = tuple[str | None, str, int]
"""Network namespace, interface and number: what makes a group that group."""

_SETTINGS: Final = {field.name: field for field in TOP_LEVEL if field.name != "include"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the daemon has, as far as files can say it."""

    settings: Mapping[str, int]
    """Of the top level; what is not named is as in the files."""
    namespaces: Mapping[str, Mapping[str, int]]
    """Of those named, all settings of their own."""
    groups: tuple[VhidConfig, ...]
    removed: frozenset[GroupId]
    """Groups that the files had when the daemon read them, and that do not run any more."""


def group_id(vhid: VhidConfig) -> GroupId:
    """Return what makes a group that group."""
    return vhid.netns, vhid.instance.carpdev, vhid.instance.vhid


def merged(current: DaemonConfig, running: Running) -> DaemonConfig:
    """Return what the files should say: what runs, and what they say now of all else.

    A key that could not be read stays so, for nobody knows whether it is another one.
    """
    new = {group_id(vhid): vhid for vhid in running.groups}
    vhids: list[VhidConfig] = []
    for old in current.vhids:
        vhid = new.pop(group_id(old), None)
        if vhid is None and group_id(old) in running.removed:
            continue
        vhid = vhid or old
        if old.instance.key is UNREAD_KEY:
            vhid = replace(vhid, instance=replace(vhid.instance, key=UNREAD_KEY))
        vhids.append(vhid)
    namespaces = dict(current.namespaces)
    for name, values in running.namespaces.items():
        if values or name in namespaces:
            namespaces[name] = NamespaceSettings(**_typed(values))
    return replace(
        current,
        **_typed(running.settings),
        vhids=(*vhids, *new.values()),
        namespaces=tuple(namespaces.items()),
    )


def _typed(values: Mapping[str, int]) -> dict[str, Any]:
    """Return settings, which the daemon tells as numbers, as the types of their keys."""
    return {
        name: bool(value) if _SETTINGS[name].kind is Kind.BOOLEAN else value
        for name, value in values.items()
        if name in _SETTINGS
    }


def differences(one: DaemonConfig, other: DaemonConfig) -> list[str]:
    """Return the names of what two configurations say differently, in whichever order."""
    found = [name for name in _SETTINGS if getattr(one, name) != getattr(other, name)]
    first, second = ({vhid.name: vhid for vhid in config.vhids} for config in (one, other))
    found += [name for name in {**first, **second} if first.get(name) != second.get(name)]
    mine, others = dict(one.namespaces), dict(other.namespaces)
    return found + [name for name in {**mine, **others} if mine.get(name) != others.get(name)]


def edited(
    sources: Sequence[Source], current: DaemonConfig, wanted: DaemonConfig
) -> Mapping[Path, str]:
    """Return the texts of files that say `current`, so that they say `wanted`; those that change.

    `sources` are the files as read, the main one first: what is new comes there. Raises
    NotEditable.
    """
    files = [_File(source, Layout(source.text)) for source in sources]
    with files[0].editing() as main:
        main.set_top(_changed(current, wanted, _SETTINGS))
    _edit_namespaces(files, current, wanted)
    _edit_groups(files, current, wanted)
    return {
        file.source.file: str(file.layout) for file in files if str(file.layout) != file.source.text
    }


def notes(
    sources: Sequence[Source], current: DaemonConfig, wanted: DaemonConfig, running: Running
) -> list[str]:
    """Return what people should know about passphrases beside the difference of the texts."""
    files = [_File(source, Layout(source.text)) for source in sources]
    new = {group_id(vhid): vhid for vhid in wanted.vhids}
    runs = {group_id(vhid) for vhid in running.groups}
    found = []
    for (file, _, table), old in zip(_tables(files, "vhid"), current.vhids, strict=True):
        vhid = new.get(group_id(old))
        if old.instance.key is UNREAD_KEY and group_id(old) in runs:
            found.append(f"{old.name}: its passphrase cannot be read here; the line of it stays")
        elif vhid and vhid.instance.key != old.instance.key and "passphrase_file" in table:
            place = f"{file.source.file}, and {table['passphrase_file']} is not used any more"
            found.append(f"{old.name}: its passphrase is now in {place}")
    return found


@dataclass(frozen=True, slots=True)
class _File:
    """A file as read, and as it becomes."""

    source: Source
    layout: Layout

    @contextmanager
    def editing(self) -> Iterator[Layout]:
        """Tell whose text it is that cannot be edited."""
        try:
            yield self.layout
        except NotEditable as error:
            raise NotEditable(f"{self.source.file}: {error}") from error


def _tables(files: Sequence[_File], kind: str) -> Iterator[tuple[_File, int, Mapping[str, Any]]]:
    """Yield all tables of a kind in the order in which the configuration has them."""
    for file in files:
        for index, table in enumerate(file.source.data.get(kind, ())):
            yield file, index, table


def _changed(old: object, new: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(new, name) for name in names if getattr(old, name) != getattr(new, name)}


def _edit_namespaces(files: Sequence[_File], current: DaemonConfig, wanted: DaemonConfig) -> None:
    new = dict(wanted.namespaces)
    for (file, index, _), (name, old) in zip(
        _tables(files, "netns"), current.namespaces, strict=True
    ):
        with file.editing() as layout:
            layout.change("netns", index, _changed(old, new.pop(name), PER_NETNS))
    for name, settings in new.items():
        values = _changed(NamespaceSettings(), settings, PER_NETNS)
        with files[0].editing() as main:
            main.append("netns", {"name": name, **values})


def _edit_groups(files: Sequence[_File], current: DaemonConfig, wanted: DaemonConfig) -> None:
    new = {group_id(vhid): vhid for vhid in wanted.vhids}
    for (file, index, table), old in zip(_tables(files, "vhid"), current.vhids, strict=True):
        vhid = new.pop(group_id(old), None)
        with file.editing() as layout:
            if vhid is None:
                layout.remove("vhid", index)
            else:
                values = _group_changes(table, old, vhid)
                layout.change("vhid", index, values, _renamed(table, values))
    for vhid in new.values():
        with files[0].editing() as main:
            main.append("vhid", _new_group(vhid))


def _group_changes(
    table: Mapping[str, Any], old: VhidConfig, new: VhidConfig
) -> dict[str, Value | None]:
    before, after = old.instance, new.instance
    values: dict[str, Value | None] = _changed(before, after, ("advbase", "advskew", "preempt"))
    values |= _changed(old, new, ("name", "attach"))
    if before.addresses != after.addresses:
        as_written = dict(zip(before.addresses, table.get("addresses", ()), strict=True))
        values["addresses"] = [as_written.get(each, str(each)) for each in after.addresses]
    if before.key != after.key:
        values |= _passphrase(after.key)
    return values


def _renamed(table: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the passphrase_* key of a table, and the one that takes its place."""
    for new in PASS_KEYS:
        if new in values and new not in table:
            return next(key for key in PASS_KEYS if key in table), new
    return None


def _new_group(vhid: VhidConfig) -> dict[str, Value]:
    instance = vhid.instance
    values: dict[str, Value] = {"id": int(instance.vhid), "interface": instance.carpdev}
    if vhid.netns is not None:
        values["netns"] = vhid.netns
    if vhid.name != f"{instance.vhid}@{instance.carpdev}":
        values["name"] = vhid.name
    values |= _passphrase(instance.key)
    values |= {"advbase": instance.advbase, "advskew": instance.advskew}
    values["addresses"] = [str(address) for address in instance.addresses]
    if instance.preempt is not None:
        values["preempt"] = instance.preempt
    if isinstance(vhid.attach, str):
        values["attach"] = vhid.attach
    return values


def _passphrase(key: Key) -> dict[str, Value]:
    """Return a key as people would type it, or else in hexadecimal."""
    raw = key.raw.rstrip(b"\0")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    is_typed = len(raw) <= PASSPHRASE_SIGNIFICANT and text.isprintable()
    if is_typed and Key.from_passphrase(text) == key:
        return {"passphrase": text}
    return {"passphrase_hex": key.raw.hex()}
