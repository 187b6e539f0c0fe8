"""A test process that sees no named namespaces but its own.

Tests run side by side, in the workers of pytest-xdist and in runs of several people on one
machine. Interfaces are numbered by what all named namespaces have, and labs remove what dead
ones left: neither may see the others'.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["OWNER", "end_orphans", "name_of_process", "seclude"]

PRIVATE: Final = (Path("/run/netns"), Path("/run/carpio"))
"""Where named namespaces are mounted, and where daemons remember what they changed."""
OWNER: Final = "CARPIO_TEST_OWNER"
"""The variable that names the run in the environment of all its processes."""
CLONE_NEWNS: Final = 0x20000
MS_REC: Final = 0x4000
MS_SLAVE: Final = 1 << 19
"""linux/sched.h, linux/mount.h."""


def seclude() -> bool:
    """Give this process directories of its own in place of PRIVATE; False where it may not.

    Only the calling thread and what it starts live there. What is mounted elsewhere on the
    machine still comes and goes, nothing of ours is seen outside.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        for directory in PRIVATE:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if libc.unshare(CLONE_NEWNS):
            return False
        _mount(libc, None, "/", None, MS_REC | MS_SLAVE)
        for directory in PRIVATE:
            _mount(libc, "tmpfs", str(directory), "tmpfs", 0, "mode=755")
    except OSError:  # an ordinary user, or root of a container
        return False
    os.environ[OWNER] = name_of_process(os.getpid())
    return True


def _mount(
    libc: ctypes.CDLL, source: str | None, target: str, kind: str | None, flags: int, data: str = ""
) -> None:
    words = (text and text.encode() for text in (source, target, kind))
    if libc.mount(*words, ctypes.c_ulong(flags), data.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")


def name_of_process(pid: int) -> str:
    """Return PID@START, which no later process has as well; nothing when there is no such one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{pid}@{fields[19]}"


def end_orphans() -> list[int]:
    """Kill the processes that a killed run of tests left in namespaces that nobody sees."""
    orphans = []
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid = int(process.name)
            words = (process / "environ").read_bytes().split(b"\0")
            owner = next((w for w in words if w.startswith(OWNER.encode() + b"=")), b"")
            name = owner.partition(b"=")[2].decode()
            if name and name_of_process(int(name.partition("@")[0])) != name:
                os.kill(pid, signal.SIGKILL)
                orphans.append(pid)
    return orphans
