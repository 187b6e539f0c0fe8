"""How addresses are to be shown: the option -f and the variable IFCONFIG_FORMAT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["DEFAULT", "Formats", "parse_formats"]


class Formats(msgspec.Struct, frozen=True, kw_only=True):
    """One choice for each type of address."""

    addr: str = "numeric"
    ether: str = "colon"
    inet: str = "hex"
    inet6: str = "numeric"


DEFAULT: Final = Formats()
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "addr": ("numeric", "host", "fqdn", "default"),
    "ether": ("colon", "dash", "dotted", "default"),
    "inet": ("cidr", "dotted", "hex", "default"),
    "inet6": ("cidr", "numeric", "default"),
}


def parse_formats(text: str, formats: Formats = DEFAULT) -> tuple[Formats, list[str]]:
    """Return `formats` changed as `text` says, and warnings about what it says in vain."""
    remarks = []
    for part in text.split(","):
        kind, _, choice = part.partition(":")
        if part == "default":
            formats = DEFAULT
        elif part == "cidr":
            formats = msgspec.structs.replace(formats, inet="cidr", inet6="cidr")
        elif choice in _CHOICES.get(kind, ()):
            chosen = getattr(DEFAULT, kind) if choice == "default" else choice
            formats = msgspec.structs.replace(formats, **{kind: chosen})
        else:
            remarks.append(f"format {part!r} is not known and left out")
    return formats, remarks
