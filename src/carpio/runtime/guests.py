"""The containers that hold addresses of groups: which group lives where, found again and let go.

A container that is not there refuses its groups; nothing is known here of how they are held.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from carpio.config.model import Process
from carpio.core.model import InstanceKey
from carpio.errors import PlatformError
from carpio.runtime.namespace import NAMED_NAMESPACES, Namespace
from carpio.runtime.place import Guest
from carpio.runtime.settings import StateFile

__all__ = ["Attachment", "Guests", "process_of"]

Attachment: TypeAlias = str | Process
"""A namespace by its name, or a process that lives in it."""

_GUEST_FILES: Final = "guest-{}-*.json"
_BEGINNING: Final = 19
"""Where /proc/PID/stat tells when the process began, counted behind its name (proc(5))."""


def process_of(number: int) -> Process:
    """Return the process that has the number now. Raises PlatformError when there is none."""
    try:
        status = Path(f"/proc/{number}/stat").read_bytes()
    except OSError as error:
        raise PlatformError(
            f"process {number}",
            errno=error.errno or 0,
            remedy="name one that runs in the container",
        ) from error
    return Process(number, int(status.rpartition(b")")[2].split()[_BEGINNING]))


def _open_network(process: Process) -> int:
    """Open the namespace in which the process lives. Raises PlatformError."""
    try:
        if process_of(process.number) == process:
            return os.open(f"/proc/{process.number}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, PlatformError) as error:
        if error.errno not in (errno.ENOENT, errno.ESRCH):
            raise PlatformError(str(process), errno=error.errno or 0) from error
    raise PlatformError(
        f"{process} has ended",
        remedy="attach the group to another one, or `carpio detach` it",
    )


def _namespace_of(attachment: Attachment) -> Namespace:
    """Open the namespace that is meant. Raises PlatformError."""
    if isinstance(attachment, str):
        return Namespace(attachment)
    descriptor = _open_network(attachment)
    try:
        return Namespace.of_descriptor(descriptor)
    finally:
        os.close(descriptor)


class Guests:
    """Guests of the groups of one namespace."""

    def __init__(self, home: Namespace, directory: Path) -> None:
        """`directory` remembers what is changed in containers."""
        self._home = home
        self._directory = directory
        self._wanted: dict[InstanceKey, Attachment] = {}
        self._guests: dict[Attachment, Guest] = {}
        self._why: dict[Attachment, PlatformError] = {}
        self._has_cleaned = False

    def want(self, attachments: Mapping[InstanceKey, Attachment]) -> None:
        """From now on these groups live elsewhere, all others at home."""
        self._wanted = dict(attachments)

    def __iter__(self) -> Iterator[Guest]:
        return iter(self._guests.values())

    def of(self, key: InstanceKey) -> Guest | None:
        """The guest of a group; None when it lives at home. Raises PlatformError when absent."""
        attachment = self._wanted.get(key)
        if attachment is None:
            return None
        guest = self._guests.get(attachment)
        if guest is None:
            raise self._why.get(attachment) or PlatformError(f"{attachment} is not there")
        return guest

    def files(self) -> list[int]:
        """What becomes readable when something changes in a container."""
        return [descriptor for guest in self for descriptor in guest.files()]

    def has_changed(self, ready: Collection[int] | None) -> bool:
        """Read what is told; whether a look is due."""
        changed = [guest.has_changed(ready) for guest in self]
        return True in changed

    def has_ended(self) -> bool:
        """Whether a container told that it is gone."""
        return any(guest.has_ended for guest in self)

    def lost(self) -> list[Guest]:
        """Guests that are gone, replaced or not wanted any more; to be let go with `forget`."""
        wanted = set(self._wanted.values())
        return [
            guest
            for attachment, guest in self._guests.items()
            if attachment not in wanted or not guest.is_alive() or _is_another(attachment, guest)
        ]

    def forget(self, lost: Guest) -> None:
        """Leave a container in good order, as far as it is there."""
        for attachment, guest in list(self._guests.items()):
            if guest is lost:
                del self._guests[attachment]
        lost.leave()

    def find(self) -> None:
        """Open the containers that are wanted and there."""
        self._clean_up()
        self._why.clear()
        for attachment in dict.fromkeys(self._wanted.values()):
            if attachment not in self._guests:
                try:
                    guest = self._guests[attachment] = self._open(attachment)
                    guest.sweep(key for key, where in self._wanted.items() if where == attachment)
                except PlatformError as error:
                    self._why[attachment] = error

    def check(self, attachment: Attachment) -> None:
        """Raise PlatformError when no address could live there."""
        self._opened(attachment).close()

    def _opened(self, attachment: Attachment) -> Namespace:
        namespace = _namespace_of(attachment)
        if namespace.identity == self._home.identity:
            namespace.close()
            raise PlatformError(
                f"{attachment} is where the interface itself is",
                remedy="name a container with a network namespace of its own, or `carpio detach`",
            )
        return namespace

    def _open(self, attachment: Attachment) -> Guest:
        namespace = self._opened(attachment)
        if not namespace.is_inhabited():
            namespace.close()
            raise PlatformError(f"the jail of {attachment} is gone")
        process = attachment if isinstance(attachment, Process) else None
        try:
            return Guest(namespace, self._home, self._directory, process)
        except OSError as error:
            raise PlatformError(str(attachment), errno=error.errno or 0) from error

    def close(self) -> None:
        """Leave all containers in good order."""
        for guest in self:
            guest.leave()
        self._guests.clear()

    def _clean_up(self) -> None:
        """Once: leave containers that an earlier process was killed in, and that are not wanted."""
        if self._has_cleaned:
            return
        self._has_cleaned = True
        wanted = {str(one) for one in self._wanted.values()}
        for path in sorted(self._directory.glob(_GUEST_FILES.format(self._home.identity))):
            _clean(path, self._home, wanted)


def _is_another(attachment: Attachment, guest: Guest) -> bool:
    """Whether a name means another namespace by now."""
    if not isinstance(attachment, str):
        return False
    try:
        status = (NAMED_NAMESPACES / attachment).stat()
    except OSError:
        return True
    return (status.st_dev, status.st_ino) != guest.namespace.place


def _clean(path: Path, home: Namespace, wanted: Collection[str]) -> None:
    where = StateFile(path).groups.get("at", "")
    if where in wanted:
        return
    kind, _, number = where.partition(" ")
    try:
        is_process = kind == "process" and number
        namespace = _namespace_of(process_of(int(number)) if is_process else where)
    except (PlatformError, ValueError):
        path.unlink(missing_ok=True)
        return
    if path.name.endswith(f"-{namespace.identity}.json"):
        Guest(namespace, home, path.parent).leave()
    else:
        namespace.close()
        path.unlink(missing_ok=True)
