"""The parameters of a jail as jls(8) knows them: all that there are, and their values in effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from carpio.jail.addresses import FAMILIES, parse_addresses
from carpio.jail.parameters import PARAMETERS, Fate, Kind, Parameter, parameter
from carpio.jail.ports import Record
from carpio.jail.values import Setpoint

__all__ = ["all_names", "family_addresses", "is_settable", "is_shown", "value_of"]

_OF_THE_TOOL: Final = frozenset(
    {"command", "depend", "interface", "ip_hostname", "mount", "stop.timeout", "vnet.interface"}
)
_GROUPS_OF_THE_TOOL: Final = ("exec.", "mount.")
"""What jail(8) works with and the jail itself does not have; unknown to jls there, too."""
_FIXED: Final[Mapping[str, Setpoint]] = {
    "parent": 0,
    "children.cur": 0,
    "children.max": 0,
    "securelevel": -1,
}

_Key: TypeAlias = tuple[bool, str]


def is_shown(name: str) -> bool:
    """Return whether jls knows a parameter."""
    known = parameter(name)
    if known is None or name in _OF_THE_TOOL or name.startswith(_GROUPS_OF_THE_TOOL):
        return False
    return known.fate in (Fate.READ, Fate.READ_ONLY) or name in _FIXED


def all_names(records: Iterable[Record]) -> list[str]:
    """Return all parameters: first those without a dot, each part by the alphabet.

    Of parameters that are many, such as `meta.KEY`, those that a jail has.
    """
    single = {each.name for each in PARAMETERS if not each.name.endswith("*")}
    found = single.union(*(record.values for record in records))
    return sorted(filter(is_shown, found), key=_order)


def _order(name: str) -> _Key:
    return "." in name, name


def value_of(record: Record, name: str) -> Setpoint:
    """Return what is in effect for a parameter that is known."""
    match name:
        case "jid" | "cpuset.id":
            return record.jid
        case "name":
            return record.name
        case "path":
            return record.path
        case "persist":
            return record.is_persistent
        case "dying":
            return record.holder is None
        case "ip4" | "ip6":
            return _mode(record, name)
        case "ip4.addr" | "ip6.addr":
            return family_addresses(record, name)
        case _ if name in _FIXED:
            return _FIXED[name]
        case _:
            known = parameter(name)
            return record.values.get(name, _default(known) if known else "")


def family_addresses(record: Record, name: str) -> tuple[str, ...]:
    """Return the bare addresses of `ip4.addr` or `ip6.addr`."""
    texts = record.values.get(name, ())
    found, _ = parse_addresses(texts if isinstance(texts, tuple) else (), FAMILIES[name], None)
    return tuple(setting.address for setting in found)


def _mode(record: Record, name: str) -> str:
    if record.values.get("vnet") == "new":
        return "inherit"
    if family_addresses(record, f"{name}.addr"):
        return "new"
    return str(record.values.get(name, "disable"))


def _default(known: Parameter) -> Setpoint:
    match known.kind:
        case Kind.BOOLEAN:
            return known.default == "true"
        case Kind.INTEGER:
            return int(known.default or 0)
        case Kind.LIST:
            return ()
        case Kind.STRING | Kind.MODE:
            return known.default


def is_settable(record: Record, name: str, names: Sequence[str]) -> bool:
    """Return whether a jail that is to be like this one must be told this parameter.

    Not what cannot be set, nor what belongs to a mode that is not `new`.
    """
    known = parameter(name)
    if known is None or known.fate is Fate.READ_ONLY:
        return False
    group, dot, _ = name.partition(".")
    leader = parameter(group) if dot and group in names else None
    if leader is None or leader.kind is not Kind.MODE:
        return True
    return value_of(record, group) == "new"
