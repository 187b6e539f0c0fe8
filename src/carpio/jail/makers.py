"""Which process this is, and whether another one still is the one that it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from carpio.jail.ports import Holder

__all__ = ["is_confined", "is_running", "myself"]

_PROC: Final = Path("/proc")
_CAP_SYS_ADMIN: Final = 21


def myself(proc: Path = _PROC) -> Holder:
    """Return this process."""
    pid = os.getpid()
    return Holder(pid=pid, started=_started(proc / "self") or 0)


def is_confined(proc: Path = _PROC) -> bool:
    """Return whether this is root without CAP_SYS_ADMIN, as in a jail."""
    fields = dict(
        line.partition(":")[::2] for line in (proc / "self/status").read_text().splitlines()
    )
    is_root = fields["Uid"].split()[1] == "0"
    return is_root and not int(fields["CapEff"], 16) >> _CAP_SYS_ADMIN & 1


def is_running(process: Holder, proc: Path = _PROC) -> bool:
    """Return whether a process still is there, and not another one with its number."""
    return _started(proc / str(process.pid)) == process.started


def _started(process: Path) -> int | None:
    """Return when a process began, in ticks; None when it is gone or only waited for."""
    try:
        text = (process / "stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return int(fields[18]) if state not in ("Z", "X") and len(fields) > 18 else None
