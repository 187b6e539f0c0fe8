"""Who may change something: callers with CAP_NET_ADMIN, not whoever calls himself uid 0.

Judged from the caller's process (SO_PEERCRED, unix(7)): CAP_NET_ADMIN in its effective set
(capabilities(7)) and the same user namespace as the daemon, so that root of a container is refused.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

__all__ = ["caller_may_change"]

_CAP_NET_ADMIN = 12
_UCRED = struct.Struct("=iII")


def caller_may_change(connection: socket.socket) -> bool:
    """True when the process at the other end may administer the daemon's network."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, _uid, _gid = _UCRED.unpack(raw)
    if pid <= 0:  # a process of a namespace that we cannot see
        return False
    try:
        same_user_namespace = os.readlink(f"/proc/{pid}/ns/user") == os.readlink(
            "/proc/self/ns/user"
        )
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    effective = next(
        (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0
    )
    return same_user_namespace and bool(effective >> _CAP_NET_ADMIN & 1)
