"""Lines as in fstab(5) become mounts of Linux: which kinds there are, and how each is made.

What belongs to namespaces of the jail (proc, sysfs) is left to the runtime; all else is mounted by
mount(8) before the jail is there. No mount but /dev has devices, unless the option `dev` is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, NamedTuple, TypeAlias

from carpio.errors import CarpioError
from carpio.jail.bundle import Mount
from carpio.jail.ports import MountLine

__all__ = [
    "ByMount",
    "ByRuntime",
    "Nothing",
    "Plan",
    "Seen",
    "is_of_kernel",
    "place_in_jail",
    "plan_of",
    "points_below",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRuntime:
    """The runtime mounts it when it makes the jail."""

    mount: Mount


@dataclass(frozen=True, slots=True, kw_only=True)
class ByMount:
    """mount(8) mounts it: these options and the device, then the point."""

    arguments: tuple[str, ...]
    then: str = ""
    """Options of what another name of a directory is, which come in a second step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """There is nothing to mount; `is_devfs` when /dev is to have what terminals need."""

    is_devfs: bool = False


Plan: TypeAlias = ByRuntime | ByMount | Nothing

_BIND: Final = ("nullfs", "bind")
_PROC: Final = ("proc", "procfs", "linprocfs")
_SYSFS: Final = ("sysfs", "linsysfs")
_OF_BSD: Final = frozenset({"auto", "late", "noauto", "failok", "noro", "norw", "defaults"})
"""Options that say when to mount, or nothing."""
_OF_KERNEL: Final = frozenset(
    """
    autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl
    mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs
    """.split()  # noqa: SIM905
)


def is_of_kernel(kind: str) -> bool:
    """Return whether a file system shows or changes the host itself; no jail sees it."""
    return kind in _OF_KERNEL


def place_in_jail(point: str, path: str) -> str:
    """Return a point of the host as the jail with this root sees it. Raises CarpioError."""
    root = path.rstrip("/")
    if point == path or not point.startswith(f"{root}/"):
        raise CarpioError(f"{point}: not below the root of the jail, {path}")
    place = point[len(root) :].rstrip("/")
    if any(part in ("", ".", "..") for part in place.split("/")[1:]):
        raise CarpioError(f"{point}: not a plain path")
    return place


def plan_of(line: MountLine, place: str) -> Plan:
    """Return how a line is mounted at a place in the jail. Raises CarpioError."""
    words = [word for word in line.options.split(",") if word and word not in _OF_BSD]
    if line.kind in ("devfs", "fdescfs"):
        wanted = "/dev" if line.kind == "devfs" else "/dev/fd"
        if place != wanted:
            raise CarpioError(f"{line.point}: on Linux {line.kind} is always {wanted} of a jail")
        return Nothing(is_devfs=line.kind == "devfs")
    if line.kind in _PROC:
        if place == "/proc":
            return Nothing()
        options = ("nosuid", "nodev", "noexec", *_plain(words))
        return ByRuntime(mount=Mount(point=place, kind="proc", source="proc", options=options))
    if line.kind in _SYSFS:
        options = ("nosuid", "nodev", "noexec", "ro", *(w for w in words if w not in ("ro", "rw")))
        return ByRuntime(mount=Mount(point=place, kind="sysfs", source="sysfs", options=options))
    if "dev" not in words:
        words.append("nodev")
    if line.kind in _BIND:
        return ByMount(arguments=("-o", "bind", "--", line.device), then=",".join(words))
    return ByMount(arguments=("-t", line.kind, "-o", ",".join(words), "--", line.device))


def _plain(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word in ("ro", "rw"))


# -- what is mounted ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A line of /proc/PID/mountinfo."""

    point: str
    kind: str


_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def points_below(mountinfo: str, root: str) -> Sequence[Seen]:
    """Return the mounts at and below a place, in the order in which they were made.

    Without those that others cover, as a tmpfs over /run covers what is mounted below that: nobody
    comes to them by their path.
    """
    table: dict[str, _Line] = {}
    for text in mountinfo.splitlines():
        left, _, right = text.partition(" - ")
        number, parent, _, _, raw = left.split()[:5]
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), raw)
        above = parent if parent != number else ""
        table[number] = _Line(above, point, right.split()[0])
    at: dict[tuple[str, str], list[str]] = {}
    for number, line in table.items():
        at.setdefault((line.parent, line.point), []).append(number)
    return [
        Seen(point=line.point, kind=line.kind)
        for number, line in table.items()
        if f"{line.point}/".startswith(f"{root}/") and not _is_covered(number, table, at)
    ]


class _Line(NamedTuple):
    parent: str
    """Empty for the one at the top."""
    point: str
    kind: str


def _is_covered(
    number: str, table: Mapping[str, _Line], at: Mapping[tuple[str, str], Sequence[str]]
) -> bool:
    """Whether the path of a mount leads to another one, which is nearer to a mount above it."""
    path = PurePosixPath(table[number].point)
    places = [str(place) for place in (path, *path.parents)]
    above, way = number, ""
    while above in table:
        nearest = len(table[way].point) if way else len(places[0])
        if any(at.get((above, it), (way,))[-1] != way for it in places if len(it) <= nearest):
            return True
        above, way = table[above].parent, above
    return False
