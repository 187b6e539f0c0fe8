"""jls(8) of FreeBSD: the jails that are known here, in columns, as values, or for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from carpio.bsd.libxo import Style, take_style
from carpio.bsd.options import OptionError, parse_options
from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.jls_format import columns, details, encoded, facts, named_facts, values_line
from carpio.jail.jls_values import all_names, is_shown
from carpio.jail.ports import Record, Registry
from carpio.jail.registry import FileRegistry, state_directory

__all__ = ["list_jails", "run"]

_USAGE: Final = "usage: jls [-acdhNnqsv] [-j jail] [--libxo style] [param ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line."""

    letters: frozenset[str]
    jail: str | None
    names: tuple[str, ...]
    """Parameters that are asked for."""
    style: Style

    def has(self, letters: str) -> bool:
        return not self.letters.isdisjoint(letters)

    @property
    def shows_parameters(self) -> bool:
        """Whether it is about parameters, not columns."""
        return bool(self.names) or self.has("hns")

    @property
    def is_verbose(self) -> bool:
        return self.has("v") and not self.shows_parameters


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status. Raises CarpioError, OSError."""
    registry = FileRegistry(
        state_directory(world.environ), lambda text: world.remark(f"jls: {text}")
    )
    return list_jails(argv, world, registry)


def list_jails(argv: Sequence[str], world: World, registry: Registry) -> int:
    """Print what is known of jails. Raises CarpioError."""
    try:
        options = _options(argv)
    except OptionError as error:
        if str(error):
            world.remark(f"jls: {error}")
        world.remark(_USAGE)
        return 1
    unknown = [name for name in options.names if name != "all" and not is_shown(name)]
    if unknown:
        raise CarpioError(f"unknown parameter: {unknown[0]}")
    records = _chosen(options, registry)
    if options.has("c"):
        return 0 if records else 1
    if options.jail is not None and not records:
        raise CarpioError(f'jail "{options.jail}" not found')
    for line in _lines(records, options):
        world.say(line)
    return 0


def _options(argv: Sequence[str]) -> _Options:
    """Return what the command line says; the later of -h, -n, -s and -v counts as there."""
    words, style = take_style(argv)
    found, names = parse_options(words, switches="acdhNnqsv", valued="j")
    letters: set[str] = set()
    for letter, _ in found:
        letters -= set(_OVERRIDDEN.get(letter, ""))
        letters.add(letter)
    last = dict(found)
    if "c" in letters and "j" not in last:
        raise OptionError("-j jail to check must be provided for -c")
    return _Options(letters=frozenset(letters), jail=last.get("j"), names=tuple(names), style=style)


_OVERRIDDEN: Final = {"h": "sv", "n": "v", "s": "hv", "v": "hns"}


def _chosen(options: _Options, registry: Registry) -> list[Record]:
    if options.jail is None:
        found = list(registry.records())
    else:
        one = registry.find(options.jail)
        found = [] if one is None else [one]
    return [each for each in found if each.holder is not None or options.has("ad")]


def _lines(records: Sequence[Record], options: _Options) -> list[str]:
    names = _names(options, records)
    only_settable = options.has("s")
    if options.style.encoding != "text":
        jails = [
            named_facts(each, names, only_settable=only_settable)
            if options.shows_parameters
            else facts(each, by_name=options.has("N"), is_verbose=options.is_verbose)
            for each in records
        ]
        return [encoded(jails, options.style)]
    if not options.shows_parameters:
        return list(
            details(records) if options.is_verbose else columns(records, by_name=options.has("N"))
        )
    lines = [
        values_line(
            each,
            names,
            with_names=options.has("ns"),
            is_quoted=options.has("qs"),
            only_settable=only_settable,
        )
        for each in records
    ]
    return [" ".join(names), *lines] if options.has("h") else lines


def _names(options: _Options, records: Sequence[Record]) -> list[str]:
    if not options.names:
        return all_names(records)
    return [
        each for name in options.names for each in (all_names(records) if name == "all" else [name])
    ]
