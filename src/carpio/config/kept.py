"""What runs and no file says: found as differences from the files, and put to use again.

Knows what becomes of it when the files have changed since; not how or where it is written down, nor
whether what it speaks of is still there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.config.schema import PER_NETNS
from carpio.core.model import InstanceKey

__all__ = [
    "Demotion",
    "GroupChange",
    "Kept",
    "KeptNamespace",
    "SettingChange",
    "differences_of",
    "put_back",
]

GroupId: TypeAlias = tuple[str | None, InstanceKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """One group as the files had it, and as it ran; None: not at all."""

    netns: str | None
    key: InstanceKey
    was: VhidConfig | None
    now: VhidConfig | None

    @property
    def name(self) -> str:
        """What people call it."""
        known = self.now or self.was
        return known.name if known else str(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting of the top level, or of one namespace (None: as at the top level)."""

    netns: str | None
    name: str
    was: int | None
    now: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """What was added to the demotion number of one namespace by request."""

    netns: str | None
    cause: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNamespace:
    """Which network namespace was meant by a name."""

    name: str
    identity: str
    """The kernel's number of it, never given to another one."""
    has_name: bool
    """Whether ip-netns(8) knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """All that the files do not say. None as a namespace is that of the daemon."""

    groups: tuple[GroupChange, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    demotions: tuple[Demotion, ...] = ()
    namespaces: tuple[KeptNamespace, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the files say it all."""
        return not (self.groups or self.settings or self.demotions)

    @property
    def places(self) -> set[str]:
        """The names of all namespaces that it speaks of."""
        named = {
            *(one.netns for one in self.groups),
            *(one.netns for one in self.settings),
            *(one.netns for one in self.demotions),
        }
        return {netns for netns in named if netns is not None}

    def without(self, gone: set[str]) -> Kept:
        """Leave out what is about these namespaces."""
        return Kept(
            groups=tuple(one for one in self.groups if one.netns not in gone),
            settings=tuple(one for one in self.settings if one.netns not in gone),
            demotions=tuple(one for one in self.demotions if one.netns not in gone),
            namespaces=tuple(one for one in self.namespaces if one.name not in gone),
        )

    def renamed(self, old: str | None, new: str | None) -> Kept:
        """Say of the groups and demotions of one namespace that they are of another."""

        def of(group: VhidConfig | None) -> VhidConfig | None:
            is_there = group is not None and group.netns == old
            return replace(group, netns=new) if group is not None and is_there else group

        return replace(
            self,
            groups=tuple(
                replace(one, netns=new, was=of(one.was), now=of(one.now))
                if one.netns == old
                else one
                for one in self.groups
            ),
            demotions=tuple(
                replace(one, netns=new) if one.netns == old else one for one in self.demotions
            ),
        )


# -- finding -------------------------------------------------------------------------------------


def differences_of(files: DaemonConfig, running: DaemonConfig) -> Kept:
    """Return what runs otherwise than the files say."""
    return Kept(
        groups=tuple(_changed_groups(files, running)),
        settings=tuple(_changed_settings(files, running)),
    )


def _by_id(config: DaemonConfig) -> dict[GroupId, VhidConfig]:
    return {(one.netns, one.instance.instance): one for one in config.vhids}


def _changed_groups(files: DaemonConfig, running: DaemonConfig) -> Iterator[GroupChange]:
    before, after = _by_id(files), _by_id(running)
    for netns, key in dict.fromkeys((*before, *after)):
        was, now = before.get((netns, key)), after.get((netns, key))
        if was != now:
            yield GroupChange(netns=netns, key=key, was=was, now=now)


def _changed_settings(files: DaemonConfig, running: DaemonConfig) -> Iterator[SettingChange]:
    for name in PER_NETNS:
        was, now = getattr(files, name), getattr(running, name)
        if was != now:
            yield SettingChange(netns=None, name=name, was=was, now=now)
    before, after = dict(files.namespaces), dict(running.namespaces)
    nothing = NamespaceSettings()
    for netns in dict.fromkeys((*before, *after)):
        for name in PER_NETNS:
            was = getattr(before.get(netns, nothing), name)
            now = getattr(after.get(netns, nothing), name)
            if was != now:
                yield SettingChange(netns=netns, name=name, was=was, now=now)


# -- putting back --------------------------------------------------------------------------------


def put_back(kept: Kept, files: DaemonConfig) -> tuple[DaemonConfig, tuple[str, ...]]:
    """Return what is to run, and in finished lines what was given up for what the files say now.

    A change counts as long as the files say of its group, or setting, what they said when it was
    made. Where they say something else now, they count.
    """
    lost: list[str] = []
    config = _with_settings(kept, files, lost)
    in_files = _by_id(files)
    changes: dict[GroupId, GroupChange] = {}
    for change in kept.groups:
        found = in_files.get((change.netns, change.key))
        if found == change.was:
            changes[change.netns, change.key] = change
        elif found != change.now:
            lost.append(f"{change.name}: the configuration files changed, and say what it is")
    groups = _changed(in_files, changes)
    while clash := _clash(groups, changes):
        change, why = clash
        del changes[change.netns, change.key]
        lost.append(f"{change.name}: is as in the configuration files, for {why}")
        groups = _changed(in_files, changes)
    return replace(config, vhids=tuple(groups.values())), tuple(lost)


def _changed(
    files: dict[GroupId, VhidConfig], changes: dict[GroupId, GroupChange]
) -> dict[GroupId, VhidConfig]:
    found = {one: change.now for one, change in changes.items()}
    merged: dict[GroupId, VhidConfig | None] = {**files, **found}
    return {one: group for one, group in merged.items() if group is not None}


def _clash(
    groups: dict[GroupId, VhidConfig], changes: dict[GroupId, GroupChange]
) -> tuple[GroupChange, str] | None:
    """Return a change that cannot be beside the others, and why."""
    seen: dict[object, GroupId] = {}
    for one, group in groups.items():
        for claim, text in _claims_of(group):
            other = seen.setdefault(claim, one)
            if other != one:
                loser = one if one in changes else other
                winner = other if loser == one else one
                if loser in changes:
                    return changes[loser], f"{text} is of {groups[winner].name}"
    return None


def _claims_of(group: VhidConfig) -> Iterator[tuple[object, str]]:
    """Yield what no other group may have: its name and its addresses."""
    yield ("name", group.name), f"the name {group.name}"
    for held in group.instance.addresses:
        is_local = held.address.version == 6 and held.address.is_link_local
        scope = group.instance.carpdev if is_local else ""
        yield (group.netns, scope, held.address), str(held.address)


def _with_settings(kept: Kept, files: DaemonConfig, lost: list[str]) -> DaemonConfig:
    top: dict[str, Any] = {}
    namespaces, nothing = dict(files.namespaces), NamespaceSettings()
    for change in kept.settings:
        own = namespaces.get(change.netns or "", nothing)
        found = getattr(files if change.netns is None else own, change.name)
        if found == change.was:
            if change.netns is None:
                top[change.name] = change.now
            else:
                changed: dict[str, Any] = {change.name: change.now}
                namespaces[change.netns] = replace(own, **changed)
        elif found != change.now:
            where = f" of {change.netns}" if change.netns else ""
            lost.append(
                f"{change.name}{where}: the configuration files changed, and say what it is"
            )
    in_files = dict(files.namespaces)
    used = [one for one in namespaces.items() if one[0] in in_files or one[1] != nothing]
    return replace(files, **top, namespaces=tuple(used))
