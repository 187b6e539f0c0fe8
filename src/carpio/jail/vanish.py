"""Ends a jail whose last process has ended, as FreeBSD does with one that is not persistent.

What was made outside of the jail (addresses) goes as well, or stays recorded for the next `jail`
command to remove.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from carpio.errors import CarpioError
from carpio.jail.cgroups import Part
from carpio.jail.containers import OciContainers
from carpio.jail.makers import is_running
from carpio.jail.ports import Holder
from carpio.jail.registry import FileRegistry

__all__ = ["vanish"]


def vanish(state: Path, jid: int, holder: Holder) -> bool:
    """End the jail if it still is the same, and still has no processes; return whether it was."""
    registry = FileRegistry(state, lambda _: None)
    containers = OciContainers(state)
    containers.site.cgroups.leave()  # or this process would end itself
    with registry.locked():
        record = registry.find(str(jid))
        if record is None or record.holder != holder:
            return False
        if containers.site.cgroups.is_populated(jid, Part.INSIDE):
            containers.set_persistent(record, False)  # somebody came meanwhile: wait again
            return False
        containers.destroy(record)
        is_at_work = record.maker is not None and is_running(record.maker)
        if not is_at_work:
            gone = replace(record, holder=None, interfaces=())
            registry.put(gone) if gone.aliases else registry.drop(gone)
    return True


def _main(argv: Sequence[str]) -> int:
    state, jid, pid, started = argv
    try:
        if vanish(Path(state), int(jid), Holder(pid=int(pid), started=int(started))):
            from carpio.jail.withdraw import withdraw  # the jail is to end before that is read

            withdraw(Path(state), int(jid))
    except (CarpioError, OSError):
        return 1  # nobody listens; the next `jail` command tries again
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
