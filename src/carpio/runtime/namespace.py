"""Network namespaces: open sockets and files inside one without living there.

Knows setns(2) and where named namespaces are mounted; must not know what is opened.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from carpio.errors import PlatformError

__all__ = ["NAMED_NAMESPACES", "Namespace"]

_T = TypeVar("_T")
_CLONE_NEWNET = 0x40000000
_SO_NETNS_COOKIE = 71
"""asm-generic/socket.h, since Linux 5.14."""
NAMED_NAMESPACES = Path("/run/netns")
"""Where ip-netns(8) mounts namespaces by name."""


class Namespace:
    """The namespace of the process (`name` None), or one known to ip-netns(8) by `name`."""

    def __init__(self, name: str | None) -> None:
        """Open the namespace. Raises PlatformError when there is none of that name."""
        self.name = name
        path = Path("/proc/thread-self/ns/net") if name is None else NAMED_NAMESPACES / name
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise PlatformError(
                f"opening network namespace {name}",
                errno=error.errno or 0,
                remedy=f"make it with `ip netns add {name}`",
            ) from error

    @property
    def identity(self) -> str:
        """The kernel's number of the namespace: equal for two names of the same one.

        Unlike its inode it is not given to another namespace when this one is gone.
        """
        return self.call(_cookie)

    def call(self, function: Callable[[], _T]) -> _T:
        """Run `function` inside the namespace and return what it returned or raised.

        Another namespace is entered by a thread that ends at once, so that nothing of
        this process stays there but what `function` opened.
        """
        if self.name is None:
            return function()
        outcome: list[_T] = []
        failure: list[BaseException] = []

        def enter_and_run() -> None:
            try:
                _set_namespace(self._descriptor)
                outcome.append(function())
            except BaseException as error:  # handed to the caller below
                failure.append(error)

        thread = threading.Thread(target=enter_and_run, name=f"netns-{self.name}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def close(self) -> None:
        """Forget the namespace."""
        os.close(self._descriptor)


def _cookie() -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        return str(
            int.from_bytes(opened.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
        )


def _set_namespace(descriptor: int) -> None:
    import ctypes  # only for namespaces other than our own; os.setns needs Python 3.12

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise PlatformError("entering the network namespace", errno=ctypes.get_errno())
