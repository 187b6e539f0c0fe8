"""Takes off the addresses of a jail that ended by itself, so that another host can take over.

Who does it is the process that saw the last one of the jail end. Nobody reads what it says; what it
cannot take off stays recorded.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.notes import Notes
from carpio.jail.real import host_at
from carpio.jail.recover import recover
from carpio.jail.registry import FileRegistry

__all__ = ["withdraw"]


def withdraw(state: Path, jid: int) -> None:
    """Do it, in the network namespace of the caller. Raises CarpioError, OSError."""
    record = FileRegistry(state, lambda _: None).find(str(jid))
    if record is None or not record.aliases or not record.control:
        return
    nowhere = io.StringIO()
    world = World(
        stdin=io.StringIO(),
        stdout=nowhere,
        stderr=nowhere,
        environ=os.environ,
        control=Path(record.control),
        enter=_stay,
        start_daemon=lambda: None,
    )
    recover(host_at(state, world), Notes(nowhere, nowhere), only=record.name)


def _stay(name: str) -> None:
    raise CarpioError(f"{name}: not entered")
