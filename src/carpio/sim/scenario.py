"""Scenario files: TOML to faults and back, with every problem told by line, key and remedy."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from carpio.config.addresses import Unusable, parse_virtual_address
from carpio.config.locate import KeyPath, key_lines
from carpio.config.problems import Place, Problems, in_reading_order
from carpio.errors import ConfigError
from carpio.sim.faults import KINDS, Fault, FaultKind, Setting, Value
from carpio.sim.units import exact, parse_duration
from carpio.wire.constants import Family

__all__ = ["Scenario", "read_scenario", "scenario_toml"]

_TOP: Final = ("title", "teaches", "for", "datapath", "fault")
_DATAPATHS: Final = ("real", "naive")
_ROLES: Final = ("master", "backup")
_MILLIONTHS: Final = 10_000
"""Of a percent."""
_MILLION: Final = 1_000_000
_ANY: Final[Mapping[str, Collection[str]]] = MappingProxyType({})

PlaceOf: TypeAlias = Callable[[str], Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Timed faults, and what they teach."""

    title: str = ""
    teaches: str = ""
    duration: int | None = None
    """Nanoseconds; None: as long as asked for."""
    is_naive: bool = False
    faults: tuple[Fault, ...] = field(default=())

    def in_time(self) -> Scenario:
        """Return it with the faults in the order of time."""
        return replace(self, faults=tuple(sorted(self.faults, key=lambda fault: fault.at)))


