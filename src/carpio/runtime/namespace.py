"""Network namespaces: open sockets and files inside one without living there.

Knows setns(2) and where named namespaces are mounted; must not know what is opened.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from carpio.errors import PlatformError

__all__ = ["NAMED_NAMESPACES", "Namespace", "known_name", "named_namespaces", "socket_cookie"]

_T = TypeVar("_T")
_CLONE_NEWNET = 0x40000000
_JAIL_PREFIX = "jail-"
"""Of the names that `jail` gives to the namespaces of jails with vnet."""
_SO_NETNS_COOKIE = 71
"""asm-generic/socket.h, since Linux 5.14."""
NAMED_NAMESPACES = Path("/run/netns")
"""Where ip-netns(8) mounts namespaces by name."""


class Namespace:
    """The namespace of the process (`name` None), or one known to ip-netns(8) by `name`."""

    def __init__(self, name: str | None) -> None:
        """Open the namespace. Raises PlatformError when there is none of that name."""
        path = Path("/proc/thread-self/ns/net") if name is None else NAMED_NAMESPACES / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise PlatformError(
                f"opening network namespace {name}",
                errno=error.errno or 0,
                remedy=_way_to_make(name or ""),
            ) from error
        self._be(name, descriptor)

    def _be(self, name: str | None, descriptor: int) -> None:
        self.name = name
        self.has_name = True
        """False when nothing but processes holds it, so that no file can speak of it."""
        self._descriptor = descriptor
        self._identity = ""
        self._inhabitant = 0
        """A process that was seen there, to be looked at first; 0: none."""
        status = os.fstat(descriptor)
        self._place = status.st_dev, status.st_ino

    @classmethod
    def of_descriptor(cls, descriptor: int) -> Namespace:
        """Know a namespace by an open file of it, by the name of ip-netns(8) if it has one.

        One without is called `net:[INODE]`. The descriptor stays the caller's.
        """
        made = cls.__new__(cls)
        made._be(None, os.dup(descriptor))  # not inheritable
        made.name = next((name for name, place in named_namespaces() if place == made._place), None)
        if made.name is None:
            made.forget_name()
        return made

    @classmethod
    def again(cls, name: str, identity: str, *, has_name: bool) -> Namespace:
        """Open one that was known before, and no other of its name. Raises PlatformError."""
        namespace = cls(name) if has_name else cls._of_inhabitant(name)
        try:
            if namespace.identity == identity:
                return namespace
        except OSError as error:
            namespace.close()
            raise PlatformError(
                f"entering network namespace {name}", errno=error.errno or 0
            ) from error
        namespace.close()
        raise PlatformError(f"network namespace {name} is another one now")

    @classmethod
    def _of_inhabitant(cls, link: str) -> Namespace:
        """Open one without a name by a process that lives there. Raises PlatformError."""
        for process in _processes_in(link):
            with suppress(OSError):
                descriptor = os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    made = cls.__new__(cls)
                    made._be(None, os.dup(descriptor))
                    made.forget_name()
                    return made
                finally:
                    os.close(descriptor)
        raise PlatformError(f"network namespace {link} is gone")

    def forget_name(self) -> None:
        """Be called by its number, as one that ip-netns(8) does not know."""
        self.name, self.has_name = self.link, False

    @property
    def link(self) -> str:
        """What /proc/PID/ns/net of a process in it says."""
        return f"net:[{self._place[1]}]"

    @property
    def place(self) -> tuple[int, int]:
        """Device and inode: equal for two names of the same namespace."""
        return self._place

    @property
    def descriptor(self) -> int:
        """An open file of it, for others to move interfaces there."""
        return self._descriptor

    @property
    def identity(self) -> str:
        """The kernel's number of the namespace: equal for two names of the same one.

        Unlike its inode it is not given to another namespace when this one is gone.
        """
        if not self._identity:
            self._identity = self.call(_cookie)
        return self._identity

    def is_inhabited(self) -> bool:
        """False when it has neither its name nor a process any more: only we keep it alive.

        The name of a jail does not count: it is kept until the jail is cleaned up.
        """
        if self.name is None:
            return True
        with suppress(OSError):
            status = (NAMED_NAMESPACES / self.name).stat()
            is_named = (status.st_dev, status.st_ino) == self._place
            if is_named and not self.name.startswith(_JAIL_PREFIX):
                return True
        if not _is_home_of(self._inhabitant, self.link):
            self._inhabitant = next(_processes_in(self.link), 0)
        return self._inhabitant != 0

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
            try:
                raise failure[0]
            finally:
                failure.clear()  # else it keeps what the caller holds until garbage is collected
        return outcome[0]

    def close(self) -> None:
        """Forget the namespace."""
        os.close(self._descriptor)


def _way_to_make(name: str) -> str:
    if name.startswith(_JAIL_PREFIX):
        return f"start the jail: jail -c {name.removeprefix(_JAIL_PREFIX)}"
    return f"make it with `ip netns add {name}`"


def named_namespaces() -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield name and (device, inode) of each namespace that ip-netns(8) knows."""
    with suppress(OSError):
        for entry in sorted(NAMED_NAMESPACES.iterdir()):
            with suppress(OSError):
                status = entry.stat()
                yield entry.name, (status.st_dev, status.st_ino)


def _processes_in(link: str) -> Iterator[int]:
    """Yield the processes that live in the namespace."""
    with os.scandir("/proc") as entries:
        numbers = [int(entry.name) for entry in entries if entry.name.isdecimal()]
    return (number for number in numbers if _is_home_of(number, link))


def _is_home_of(process: int, link: str) -> bool:
    with suppress(OSError):
        return process != 0 and os.readlink(f"/proc/{process}/ns/net") == link
    return False


def known_name(name: str) -> str:
    """Return the name in ip-netns(8) of what is called `name`, maybe a jail."""
    of_jail = _JAIL_PREFIX + name
    is_jail = not (NAMED_NAMESPACES / name).exists() and (NAMED_NAMESPACES / of_jail).exists()
    return of_jail if is_jail else name


def socket_cookie(opened: socket.socket) -> str:
    """The kernel's number of the namespace that a socket belongs to (`Namespace.identity`)."""
    raw = opened.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    return str(int.from_bytes(raw, sys.byteorder))


def _cookie() -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        return socket_cookie(opened)


def _set_namespace(descriptor: int) -> None:
    import ctypes  # only for namespaces other than our own; os.setns needs Python 3.12

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise PlatformError("entering the network namespace", errno=ctypes.get_errno())
