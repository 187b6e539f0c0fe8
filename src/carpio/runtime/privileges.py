"""Who may change something: callers with CAP_NET_ADMIN, not whoever calls himself uid 0.

Judged from the caller's process (SO_PEERCRED, unix(7)): CAP_NET_ADMIN (capabilities(7)), held in
a user namespace that rules over what is to be changed: the daemon's own for the daemon, for a
network namespace its owner's or one above (user_namespaces(7)). So root of a container without
that capability, or in a user namespace of its own, is refused.

The process is known by its number, and may run another program by now than the one that
connected: whoever leaves the socket to somebody else and executes a setuid program would borrow
its privileges. So the effective set counts only for who was root when connecting; of others the
ambient set, which the kernel empties when a setuid program or one with file capabilities starts.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

__all__ = ["caller_may_change", "caller_may_change_network", "has_net_admin"]

_CAP_NET_ADMIN = 12
_UCRED = struct.Struct("=iII")
_NS_GET_USERNS, _NS_GET_PARENT = 0xB701, 0xB702
"""linux/nsfs.h; each returns a new descriptor."""


def caller_may_change(connection: socket.socket) -> bool:
    """True when the process at the other end may administer the daemon's network."""
    found = _user_namespace_of_admin(connection)
    return found is not None and found == _identity(os.stat("/proc/self/ns/user"))


def caller_may_change_network(connection: socket.socket, namespace: int) -> bool:
    """True when the process at the other end may administer a network namespace (descriptor)."""
    found = _user_namespace_of_admin(connection)
    if found is None:
        return False
    try:
        owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
    except OSError:  # owned by a user namespace outside of ours
        return False
    while True:
        try:
            if _identity(os.fstat(owner)) == found:
                return True
            above = fcntl.ioctl(owner, _NS_GET_PARENT)
        except OSError:  # the first user namespace, or ours, has none above
            return False
        finally:
            os.close(owner)
        owner = above


def _user_namespace_of_admin(connection: socket.socket) -> tuple[int, int] | None:
    """The user namespace in which the caller has CAP_NET_ADMIN, or None."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _gid = _UCRED.unpack(raw)
    if pid <= 0:  # a process of a namespace that we cannot see
        return None
    try:
        found = _identity(os.stat(f"/proc/{pid}/ns/user"))
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return found if has_net_admin(status, was_root=uid == 0) else None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def has_net_admin(status: str, *, was_root: bool) -> bool:
    """True when a process with this /proc/PID/status has CAP_NET_ADMIN in its own right."""
    name = "CapEff:" if was_root else "CapAmb:"
    found = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith(name))
    return bool(next(found, 0) >> _CAP_NET_ADMIN & 1)
