"""sysctl.conf(5): its lines, and what of them carpio.toml can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Imported", "Line", "import_sysctl_conf", "lines_of", "number_of", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is left of a line without comment and blanks; `number` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The lines of a carpio.toml, and what could not become one, each with its place."""

    toml: str
    remarks: tuple[str, ...]


def lines_of(text: str) -> list[Line]:
    """Return the lines that say something."""
    found = [
        Line(number=number, text=_without_comment(line).strip())
        for number, line in enumerate(text.split("\n"), 1)
    ]
    return [line for line in found if line.text]


def _without_comment(line: str) -> str:
    """Return what is before a `#` that is neither in quotes nor behind a backslash."""
    quote = before = ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and before != "\\":
            return line[:position]
        before = character
    return line


def split(text: str) -> tuple[str, str | None]:
    """Return name and value of `NAME=VALUE` or `NAME: VALUE`; without a value it is None.

    A pair of quotes around the value goes; a trailing dot of the name too.
    """
    marks = [position for position in (text.find("="), text.find(":")) if position >= 0]
    if not marks:
        return text.rstrip().removesuffix("."), None
    name, value = text[: min(marks)].rstrip(), text[min(marks) + 1 :].lstrip()
    if value[:1] in ("'", '"'):
        value = value[1:].removesuffix(value[0])
    return name.removesuffix("."), value


def number_of(text: str) -> int | None:
    """Return a whole number of 32 bits as strtol(3) reads it: decimal, 0x hex or 0 octal.

    None when it is none.
    """
    digits = text.lstrip().lower()
    sign = digits[:1] if digits[:1] in ("+", "-") else ""
    digits = digits.removeprefix(sign)
    base = 10
    if digits.startswith("0x"):
        base, digits = 16, digits[2:]
    elif digits.startswith("0"):
        base = 8
    if not digits or set(digits) - set("0123456789abcdef"[:base]):
        return None
    number = int(sign + digits, base)
    return number if -(2**31) <= number < 2**31 else None


# -- from sysctl.conf to carpio.toml -----------------------------------------------------------

_BOOLEANS: Final = ("preempt", "allow")
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "dscp": (0, 63),
    "log": (0, 7),
    "ifdown_demotion_factor": (0, 2**31 - 1),
    "senderr_demotion_factor": (0, 2**31 - 1),
}
"""Whole numbers of the top level of carpio.toml."""
_CARP: Final = "net.inet.carp."
_LINUX: Final[Mapping[str, str]] = {
    "net.inet.ip.forwarding": "net.ipv4.ip_forward",
    "net.inet6.ip6.forwarding": "net.ipv6.conf.all.forwarding",
}


def import_sysctl_conf(text: str, name: str) -> Imported:
    """Return the keys of the top level that a sysctl.conf(5) called `name` asks for."""
    keys: dict[str, str] = {}
    remarks = []
    for line in lines_of(text):
        oid, value = split(line.text)
        try:
            key, shown = _key_of(oid, value)
        except ValueError as error:
            remarks.append(f"{name}:{line.number}: {error}")
        else:
            keys[key] = shown  # the last one counts, as there
    toml = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return Imported(toml=toml, remarks=tuple(remarks))


def _key_of(oid: str, value: str | None) -> tuple[str, str]:
    """Return key and value in TOML. Raises ValueError, which says why there is none."""
    if value is None:
        raise ValueError(f"{oid}: no value, left out")
    key = oid.removeprefix(_CARP)
    if not oid.startswith(_CARP) or (key not in _BOOLEANS and key not in _RANGES):
        raise ValueError(_why_left_out(oid, value))
    number = number_of(value)
    if number is None:
        raise ValueError(f"{oid}: invalid integer '{value}', left out")
    if key in _BOOLEANS:
        return key, "true" if number else "false"
    low, high = _RANGES[key]
    if not low <= number <= high:
        raise ValueError(f"{oid}: {number} is not in {low} to {high}, left out")
    return key, str(number)


def _why_left_out(oid: str, value: str) -> str:
    match oid:
        case "net.inet.carp.demotion":
            return (
                f"{oid}: not kept in a file: it is added once, by "
                f"`carpio sysctl {oid}={value}` while the daemon runs; left out"
            )
        case _ if oid in _LINUX:
            return f"{oid}: for /etc/sysctl.d here: {_LINUX[oid]} = {value}; left out"
        case _:
            return f"{oid}: not a setting of carpio, left out"
