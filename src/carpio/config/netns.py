"""`[[netns]]` tables become settings of network namespaces, each namespace in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from carpio.config.addresses import Unusable, namespace_name
from carpio.config.decode import decode_table, refuse_unknown
from carpio.config.files import Source
from carpio.config.model import NamespaceSettings
from carpio.config.problems import Place, Problems
from carpio.config.schema import NETNS, TOP_LEVEL, VHID

__all__ = ["NetnsEntry", "read_netns", "refuse_repeated"]

_KNOWN: Final = tuple(field.name for field in NETNS)
_ELSEWHERE: Final = {
    **{field.name: "it belongs below [[vhid]]" for field in VHID},
    **{field.name: "it is the same for all; write it at the top level" for field in TOP_LEVEL},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetnsEntry:
    """What could be read of a table; `name` None where it has no usable one."""

    place: Place
    name: str | None
    settings: NamespaceSettings


def read_netns(source: Source, problems: Problems) -> list[NetnsEntry]:
    """Return the namespaces of one file in order, and note what is wrong with them."""
    tables = source.data.get("netns", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        remedy = "write [[netns]]; the netns of a group belongs below [[vhid]]"
        problems.error(source.place("netns"), "is not a list of tables", remedy)
        return []
    return [_read(source, index, table, problems) for index, table in enumerate(tables)]


def _read(source: Source, index: int, table: dict[str, Any], problems: Problems) -> NetnsEntry:
    place_of = partial(source.place, "netns", index)
    refuse_unknown(table, _KNOWN, _ELSEWHERE, place_of, problems)
    values = decode_table(NETNS, table, place_of, problems)
    name = values.pop("name", None)
    if name is not None:
        try:
            namespace_name(name)
        except Unusable as error:
            problems.error(place_of("name"), error.what, error.remedy)
            name = None
    return NetnsEntry(place=place_of("name"), name=name, settings=NamespaceSettings(**values))


def refuse_repeated(entries: Sequence[NetnsEntry], problems: Problems) -> None:
    """Note namespaces that have a table already."""
    seen: dict[str, Place] = {}
    for entry in entries:
        if entry.name is None:
            continue
        first = seen.setdefault(entry.name, entry.place)
        if first is not entry.place:
            what = f"{entry.name} has its settings already at {first.file}:{first.line or '?'}"
            problems.error(entry.place, what, "write one [[netns]] for it")
