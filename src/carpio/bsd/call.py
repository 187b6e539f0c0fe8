"""The options of one ifconfig call, and which kind of call they make it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from carpio.bsd.formats import DEFAULT, Formats, parse_formats
from carpio.bsd.keywords import FAMILIES, Family
from carpio.bsd.options import OptionError, parse_options

__all__ = ["Call", "ChangeCall", "FileCall", "GroupCall", "KindsCall", "ListCall", "parse_call"]


class KindsCall(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what can be created (-C)."""


class GroupCall(msgspec.Struct, frozen=True, kw_only=True):
    """Tell who is in an interface group (-g)."""

    group: str


class ListCall(msgspec.Struct, frozen=True, kw_only=True):
    """Show interfaces: one, or all that fit."""

    interface: str | None
    family: Family | None
    only_names: bool
    up: bool | None
    """Only those that are up, or down; None for both."""
    group: str | None
    without_group: str | None
    with_keys: bool
    with_lifetimes: bool
    formats: Formats


class ChangeCall(msgspec.Struct, frozen=True, kw_only=True):
    """Change one interface; the words are not read yet."""

    interface: str
    words: tuple[str, ...]


class FileCall(msgspec.Struct, frozen=True, kw_only=True):
    """Carry out the ifconfig lines of a file (-F)."""

    file: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A whole call."""

    what: KindsCall | GroupCall | ListCall | ChangeCall | FileCall
    jail: str | None
    start: bool
    """Whether to start the daemon if it does not run."""
    remarks: tuple[str, ...]


def parse_call(argv: Sequence[str], environ_format: str = "") -> Call:
    """Return what is asked for. Raises OptionError; without a text the usage is all to say."""
    start = bool(argv) and argv[0] == "--start"
    found, words = parse_options(
        argv[1:] if start else argv, switches="aklmnuvdDLC", valued="fjgGF"
    )
    letters = {letter for letter, _ in found}
    values = dict(found)
    formats, remarks = DEFAULT, []
    for text in (environ_format, *(value for letter, value in found if letter == "f")):
        if text:
            formats, more = parse_formats(text, formats)
            remarks += more
    if "l" in letters and letters & {"a", "m"}:
        raise OptionError("")
    if {"u", "d"} <= letters:
        raise OptionError("")
    return Call(
        what=_what(letters, values, words, formats),
        jail=values.get("j"),
        start=start,
        remarks=tuple(remarks),
    )


def _what(
    letters: set[str], values: dict[str, str], words: list[str], formats: Formats
) -> KindsCall | GroupCall | ListCall | ChangeCall | FileCall:
    if "C" in letters or "F" in letters:
        if words or {"C", "F"} <= letters:
            raise OptionError("")
        return KindsCall() if "C" in letters else FileCall(file=values["F"])
    is_list = bool(letters & {"a", "l"})
    if "g" in letters and not is_list and not words:
        return GroupCall(group=values["g"])
    interface = None
    if words and not is_list:
        interface = words.pop(0)
        if len(words) > 1 or (words and words[0] not in FAMILIES):
            return ChangeCall(interface=interface, words=tuple(words))
    if len(words) > 1 or (words and words[0] not in FAMILIES):
        raise OptionError("")
    return ListCall(
        interface=interface,
        family=FAMILIES[words[0]] if words else None,
        only_names="l" in letters,
        up={"u": True, "d": False}.get(next(iter(letters & {"u", "d"}), "")),
        group=values.get("g"),
        without_group=values.get("G"),
        with_keys="k" in letters,
        with_lifetimes="L" in letters,
        formats=formats,
    )
