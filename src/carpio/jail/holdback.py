"""Which addresses wait until exec.prestart is done: those that a group has, or may get there.

FreeBSD adds all addresses of a jail before exec.prestart. Where that command is what attaches an
address to a vhid, the host would answer for it with the MAC of its interface in between
(bug 191832). See ADR 20.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_address
from typing import Final

from carpio.jail.addresses import AddressSetting
from carpio.jail.aliases import same_address
from carpio.jail.invoke import ifconfig_words

__all__ = ["attaching", "is_plain", "mentions", "must_wait"]

_LATER: Final = ("exec.poststart", "exec.created")
_MAYBE: Final = re.compile(r"[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]*")


def is_plain(setting: AddressSetting) -> bool:
    """Return whether an alias is made of it that names no vhid itself."""
    return setting.interface is not None and "vhid" not in setting.extra


def mentions(values: Iterable[str], address: str) -> bool:
    """Return whether one of the commands has an address in it, however it is written."""
    wanted = same_address(address)
    return any(wanted in _addresses_of(value) for value in values)


def attaching(setting: AddressSetting, commands: Callable[[str], Iterable[str]]) -> str | None:
    """Return the last parameter after `exec.prestart` that attaches a plain address to a vhid.

    `commands` returns those of a parameter.
    """
    for parameter in _LATER if is_plain(setting) else ():
        values = [value for value in commands(parameter) if "vhid" in value]
        if mentions(values, setting.address):
            return parameter
    return None


def must_wait(
    setting: AddressSetting,
    *,
    prepare: Collection[str],
    prestart: Collection[str],
    of_groups: Collection[str],
) -> bool:
    """Return whether an alias must not be made before exec.prestart is done.

    `of_groups` are the addresses of all groups.
    """
    return is_plain(setting) and (
        same_address(setting.address) in of_groups
        or mentions([*prepare, *prestart], setting.address)
        or any(ifconfig_words(value) is None for value in prestart)
    )


def _addresses_of(value: str) -> set[str]:
    found = set()
    for text in _MAYBE.findall(value):
        for candidate in (text, text.strip(".:"), text.rstrip(".:") if "::" not in text else text):
            try:
                found.add(str(ip_address(candidate)))
            except ValueError:
                continue
    return found
