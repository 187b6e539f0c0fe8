"""Lines as in fstab(5): what is to be mounted for a jail, and what is wrong with them.

Looks at the points, for a symbolic link below the root of a jail may lead out of it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Final

from carpio.jail.judge import Setpoint
from carpio.jail.ports import MountLine

__all__ = ["link_below", "mounts_of", "words_of"]

_OCTAL: Final = re.compile(r"\\([0-3][0-7]{2})")
_SPECIAL: Final = {
    "mount.devfs": ("devfs", "dev"),
    "mount.fdescfs": ("fdescfs", "dev/fd"),
    "mount.procfs": ("procfs", "proc"),
}
"""By parameter kind and place, in the order in which they are mounted."""


def mounts_of(values: Mapping[str, Setpoint], root: str) -> tuple[list[MountLine], list[str]]:
    """Return all mounts of a jail in their order, and what is wrong with others."""
    lines: list[MountLine] = []
    problems: list[str] = []
    for text in _texts(values, "mount"):
        _take("mount", text, root, lines, problems)
    for file in _texts(values, "mount.fstab"):
        for text in _lines_of(file, problems):
            _take("mount.fstab", text, root, lines, problems)
    for parameter, (kind, place) in _SPECIAL.items():
        if values.get(parameter):
            point = os.path.join(root, place)
            lines.append(MountLine(parameter=parameter, device=kind, point=point, kind=kind))
            if kind != "fdescfs":  # that is usually a link, and nothing is mounted there
                problems += _problems_of_point(parameter, point, root)
    return lines, problems


def words_of(line: MountLine) -> list[str]:
    """Return the call of mount(8) that would do it, for people."""
    options = ["-o", line.options] if line.options else []
    return ["mount", "-t", line.kind, *options, line.device, line.point]


def link_below(path: str, root: str) -> str | None:
    """Return the first part of a path below a root that is a symbolic link, or None."""
    beginning = root.rstrip("/") + "/"
    if not path.startswith(beginning):
        return None
    place = beginning
    for part in path[len(beginning) :].split("/"):
        place = os.path.join(place, part)
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return place
        except OSError:
            return None  # not there yet
    return None


def _texts(values: Mapping[str, Setpoint], name: str) -> Sequence[str]:
    texts = values.get(name, ())
    return texts if isinstance(texts, tuple) else ()


def _lines_of(file: str, problems: list[str]) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read().splitlines()
    except OSError as error:
        problems.append(f"mount.fstab: {file}: {error.strerror or error}")
        return []
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


def _take(
    parameter: str, text: str, root: str, lines: list[MountLine], problems: list[str]
) -> None:
    fields = [_OCTAL.sub(lambda found: chr(int(found[1], 8)), one) for one in text.split()]
    if len(fields) < 3:
        problems.append(f"{parameter}: {text}: missing information")
        return
    device, point, kind, *more = fields
    point = point.rstrip("/") or "/"
    lines.append(
        MountLine(
            parameter=parameter,
            device=device,
            point=point,
            kind=kind,
            options=more[0] if more else "",
        )
    )
    problems += _problems_of_point(parameter, point, root)


def _problems_of_point(parameter: str, point: str, root: str) -> list[str]:
    if not point.startswith("/"):
        return [f"{parameter}: {point}: not an absolute pathname"]
    link = link_below(point, root)
    return [f"{parameter}: {link} is a symbolic link"] if link else []
