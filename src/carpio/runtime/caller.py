"""Who asks over the control socket, and from which network namespace.

A Unix socket belongs to the namespace of the process that made it, and an accepted one to that
of its caller, whatever became of the process since: no race with process numbers.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from carpio.errors import PlatformError
from carpio.runtime.namespace import socket_cookie
from carpio.runtime.privileges import caller_may_change, is_of_our_users

__all__ = ["Caller"]

_UCRED = struct.Struct("=iII")
_SIOCGSKNS = 0x894C
"""linux/sockios.h: a descriptor of the socket's network namespace; needs CAP_NET_ADMIN over it."""


class Caller:
    """The process at the other end of an accepted control connection."""

    def __init__(self, connection: socket.socket) -> None:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        self._connection = connection
        self.uid: int = _UCRED.unpack(raw)[1]

    @property
    def network(self) -> str:
        """Identity of the caller's network namespace, as `Namespace.identity`."""
        return socket_cookie(self._connection)

    @contextmanager
    def open_network(self) -> Iterator[int]:
        """Yield a descriptor of the caller's network namespace.

        Raises PlatformError, also for one that belongs to another user namespace.
        """
        try:
            descriptor = fcntl.ioctl(self._connection.fileno(), _SIOCGSKNS)
        except OSError as error:
            raise PlatformError(
                "opening the caller's network namespace",
                errno=error.errno or 0,
                remedy="the daemon needs CAP_NET_ADMIN and CAP_SYS_ADMIN to serve others",
            ) from error
        try:
            if not is_of_our_users(descriptor):
                raise PlatformError(
                    "the network namespace belongs to another user namespace",
                    remedy="run a daemon there",
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def may_change_daemon(self) -> bool:
        """True when the caller may administer the network that the daemon runs in.

        From another one (a container that sees the control socket) it takes who may come here.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            is_here = self.network == socket_cookie(ours)
        return caller_may_change(self._connection, from_afar=not is_here)

    def may_change(self, namespace: int) -> bool:
        """True when the caller may administer a network namespace (descriptor)."""
        return caller_may_change(self._connection) and is_of_our_users(namespace)

    def may_change_network(self) -> bool:
        """True when the caller may administer the network namespace that he calls from."""
        try:
            with self.open_network() as descriptor:
                return self.may_change(descriptor)
        except PlatformError:
            return False
