"""What the parameters of a jail mean, and all that is wrong with them, told together.

Looks at nothing but the parameters: whether directories and users are there is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from carpio.bsd.addresses import is_interface_name
from carpio.errors import CarpioError
from carpio.jail.addresses import FAMILIES, AddressSetting, parse_addresses
from carpio.jail.parameters import Fate, Kind, Parameter, base_name, parameter
from carpio.jail.resolve import Jail, Setting
from carpio.jail.values import Setpoint

__all__ = ["Judged", "Setpoint", "judge"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_LONGEST_NUMBER: Final = 18
"""Characters; what has more is out of every range."""
_LONGEST_NAME: Final = 255
_NAME: Final = re.compile(r"(?!-)(?:(?!\*(?:\.|\Z))[^./]+)(?:\.(?!\*(?:\.|\Z))[^./]+)*")
"""Not what `jail -r` would take for all jails, or for an option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a jail asks for. Only what is set is in it; empty texts of lists are left out."""

    values: Mapping[str, Setpoint]
    """By base name."""
    addresses: tuple[AddressSetting, ...] = ()
    """IPv4 first, each in the order of its list."""
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why the jail cannot be created."""


def judge(jail: Jail) -> Judged:
    """Return what the parameters mean; texts are without the name of the jail."""
    if jail.problems:
        return Judged(values={}, problems=jail.problems)
    judgement = _Judgement()
    for setting in jail.settings:
        judgement.take(setting)
    judgement.look_at_the_whole(is_from_file=jail.name != "")
    return Judged(
        values=judgement.values,
        addresses=tuple(judgement.addresses),
        warnings=tuple(judgement.warnings),
        problems=tuple(judgement.problems),
    )


class _BadValueError(CarpioError):
    """A value that means nothing; the text is without the parameter."""


@dataclass(slots=True)
class _Judgement:
    values: dict[str, Setpoint] = field(default_factory=dict)
    addresses: list[AddressSetting] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, setting: Setting) -> None:
        """Read one parameter."""
        name = base_name(setting.name)
        known = parameter(name)
        if known is None:
            self.problems.append(f"unknown parameter: {setting.name}")
            return
        if not known.name.endswith("*"):
            name = known.name
        match known.fate:
            case Fate.IGNORED:
                self.warnings.append(f"{setting.name}: not supported on Linux, ignored")
            case Fate.REFUSED:
                if known.kind is not Kind.BOOLEAN or self._value(known, setting) is not False:
                    self.problems.append(f"{setting.name}: not supported on Linux")
            case Fate.REFUSED_UNLESS_ZERO:
                value = self._value(known, setting)
                if value is not None and value != 0 and (name, value) != ("securelevel", -1):
                    self.problems.append(f"{setting.name}: not supported on Linux")
            case Fate.READ_ONLY:
                self.problems.append(f"{setting.name}: cannot be set")
            case Fate.READ:
                value = self._value(known, setting)
                if value is not None:
                    self.values[name] = value
            case _:
                assert_never(known.fate)

    def _value(self, known: Parameter, setting: Setting) -> Setpoint | None:
        """Return the value, or note what is wrong with it."""
        try:
            return _value(known, setting)
        except _BadValueError as error:
            self.problems.append(f"{setting.name}: {error}")
            return None

    def look_at_the_whole(self, *, is_from_file: bool) -> None:
        """Judge what concerns more than one value; on a command line paths may be relative."""
        self.problems += _problems_of_name(self.values)
        self.problems += _problems_of_texts(self.values, is_from_file=is_from_file)
        interface = self.values.get("interface") or None
        for name, family in FAMILIES.items():
            texts = self.values.get(name, ())
            if isinstance(texts, tuple) and (interface is None or isinstance(interface, str)):
                addresses, problems = parse_addresses(texts, family, interface)
                self.addresses += addresses
                self.problems += [f"{name}: {problem}" for problem in problems]
        if self.values.get("vnet") == "new" and any(self.values.get(name) for name in FAMILIES):
            self.problems.append("vnet jails cannot have IP address restrictions")
        weak = [n for n, value in self.values.items() if n.startswith("allow.mount") and value]
        if weak:
            self.warnings.append(f"{weak[0]}: weakens the jail, which gets CAP_SYS_ADMIN")
        if self.values.get("carpio.unrestricted") and self.values.get("vnet") != "new":
            self.warnings.append("carpio.unrestricted: the jail may use all addresses of the host")


def _problems_of_name(values: Mapping[str, Setpoint]) -> Iterator[str]:
    name = values.get("name")
    if not isinstance(name, str):
        return
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or not name.isprintable():
        yield f"name {name[:_LONGEST_NAME]}: not a name for a jail"
    elif name.isascii() and name.isdigit() and name != str(values.get("jid")):
        yield f"name {name}: only digits, but not the jid"


def _problems_of_texts(values: Mapping[str, Setpoint], *, is_from_file: bool) -> Iterator[str]:
    path = values.get("path")
    if is_from_file and isinstance(path, str) and not path.startswith("/"):
        yield f"path {path}: not an absolute pathname"
    log = values.get("exec.consolelog")
    if isinstance(log, str) and log and not log.startswith("/"):
        yield f"exec.consolelog: {log}: not an absolute pathname"
    interface = values.get("interface")
    if isinstance(interface, str) and interface and not is_interface_name(interface):
        yield f"interface: {interface}: not a name for an interface"


# -- values ------------------------------------------------------------------------------------


def _value(known: Parameter, setting: Setting) -> Setpoint | None:
    """Return the value of a parameter. Raises _BadValueError."""
    match known.kind:
        case Kind.BOOLEAN:
            return _boolean(setting)
        case Kind.INTEGER:
            return _integer(known, setting)
        case Kind.MODE:
            return _mode(known, setting)
        case Kind.STRING:
            return setting.values[-1] if setting.values else ""
        case Kind.LIST:
            return tuple(value for value in setting.values if value)
        case _:
            assert_never(known.kind)


def _is_negated(setting: Setting) -> bool:
    return base_name(setting.name) != setting.name


def _boolean(setting: Setting) -> bool:
    text = setting.values[-1].lower() if setting.values else "true"
    if text in ("true", "false"):
        value = text == "true"
    elif _INTEGER.fullmatch(text):
        value = text.strip("+-0") != ""
    else:
        raise _BadValueError(f'unknown boolean value "{setting.values[-1]}"')
    return value != _is_negated(setting)


def _integer(known: Parameter, setting: Setting) -> int | None:
    text = setting.values[-1] if setting.values else ""
    if not _INTEGER.fullmatch(text):
        raise _BadValueError(f'non-integer value "{text}"')
    value = int(text) if len(text) <= _LONGEST_NUMBER else known.highest + 1
    if not known.lowest <= value <= known.highest:
        raise _BadValueError(f"{text[:_LONGEST_NUMBER]}: out of range")
    return value


def _mode(known: Parameter, setting: Setting) -> str:
    if not setting.values:
        return known.modes[-1] if _is_negated(setting) else "new"
    text = setting.values[-1]
    if text.lower() not in known.modes or _is_negated(setting):
        raise _BadValueError(f'unknown value "{text}"; may be {", ".join(known.modes)}')
    return text.lower()
