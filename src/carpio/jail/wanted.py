"""A jail as it is wanted: its parameters judged, its directory and files looked at.

Everything that can be found wrong before anything is made is found here, and told together.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from carpio.jail.addresses import FAMILIES, AddressSetting, Family
from carpio.jail.aliases import same_address
from carpio.jail.judge import Setpoint, judge
from carpio.jail.mount_lines import link_below, mounts_of
from carpio.jail.ports import MountLine
from carpio.jail.resolve import Jail

__all__ = [
    "Checked",
    "Wanted",
    "checked",
    "is_of_jail",
    "number_of",
    "text_of",
    "texts_of",
    "wanted_of",
]

_OF_THE_COMMAND: Final = frozenset(
    {"command", "depend", "interface", "ip_hostname", "mount", "stop.timeout", "vnet.interface"}
)

Resolve = Callable[[str], Sequence[tuple[Family, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a jail is to be."""

    label: str
    """What messages call it; empty for one given on the command line."""
    name: str
    """Empty: its jid."""
    jid: int | None
    path: str
    """Absolute, without symbolic links."""
    values: Mapping[str, Setpoint] = field(repr=False)
    """By base name."""
    addresses: tuple[AddressSetting, ...] = ()
    mounts: tuple[MountLine, ...] = ()
    argv: tuple[str, ...] = field(default=(), repr=False)
    """The `command` of the command line, one call."""

    @property
    def depends(self) -> tuple[str, ...]:
        """Jails that must run before."""
        return texts_of(self.values, "depend")

    @property
    def is_lasting(self) -> bool:
        """Whether it stays without processes."""
        return self.values.get("persist") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A jail that was looked at."""

    wanted: Wanted
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it cannot be created or changed."""


def is_of_jail(name: str) -> bool:
    """Return whether a parameter says what the jail is, not what the command does."""
    return name not in _OF_THE_COMMAND and not name.startswith(("exec.", "mount."))


def texts_of(values: Mapping[str, Setpoint], name: str) -> tuple[str, ...]:
    """Return the values of a list."""
    value = values.get(name, ())
    return value if isinstance(value, tuple) else ()


def text_of(values: Mapping[str, Setpoint], name: str) -> str:
    """Return a text, empty when it is not set."""
    value = values.get(name, "")
    return value if isinstance(value, str) else ""


def number_of(values: Mapping[str, Setpoint], name: str, default: int) -> int:
    """Return a number."""
    value = values.get(name, default)
    return value if isinstance(value, int) else default


def wanted_of(jail: Jail) -> Checked:
    """Return what the parameters say, without looking at anything else."""
    judged = judge(jail)
    values = judged.values
    is_from_file = jail.name != ""
    path = text_of(values, "path") or "/"
    wanted = Wanted(
        label=jail.name,
        name=text_of(values, "name") or (jail.name if jail.problems else ""),
        jid=number_of(values, "jid", 0) or None,
        path=os.path.realpath(path),
        values=values,
        addresses=judged.addresses,
        argv=() if is_from_file else _command_of(jail),
    )
    return Checked(wanted=wanted, warnings=judged.warnings, problems=judged.problems)


def checked(first: Checked, resolve: Resolve, *, is_new: bool) -> Checked:
    """Look at directory, files and host names as well; `is_new`: the jail is to be created."""
    wanted = first.wanted
    if first.problems and not wanted.values:
        return first
    problems = list(first.problems)
    if is_new:
        problems += _problems_of_path(wanted)
        if not (wanted.is_lasting or texts_of(wanted.values, "exec.start") or _has_command(wanted)):
            problems.append("needs persist, exec.start or command")
        if texts_of(wanted.values, "vnet.interface") and wanted.values.get("vnet") != "new":
            problems.append("vnet.interface: only for a jail with vnet")
    mounts, more = mounts_of(wanted.values, wanted.path) if is_new else ([], [])
    problems += more
    problems += _problems_of_log(wanted)
    addresses = list(wanted.addresses)
    if not problems and wanted.values.get("ip_hostname"):
        found, problem = _addresses_of_host(wanted, resolve)
        addresses += found
        problems += [problem] if problem else []
        addresses.sort(key=lambda one: one.family)  # IPv4 first; otherwise as they were
    return Checked(
        wanted=_with(wanted, tuple(addresses), tuple(mounts)),
        warnings=first.warnings,
        problems=tuple(problems),
    )


def _with(
    wanted: Wanted, addresses: tuple[AddressSetting, ...], mounts: tuple[MountLine, ...]
) -> Wanted:
    """Return the jail with bare addresses in its values, as it gets them: without passphrases."""
    values = dict(wanted.values)
    for name, family in FAMILIES.items():
        bare = tuple(one.address for one in addresses if one.family == family)
        if bare:
            values[name] = bare
            values.setdefault(name.partition(".")[0], "new")
    return Wanted(
        label=wanted.label,
        name=wanted.name,
        jid=wanted.jid,
        path=wanted.path,
        values=values,
        addresses=addresses,
        mounts=mounts,
        argv=wanted.argv,
    )


def _command_of(jail: Jail) -> tuple[str, ...]:
    return next((one.values for one in jail.settings if one.name == "command"), ())


def _has_command(wanted: Wanted) -> bool:
    return bool(wanted.argv or texts_of(wanted.values, "command"))


def _problems_of_path(wanted: Wanted) -> list[str]:
    path = text_of(wanted.values, "path") or "/"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return [f"path {path}: {error.strerror or error}"]
    return [] if stat.S_ISDIR(mode) else [f"path {path}: {os.strerror(errno.ENOTDIR)}"]


def _problems_of_log(wanted: Wanted) -> list[str]:
    link = link_below(text_of(wanted.values, "exec.consolelog"), wanted.path)
    return [f"exec.consolelog: {link} is a symbolic link"] if link else []


def _addresses_of_host(wanted: Wanted, resolve: Resolve) -> tuple[list[AddressSetting], str | None]:
    """Return the addresses of `host.hostname` that are not listed, or what is wrong."""
    hostname = text_of(wanted.values, "host.hostname")
    if wanted.values.get("vnet") == "new":
        return [], "vnet jails cannot have IP address restrictions"
    try:
        found = resolve(hostname)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return [], f"host.hostname {hostname}: {reason}"
    seen = {same_address(one.address) for one in wanted.addresses}
    interface = text_of(wanted.values, "interface") or None
    added = []
    for family, address in found:
        if same_address(address) not in seen:
            seen.add(same_address(address))
            added.append(AddressSetting(family=family, address=address, interface=interface))
    return added, None
