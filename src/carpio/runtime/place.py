"""Where macvlans of groups live: beside their carpdev, or in the namespace of a container.

Knows sockets, settings and how to look around there; decides nothing.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from carpio.config.model import Process
from carpio.core.model import InstanceKey
from carpio.errors import PlatformError
from carpio.runtime import inventory as host
from carpio.runtime.inventory import ALIAS_PREFIX, Inventory
from carpio.runtime.namespace import Namespace
from carpio.runtime.rtnetlink import (
    RouteSocket,
    delete_links,
    open_route_socket,
    receive_notifications,
)
from carpio.runtime.rtobjects import ARPHRD_ETHER, IFF_LOOPBACK, MONITOR_GROUPS, Link
from carpio.runtime.settings import Settings, StateFile

__all__ = ["Guest", "Place"]

_GUEST_PREFIX: Final = "carpio-guest "
_SETTINGS: Final = {"ipv4/conf/{}/arp_announce": 2, "ipv4/conf/{}/arp_ignore": 1}
"""Of other interfaces there: they answer for no address of a macvlan, and do not ask by it."""


class Place:
    """The namespace of the carpdevs themselves."""

    def __init__(self, namespace: Namespace, state: StateFile) -> None:
        """Open the netlink sockets. `state` remembers settings of interfaces that are not ours."""
        self.namespace = namespace
        self.routes = RouteSocket(namespace.call(open_route_socket))
        self.slow = RouteSocket(namespace.call(open_route_socket))
        """For the thread that takes links down."""
        self.settings = Settings(namespace, self.routes, state)

    def close(self) -> None:
        """Give the sockets back."""
        self.routes.close()
        self.slow.close()

    @property
    def ports(self) -> tuple[int, int]:
        """Port ids of the sockets: changes through them are ours."""
        return self.routes.port, self.slow.port

    @property
    def is_elsewhere(self) -> bool:
        """Whether carpdevs are in another namespace than this."""
        return False

    @property
    def creation_target(self) -> int | None:
        """An open file of the namespace, when macvlans are to be made there from afar."""
        return None

    def alias(self, owner: InstanceKey) -> str:
        """The alias of the macvlan of a group."""
        return f"{ALIAS_PREFIX}{owner}"

    def take(self) -> Inventory:
        """Look around. Raises PlatformError."""
        return host.take(self.routes)


class Guest(Place):
    """A container's namespace.

    `process` is who must live for the container to be there; None: the namespace counts.
    """

    def __init__(
        self, namespace: Namespace, home: Namespace, directory: Path, process: Process | None = None
    ) -> None:
        """Open sockets there. The namespace is closed with this place. Raises PlatformError.

        `directory`: where to remember what is changed there, also beyond a SIGKILL.
        """
        self._home = home
        self._pidfd: int | None = None
        self.has_ended = False
        """Whether its process is known to be gone."""
        self._monitor: socket.socket | None = None
        try:
            if process is not None:
                self._pidfd = _open_process(process.number, namespace)
            name = f"guest-{home.identity}-{namespace.identity}.json"
            self._state = StateFile(directory / name)
            self._state.groups = {"at": str(process or namespace.name)}
            self._state.save()
            super().__init__(namespace, self._state)
            self._monitor = namespace.call(lambda: open_route_socket(MONITOR_GROUPS))
        except BaseException:
            self._give_back()
            raise

    @property
    def is_elsewhere(self) -> bool:
        """Whether carpdevs are in another namespace than this."""
        return True

    @property
    def creation_target(self) -> int | None:
        """An open file of the namespace."""
        return self.namespace.descriptor

    def alias(self, owner: InstanceKey) -> str:
        """The alias of the macvlan of a group; other daemons may have groups of that name."""
        return f"{_GUEST_PREFIX}{owner} {self._home.identity}"

    def files(self) -> list[int]:
        """What becomes readable when something changes there."""
        monitor = [] if self._monitor is None else [self._monitor.fileno()]
        return [*monitor, *([] if self._pidfd is None else [self._pidfd])]

    def has_changed(self, ready: Iterable[int] | None) -> bool:
        """Read what is told; whether somebody else changed something, or the process ended."""
        files = self.files() if ready is None else [f for f in self.files() if f in set(ready)]
        if self._pidfd in files and ready is not None:
            self.has_ended = True
            return True
        if self._monitor is None or self._monitor.fileno() not in files:
            return False
        changes = receive_notifications(self._monitor, self.ports)
        return changes is None or bool(changes)

    def is_alive(self) -> bool:
        """Whether the container is there."""
        if self._pidfd is not None and not self.has_ended:
            self.has_ended = _has_ended(self._pidfd)
        return not self.has_ended and (self._pidfd is not None or self.namespace.is_inhabited())

    def hush(self, look: Inventory) -> None:
        """Let other interfaces there not speak for addresses of our macvlans."""
        with_ipv4 = {a.index for a in look.addresses if a.address.version == 4}
        for link in look.links:
            if link.index in with_ipv4 and _may_speak(link):
                wanted = {key.format(link.name): value for key, value in _SETTINGS.items()}
                self.settings.apply_remembered(link.index, wanted)

    def sweep(self, owners: Iterable[InstanceKey]) -> None:
        """Remove macvlans that were made from here and are not those of `owners`."""
        kept = {self.alias(owner) for owner in owners}
        mark = f" {self._home.identity}"
        left = [
            link.index
            for link in self.routes.links()
            if link.kind == "macvlan"
            and link.alias.startswith(_GUEST_PREFIX)
            and link.alias.endswith(mark)
            and link.alias not in kept
        ]
        self.routes.execute(delete_links(left))

    def leave(self) -> None:
        """Remove what is ours there, put settings back, and forget the place. Never raises."""
        with suppress(PlatformError, OSError):
            self.sweep(())
            self.settings.restore({link.name: link.index for link in self.routes.links()})
            self._state.remove()
        self.close()
        self._give_back()

    def _give_back(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
        self._monitor, self._pidfd = None, None
        self.namespace.close()


def _may_speak(link: Link) -> bool:
    return (
        link.hardware == ARPHRD_ETHER
        and not link.flags & IFF_LOOPBACK
        and not link.alias.startswith((ALIAS_PREFIX, _GUEST_PREFIX))
    )


def _open_process(process: int, namespace: Namespace) -> int:
    """Open a process that lives in the namespace. Raises PlatformError.

    Looked at after it is open, and alive after that: another one that got its number is noticed.
    """
    try:
        pidfd = os.pidfd_open(process)
    except OSError as error:
        raise PlatformError(f"process {process}", errno=error.errno or 0) from error
    try:
        status = os.stat(f"/proc/{process}/ns/net")
        is_there = (status.st_dev, status.st_ino) == namespace.place
    except OSError:
        is_there = False
    if not is_there or _has_ended(pidfd):
        os.close(pidfd)
        raise PlatformError(f"process {process} ended, or left its network namespace")
    return pidfd


def _has_ended(pidfd: int) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))
