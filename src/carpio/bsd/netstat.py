"""netstat(1) of FreeBSD for what carpio knows: `netstat -s`, the statistics of CARP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from carpio.bsd.libxo import Style, take_style
from carpio.bsd.options import OptionError, parse_options
from carpio.bsd.world import World
from carpio.control.network import ChangeSettings, SettingChange, SettingsRequest, SettingsResult

__all__ = ["run"]

_USAGE: Final = """\
usage: netstat [--libxo json|xml|text[,pretty]] [-j jail] -s [-sz] [-p carp]"""
_PROTOCOL: Final = ("carp", "CARP")
"""Its name, and its alias in protocols(5)."""
_SYSTEMS_OWN: Final = ("usr/bin/netstat", "bin/netstat")


@dataclass(frozen=True, slots=True)
class _Line:
    """One counter: its name in the daemon, the one of libxo, and the text behind the number.

    `{s}` is the s of more than one, or of none; `depth` are tabs.
    """

    counter: str
    field: str
    text: str
    depth: int


_LINES: Final = (
    _Line("ipackets", "received-inet-packets", "packet{s} received (IPv4)", 1),
    _Line("ipackets6", "received-inet6-packets", "packet{s} received (IPv6)", 1),
    _Line("badttl", "dropped-wrong-ttl", "packet{s} discarded for wrong TTL", 2),
    _Line("hdrops", "dropped-short-header", "packet{s} shorter than header", 2),
    _Line("badsum", "dropped-bad-checksum", "discarded for bad checksum{s}", 2),
    _Line("badver", "dropped-bad-version", "discarded packet{s} with a bad version", 2),
    _Line("badlen", "dropped-short-packet", "discarded because packet too short", 2),
    _Line("badauth", "dropped-bad-authentication", "discarded for bad authentication", 2),
    _Line("badvhid", "dropped-bad-vhid", "discarded for bad vhid", 2),
    _Line("badaddrs", "dropped-bad-address-list", "discarded because of a bad address list", 2),
    _Line("opackets", "sent-inet-packets", "packet{s} sent (IPv4)", 1),
    _Line("opackets6", "sent-inet6-packets", "packet{s} sent (IPv6)", 1),
    _Line("onomem", "send-failed-memory-error", "send failed due to mbuf memory error", 2),
)
"""Spec 17. What no line shows there (badif, ostates, preempt) has none here either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line."""

    style: Style = field(default_factory=Style)
    statistics: int = 0
    """How often -s was given."""
    reset: bool = False
    protocol: str | None = None
    jail: str | None = None
    is_other: bool = False
    """Something was asked for that only the system's netstat knows."""


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status. Raises CarpioError, OSError."""
    try:
        options = _options(argv)
    except OptionError as error:
        world.remark(f"netstat: {error}")
        world.remark(f"{_USAGE}\n{_others(world)}")
        return 1
    if options.protocol not in (None, *_PROTOCOL):
        world.remark(f"netstat: {options.protocol}: unknown or uninstrumented protocol")
        return 1
    if options.is_other or not options.statistics:
        world.remark(f"netstat: this one knows only -s, of CARP; {_others(world)}")
        return 1
    if options.jail is not None:
        world.enter(options.jail)
    with world.client() as client:
        settings = client.ask(SettingsRequest(), SettingsResult)
        lines = [
            (line, count)
            for line in _LINES
            if (count := settings.stats.get(line.counter, 0)) or options.statistics == 1
        ]
        world.say(_ENCODINGS[options.style.encoding](lines, options.style.is_pretty))
        if options.reset:
            client.ask(ChangeSettings([SettingChange("stats", 0)]), list)
    return 0


def _others(world: World) -> str:
    """Say where the system's own netstat is."""
    found = [path for path in _SYSTEMS_OWN if (world.root / path).exists()]
    where = f"/{found[0]}" if found else "in the package net-tools"
    return f"the system's own is {where}"


# -- the command line --------------------------------------------------------------------------


def _options(argv: Sequence[str]) -> _Options:
    """Return what the command line says. Raises OptionError."""
    words, style = take_style(argv)
    options = _Options(style=style)
    found, rest = parse_options(words, switches=_SWITCHES, valued=_VALUED)
    for letter, value in found:
        match letter:
            case "s":
                options = replace(options, statistics=options.statistics + 1)
            case "z":
                options = replace(options, reset=True)
            case "p":
                options = replace(options, protocol=value)
            case "j":
                options = replace(options, jail=value)
            case "n" | "W" | "l" | "S":
                pass  # how addresses look; there are none
            case _:
                options = replace(options, is_other=True)
    return replace(options, is_other=options.is_other or bool(rest))


_SWITCHES: Final = "46AaBbCcdghiLlmnOoPQRrSsTuWxz"
_VALUED: Final = "FfIjMNpqw"


# -- the output --------------------------------------------------------------------------------


def _text(lines: Sequence[tuple[_Line, int]], _is_pretty: bool) -> str:
    rows = [
        "\t" * line.depth + f"{count} " + line.text.format(s="" if count == 1 else "s")
        for line, count in lines
    ]
    return "\n".join(["carp:", *rows])


# The nesting and the names are those of FreeBSD's source; where libxo puts blanks and line ends
# is from memory.


def _json(lines: Sequence[tuple[_Line, int]], is_pretty: bool) -> str:
    between, indent, colon = (",\n", " " * 6, ": ") if is_pretty else (",", "", ":")
    inner = between.join(f'{indent}"{line.field}"{colon}{count}' for line, count in lines)
    if not is_pretty:
        return f'{{"statistics": {{"carp": {{{inner}}}}}}}'
    return f'{{\n  "statistics": {{\n    "carp": {{\n{inner}\n    }}\n  }}\n}}'


def _xml(lines: Sequence[tuple[_Line, int]], is_pretty: bool) -> str:
    def rows() -> Iterator[tuple[int, str]]:
        yield 0, "<statistics>"
        yield 1, "<carp>"
        for line, count in lines:
            yield 2, f"<{line.field}>{count}</{line.field}>"
        yield 1, "</carp>"
        yield 0, "</statistics>"

    if not is_pretty:
        return "".join(row for _, row in rows())
    return "\n".join("  " * depth + row for depth, row in rows())


_ENCODINGS: Final = {"text": _text, "json": _json, "xml": _xml}
