"""The process that holds a jail: an init of which there is only a sealed copy in memory.

It reaps what is orphaned and waits. Nothing in the jail can write to it, not even through
/proc/1/exe, and no file of the host can be reached by it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.ports import Holder
from carpio.jail.site import tool

__all__ = ["SEALS", "holder_of", "init_image", "is_same"]

SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK


def init_image() -> int:
    """Return a descriptor of a sealed copy of catatonit(1). Raises PlatformError."""
    program = tool("catatonit")
    if program is None:
        raise PlatformError(
            "catatonit, the init of jails, is not installed", remedy="apt-get install catatonit"
        )
    image = os.memfd_create("jail", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        data = memoryview(Path(program).read_bytes())
        while data:
            data = data[os.write(image, data) :]
        fcntl.fcntl(image, fcntl.F_ADD_SEALS, SEALS)
    except OSError as error:
        os.close(image)
        raise PlatformError(f"copying {program}", errno=error.errno or 0) from error
    return image


def holder_of(pid: int) -> Holder:
    """Return a process with its start time. Raises PlatformError when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError as error:
        raise PlatformError("the jail ended at once", errno=error.errno or 0) from error
    return Holder(pid=pid, started=int(text.rpartition(")")[2].split()[19]))


def is_same(holder: Holder | None) -> bool:
    """Return whether a holder still is the process that it was, and not a zombie."""
    from carpio.jail.makers import is_running

    return holder is not None and is_running(holder)
