"""Where something has to be mounted so that all see it, who get their mounts from there.

`ip netns exec` and services with mounts of their own get the mounts of the host (they are slaves,
mount_namespaces(7)), but nobody gets theirs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["process_with_home_of"]

_PROC: Final = Path("/proc")
_TAG: Final = re.compile(r"(shared|master):(\d+)")


def process_with_home_of(place: str, proc: Path = _PROC) -> int | None:
    """Return a process in the mount namespace from which ours gets what is mounted at a place.

    None when ours is that, or no other can be looked at.
    """
    own = _tags_at(place, proc / "self")
    if "shared" in own or "master" not in own:
        return None
    for pid in (*_ancestors(proc), *_all(proc)):
        process = proc / str(pid)
        if _tags_at(place, process).get("shared") == own["master"]:
            with suppress(OSError):
                os.close(os.open(process / "ns/mnt", os.O_RDONLY | os.O_CLOEXEC))
                return pid
    return None


def _tags_at(place: str, process: Path) -> dict[str, str]:
    """Return the groups of the mount that a place is on: of those it gives to and gets from."""
    with suppress(OSError):
        found: dict[str, str] = {}
        longest = ""
        for line in (process / "mountinfo").read_text(errors="replace").splitlines():
            fields = line.split(" - ")[0].split()
            point = fields[4].rstrip("/")
            if len(point) >= len(longest) and (place == point or place.startswith(f"{point}/")):
                longest = point
                tags = (_TAG.match(each) for each in fields[6:])
                found = {match[1]: match[2] for match in tags if match}
        return found
    return {}


def _ancestors(proc: Path) -> Iterator[int]:
    pid = "self"
    with suppress(OSError, ValueError):
        while True:
            text = (proc / pid / "stat").read_text(errors="replace")
            pid = text.rpartition(")")[2].split()[1]
            if pid == "0":
                return
            yield int(pid)


def _all(proc: Path) -> Iterator[int]:
    with suppress(OSError):
        yield from sorted(int(name) for name in os.listdir(proc) if name.isdigit())