def read_scenario(
    path: Path, hosts: Sequence[str], carpdevs: Mapping[str, Collection[str]] = _ANY
) -> Scenario:
    """Read a scenario for `hosts`, in the order of their files. Raises ConfigError, OSError.

    `carpdevs`: the interfaces of each host that have groups; of a host without, any may be named.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
        lines = key_lines(text)
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: not UTF-8 text; save it as UTF-8"]) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}; see https://toml.io"]) from error
    problems = Problems()
    scenario = _Reader(path, lines, hosts, carpdevs, problems).scenario(data)
    if problems.errors:
        raise ConfigError(in_reading_order(problems.errors))
    return scenario.in_time()


class _Reader:
    """One file."""

    def __init__(
        self,
        path: Path,
        lines: Mapping[KeyPath, int],
        hosts: Sequence[str],
        carpdevs: Mapping[str, Collection[str]],
        problems: Problems,
    ) -> None:
        self._path = path
        self._lines = lines
        self._hosts = hosts
        self._carpdevs = carpdevs
        self._problems = problems
        self._files = list(_by_file(hosts).values())

    def scenario(self, data: Mapping[str, Any]) -> Scenario:
        place_of = partial(self._place, ())
        self._refuse_unknown(data, _TOP, place_of)
        text = {name: self._text(data, name, place_of) for name in ("title", "teaches")}
        duration = None
        if "for" in data:
            duration = self._duration(data["for"], place_of("for"))
            if duration == 0:
                self._wrong(data["for"], "let some time pass", place_of("for"))
        datapath = data.get("datapath", "real")
        if datapath not in _DATAPATHS:
            self._wrong(datapath, 'write "real" or "naive"', place_of("datapath"))
        tables = data.get("fault", [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._wrong(tables, "write [[fault]] tables", place_of("fault"))
            tables = []
        found = [self._faults(table, number) for number, table in enumerate(tables)]
        for number, faults in enumerate(found):
            self._check(faults, number, found[:number], duration)
        return Scenario(
            title=text["title"],
            teaches=" ".join(text["teaches"].split()),
            duration=duration,
            is_naive=datapath == "naive",
            faults=tuple(fault for faults in found for fault in faults),
        )

    def _faults(self, table: Mapping[str, Any], number: int) -> list[Fault]:
        """Return a fault for each host that is meant: a number means all of its file."""
        fault = self._fault(table, number)
        if fault is None:
            return []
        if not fault.host or not _is_whole(table["host"]):
            return [fault]
        names = self._files[table["host"] - 1]
        having = [name for name in names if self._has(name, fault.interface)]
        return [replace(fault, host=name) for name in having or names]

    def _has(self, host: str, interface: str) -> bool:
        return not interface or interface in self._carpdevs.get(host, ())

    def _fault(self, table: Mapping[str, Any], number: int) -> Fault | None:
        place_of = partial(self._place, ("fault", number))
        words = [kind.value for kind in FaultKind]
        word = table.get("kind")
        if word not in words:
            close = difflib.get_close_matches(str(word), words, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"one of {', '.join(words)}"
            what = "is missing" if word is None else f"{word!r} is no kind of fault"
            self._problems.error(place_of("kind"), what, remedy)
            return None
        kind = FaultKind(word)
        settings = KINDS[kind].settings
        known = ("kind", "at", "for", *(one.name for one in settings))
        self._refuse_unknown(table, known, place_of)
        values: dict[str, Any] = {}
        if "at" in table:
            values["at"] = self._duration(table["at"], place_of("at"))
        else:
            self._problems.error(place_of("at"), "is missing", f"add it: {Value.DURATION.value}")
        if "for" in table:
            values["lasts"] = self._duration(table["for"], place_of("for"))
        for setting in settings:
            if setting.name in table:
                values[setting.name] = self._value(
                    setting, table[setting.name], place_of(setting.name)
                )
            elif setting.required:
                remedy = f"add it: {setting.value.value}"
                self._problems.error(place_of(setting.name), "is missing", remedy)
        if "at" not in values or None in values.values():
            return None
        return Fault(kind=kind, **values)

    def _check(
        self, faults: Sequence[Fault], number: int, before: Sequence[list[Fault]], end: int | None
    ) -> None:
        """Note what is wrong with a fault among the others."""
        if not faults:
            return
        fault = faults[0]
        place_of = partial(self._place, ("fault", number))
        same = [other for other, known in enumerate(before) if set(known) & set(faults)]
        if same:
            what = f"is the same as fault[{same[0]}]"
            self._problems.error(place_of("kind"), what, "remove one")
        if end and fault.at >= end:
            what = f"{exact(fault.at)} is after the end, {exact(end)}"
            self._problems.error(place_of("at"), what, "let the scenario last longer with for")
        is_role = fault.host in _ROLES and fault.host not in self._hosts
        hosts = self._hosts if is_role else [one.host for one in faults]
        known = sorted({name for host in hosts for name in self._carpdevs.get(host, ())})
        if fault.interface and known and fault.interface not in known:
            remedy = f"write {' or '.join(known)}"
            self._wrong(fault.interface, remedy, place_of("interface"))

    # -- values: None and a problem when they cannot be used ------------------------------------

    def _value(self, setting: Setting, value: object, place: Place) -> Any:
        match setting.value:
            case Value.DURATION:
                return self._duration(value, place)
            case Value.PERCENT if _is_number(value) and 0 <= value <= 100:  # type: ignore[operator]  # a number
                return round(value * _MILLIONTHS)  # type: ignore[operator]  # a number
            case Value.INTEGER if _is_whole(value) and -(2**31) <= value < 2**31:  # type: ignore[operator]  # a number
                return value
            case Value.MILLIONTHS if _is_whole(value) and -_MILLION < value < _MILLION:  # type: ignore[operator]  # a number
                return value
            case Value.HOST:
                return self._host(value, place, roles=True)
            case Value.HOSTS if isinstance(value, list) and value:
                return self._host_list(value, place)
            case Value.DIRECTION if value in ("in", "out"):
                return value
            case Value.FAMILY if _is_whole(value) and value in (4, 6):
                return Family(value)
            case Value.TEXT if isinstance(value, str):
                return value
            case Value.ADDRESSES if isinstance(value, list) and _are_texts(value):
                return self._addresses(value, place)
            case _:
                return self._wrong(value, f"write {setting.value.value}", place)

    def _host(self, value: object, place: Place, *, roles: bool) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool):
            if 1 <= value <= len(self._files):
                return self._files[value - 1][0]
            self._wrong(value, f"there are {len(self._files)} hosts", place)
            return None
        known = (*self._hosts, *(_ROLES if roles else ()))
        if value in known:
            return str(value)
        self._wrong(value, f"hosts here: {', '.join(known)}", place)
        return None

    def _host_list(self, values: Sequence[object], place: Place) -> tuple[str, ...] | None:
        names: list[str] = []
        for value in values:
            name = self._host(value, place, roles=False)
            if name is None:
                return None
            names += self._files[value - 1] if isinstance(value, int) else [name]
        return tuple(dict.fromkeys(names))

    def _addresses(self, texts: Sequence[str], place: Place) -> tuple[str, ...] | None:
        try:
            found = [parse_virtual_address(text).address for text in texts]
        except Unusable as error:
            self._problems.error(place, error.what, error.remedy)
            return None
        if len(set(found)) < len(found):
            self._wrong(texts, f"write {Value.ADDRESSES.value}", place)
            return None
        return tuple(texts)

    def _duration(self, value: object, place: Place) -> int | None:
        try:
            return parse_duration(value) if isinstance(value, str) else self._no_duration(value)
        except ValueError as error:
            self._problems.error(place, *str(error).split("; ", 1))
            return None

    def _no_duration(self, value: object) -> int:
        raise ValueError(f"{value!r} is not a duration; write {Value.DURATION.value}")

    def _text(self, data: Mapping[str, Any], name: str, place_of: PlaceOf) -> str:
        value = data.get(name, "")
        if isinstance(value, str):
            return value
        self._wrong(value, f"write {Value.TEXT.value}", place_of(name))
        return ""

    # -- problems --------------------------------------------------------------------------------

    def _place(self, path: KeyPath, key: str) -> Place:
        line = self._lines.get((*path, key)) or self._lines.get(path)
        shown = key if not path else f"{path[0]}[{path[1]}].{key}"
        return Place(self._path, line, shown)

    def _wrong(self, value: object, remedy: str, place: Place) -> Any:
        """Note it; return None, for the caller to return."""
        self._problems.error(place, f"{value!r} is not usable", remedy)

    def _refuse_unknown(
        self, table: Mapping[str, Any], known: Sequence[str], place_of: PlaceOf
    ) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
                self._problems.error(place_of(key), "unknown key", remedy)


def _by_file(hosts: Iterable[str]) -> dict[str, list[str]]:
    """Return the hosts of each file: those of its network namespaces are called `FILE/NETNS`."""
    found: dict[str, list[str]] = {}
    for name in hosts:
        found.setdefault(name.partition("/")[0], []).append(name)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_texts(values: Sequence[object]) -> bool:
    return bool(values) and all(isinstance(one, str) for one in values)


def scenario_toml(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """Return a file that `read_scenario` makes the same of; the times are exact."""
    lines = [f"# {comment}" for comment in comments]
    if scenario.title:
        lines.append(f"title = {_quoted(scenario.title)}")
    if scenario.duration is not None:
        lines.append(f'for = "{exact(scenario.duration)}"')
    if scenario.is_naive:
        lines.append('datapath = "naive"')
    for fault in scenario.faults:
        lines += ["", "[[fault]]", f'kind = "{fault.kind.value}"', f'at = "{exact(fault.at)}"']
        if fault.lasts is not None:
            lines.append(f'for = "{exact(fault.lasts)}"')
        values = {one.name: getattr(fault, one.name) for one in fields(fault)}
        for setting in KINDS[fault.kind].settings:
            if values[setting.name] or setting.required:
                lines.append(f"{setting.name} = {_written(setting, values[setting.name])}")
    return "\n".join(lines) + "\n"


def _written(setting: Setting, value: Any) -> str:
    match setting.value:
        case Value.DURATION:
            return f'"{exact(value)}"'
        case Value.PERCENT:
            return f"{value / _MILLIONTHS:g}"
        case Value.INTEGER | Value.MILLIONTHS | Value.FAMILY:
            return str(int(value))
        case Value.HOSTS | Value.ADDRESSES:
            return f"[{', '.join(map(_quoted, value))}]"
        case _:
            return _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
