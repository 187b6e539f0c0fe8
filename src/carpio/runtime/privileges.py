"""Who may change something: callers with CAP_NET_ADMIN, not whoever calls himself uid 0.

Judged from the caller's process (SO_PEERCRED, unix(7)): CAP_NET_ADMIN (capabilities(7)) in the
user namespace of the daemon, so that root of a container in one of its own is refused. Network
namespaces that such a container made are not served at all, not even to look at: everybody can make
them, fill them with interfaces, and keep the daemon busy. Who calls from another network namespace
than that of the daemon, as root of a vnet jail does, has CAP_NET_ADMIN over that one alone, unless
he could go to the daemon's.

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

__all__ = ["caller_may_change", "has_net_admin", "is_of_our_users"]

_CAP_NET_ADMIN = 12
_CAP_SYS_ADMIN = 21
_UCRED = struct.Struct("=iII")
_NS_GET_USERNS = 0xB701
"""linux/nsfs.h; returns a new descriptor."""


def caller_may_change(connection: socket.socket, *, from_afar: bool = False) -> bool:
    """True when the process at the other end may administer the network that it is in.

    `from_afar`: another network, which takes CAP_SYS_ADMIN as well, as entering it does.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _gid = _UCRED.unpack(raw)
    if pid <= 0:  # a process of a namespace that we cannot see
        return False
    try:
        same_user_namespace = os.readlink(f"/proc/{pid}/ns/user") == os.readlink(
            "/proc/self/ns/user"
        )
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    was_root = uid == 0
    return (
        same_user_namespace
        and has_net_admin(status, was_root=was_root)
        and (not from_afar or _has(_CAP_SYS_ADMIN, status, was_root=was_root))
    )


def is_of_our_users(namespace: int) -> bool:
    """True when a network namespace (descriptor) belongs to the user namespace of the daemon."""
    try:
        owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
    except OSError:  # one outside of ours
        return False
    try:
        return os.path.samestat(os.fstat(owner), os.stat("/proc/self/ns/user"))
    finally:
        os.close(owner)


def has_net_admin(status: str, *, was_root: bool) -> bool:
    """True when a process with this /proc/PID/status has CAP_NET_ADMIN in its own right."""
    return _has(_CAP_NET_ADMIN, status, was_root=was_root)


def _has(capability: int, status: str, *, was_root: bool) -> bool:
    name = "CapEff:" if was_root else "CapAmb:"
    found = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith(name))
    return bool(next(found, 0) >> capability & 1)
