"""The text in which a record of what no file says is written down; any bytes are read, or refused.

It holds keys. Whoever writes it to a file sees that nobody else can read that.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final, TypeAlias

import msgspec

from carpio.config.addresses import interface_name, namespace_name
from carpio.config.kept import Demotion, GroupChange, Kept, KeptNamespace, SettingChange
from carpio.config.model import Process, VhidConfig
from carpio.config.schema import PER_NETNS, TOP_LEVEL, Kind
from carpio.core.model import InstanceConfig, InstanceKey, Vhid, VirtualAddress
from carpio.wire.auth import Key

__all__ = ["Unreadable", "decode_kept", "encode_kept"]

_VERSION: Final = 1
"""Grows when a record means something else than before."""
_FIELDS: Final = {field.name: field for field in TOP_LEVEL if field.name in PER_NETNS}

_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Value: TypeAlias = bool | int | None


class Unreadable(ValueError):
    """Bytes that are no record, or one of another version."""


class _Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pid: Annotated[int, msgspec.Meta(ge=1, le=2**22)]
    began: Annotated[int, msgspec.Meta(ge=0)]


class _Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: _Text
    key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
    advbase: Annotated[int, msgspec.Meta(ge=1, le=255)]
    advskew: Annotated[int, msgspec.Meta(ge=0, le=254)]
    addresses: list[str]
    preempt: bool | None
    attach: str | _Process | None

    def __repr__(self) -> str:
        return f"_Group({self.name}, ...)"


class _GroupChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    netns: _Text | None
    interface: str
    vhid: Annotated[int, msgspec.Meta(ge=1, le=255)]
    was: _Group | None
    now: _Group | None


class _SettingChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    netns: _Text | None
    name: str
    was: _Value
    now: _Value


class _Demotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    netns: _Text | None
    cause: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    value: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Namespace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: _Text
    identity: str
    has_name: bool


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    groups: list[_GroupChange]
    settings: list[_SettingChange]
    demotions: list[_Demotion]
    namespaces: list[_Namespace]


class _Version(msgspec.Struct, frozen=True):
    version: int


# -- writing -------------------------------------------------------------------------------------


def encode_kept(kept: Kept) -> bytes:
    """Return the text of a record, keys included."""
    record = _Record(
        version=_VERSION,
        groups=[
            _GroupChange(
                netns=one.netns,
                interface=one.key.carpdev,
                vhid=one.key.vhid,
                was=_written(one.was),
                now=_written(one.now),
            )
            for one in kept.groups
        ],
        settings=[
            _SettingChange(netns=one.netns, name=one.name, was=one.was, now=one.now)
            for one in kept.settings
        ],
        demotions=[
            _Demotion(netns=one.netns, cause=one.cause, value=one.value) for one in kept.demotions
        ],
        namespaces=[
            _Namespace(name=one.name, identity=one.identity, has_name=one.has_name)
            for one in kept.namespaces
        ],
    )
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def _written(group: VhidConfig | None) -> _Group | None:
    if group is None:
        return None
    attach = group.attach
    if isinstance(attach, Process):
        where: str | _Process | None = _Process(pid=attach.number, began=attach.began)
    else:
        where = attach
    return _Group(
        name=group.name,
        key=group.instance.key.raw.hex(),
        advbase=group.instance.advbase,
        advskew=group.instance.advskew,
        addresses=[str(address) for address in group.instance.addresses],
        preempt=group.instance.preempt,
        attach=where,
    )


# -- reading -------------------------------------------------------------------------------------


def decode_kept(text: bytes) -> Kept:
    """Return the record of a text. Raises Unreadable, whatever the bytes, and tells no key."""
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version != _VERSION:
            raise Unreadable(f"it has version {version}, and only {_VERSION} is known here")
        return _read(msgspec.json.decode(text, type=_Record))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"it is damaged: {error}") from error
    except Unreadable:
        raise
    except ValueError as error:  # what has the right form and no meaning, and bad UTF-8
        raise Unreadable("it is damaged: it says what cannot be") from error


def _read(record: _Record) -> Kept:
    """Return what a record says. Raises ValueError where that cannot be."""
    return Kept(
        groups=tuple(map(_read_group_change, record.groups)),
        settings=tuple(map(_read_setting_change, record.settings)),
        demotions=tuple(
            Demotion(netns=one.netns, cause=one.cause, value=one.value) for one in record.demotions
        ),
        namespaces=tuple(
            KeptNamespace(
                name=namespace_name(one.name), identity=one.identity, has_name=one.has_name
            )
            for one in record.namespaces
        ),
    )


def _read_group_change(change: _GroupChange) -> GroupChange:
    key = InstanceKey(Vhid(change.vhid), interface_name(change.interface))
    return GroupChange(
        netns=change.netns,
        key=key,
        was=_read_group(change.was, change.netns, key),
        now=_read_group(change.now, change.netns, key),
    )


def _read_group(group: _Group | None, netns: str | None, key: InstanceKey) -> VhidConfig | None:
    if group is None:
        return None
    instance = InstanceConfig(
        vhid=key.vhid,
        carpdev=key.carpdev,
        key=Key.from_bytes(bytes.fromhex(group.key)),
        advbase=group.advbase,
        advskew=group.advskew,
        addresses=tuple(map(_read_address, group.addresses)),
        preempt=group.preempt,
    )
    attach = group.attach
    if isinstance(attach, _Process):
        where: str | Process | None = Process(attach.pid, attach.began)
    else:
        where = None if attach is None else namespace_name(attach)
    return VhidConfig(instance=instance, netns=netns, name=group.name, attach=where)


def _read_address(text: str) -> VirtualAddress:
    """Return an address as a command may have given it, which is more than a file may have."""
    first, _, length = text.partition("/")
    address = ip_address(first)
    if not (length.isascii() and length.isdigit() and int(length) <= address.max_prefixlen):
        raise ValueError(text)
    return VirtualAddress(address, int(length))


def _read_setting_change(change: _SettingChange) -> SettingChange:
    for value in (change.was, change.now):
        if not _may_be(change.name, value) or (value is None and change.netns is None):
            raise ValueError(change.name)
    return SettingChange(netns=change.netns, name=change.name, was=change.was, now=change.now)


def _may_be(name: str, value: _Value) -> bool:
    field = _FIELDS.get(name)
    if field is None or value is None:
        return field is not None
    if field.kind is Kind.BOOLEAN or isinstance(value, bool):
        return field.kind is Kind.BOOLEAN and isinstance(value, bool)
    return field.low is not None and field.high is not None and field.low <= value <= field.high
