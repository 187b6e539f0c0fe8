"""Names of hosts: from hosts(5), and with a dot in them also from the resolver.

A name without a dot is not asked for outside: it is more likely a keyword with a typing error,
which no name server should turn into an address.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from carpio.bsd.addresses import Resolve
from carpio.bsd.formats import Formats
from carpio.bsd.show_addresses import NameOf

__all__ = ["namer", "resolver"]


def resolver(root: Path) -> Resolve:
    """Return how to find the address of a host; `root` is where /etc is."""

    def resolve(name: str, version: int) -> str | None:
        found = _in_hosts(root / "etc" / "hosts", name, version)
        if found is not None or "." not in name.rstrip("."):
            return found
        return _asked(name, version)

    return resolve


def _in_hosts(file: Path, name: str, version: int) -> str | None:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if name.lower() not in (each.lower() for each in names):
            continue
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            continue
        if parsed.version == version:
            return str(parsed)
    return None


def _asked(name: str, version: int) -> str | None:
    import socket  # few calls have a host name

    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0]).partition("%")[0]


def namer(formats: Formats) -> NameOf:
    """Return how to write an address: as it is, or as the name of its host."""
    if formats.addr == "numeric":
        return lambda address: address
    return lambda address: _name_of(address, is_full=formats.addr == "fqdn")


def _name_of(address: str, *, is_full: bool) -> str:
    import socket

    try:
        name, _ = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)
    except (OSError, UnicodeError):
        return address
    return name if is_full else name.partition(".")[0]
