"""The containers that hold addresses of groups: which group lives where, found again and let go.

A container that is not there refuses its groups; nothing is known here of how they are held.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from carpio.core.model import InstanceKey
from carpio.errors import PlatformError
from carpio.runtime.namespace import NAMED_NAMESPACES, Namespace
from carpio.runtime.place import Guest
from carpio.runtime.settings import StateFile

__all__ = ["Attachment", "Guests", "attachment_text"]

Attachment: TypeAlias = str | int
"""A namespace by its name, or a process that lives in it."""

_GUEST_FILES: Final = "guest-{}-*.json"


def attachment_text(attachment: Attachment) -> str:
    """Return what people call it."""
    return attachment if isinstance(attachment, str) else f"process {attachment}"


def _namespace_of(attachment: Attachment) -> Namespace:
    """Open the namespace that is meant. Raises PlatformError."""
    if isinstance(attachment, str):
        return Namespace(attachment)
    try:
        descriptor = os.open(f"/proc/{attachment}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise PlatformError(
            f"process {attachment}",
            errno=error.errno or 0,
            remedy="name one that runs in the container",
        ) from error
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
        self._ended: set[Attachment] = set()
        """Processes that are gone: their number may be another's one day."""
        self._has_cleaned = False

    def want(self, attachments: Mapping[InstanceKey, Attachment]) -> None:
        """From now on these groups live elsewhere, all others at home."""
        self._wanted = dict(attachments)
        self._ended &= set(attachments.values())

    def __iter__(self) -> Iterator[Guest]:
        return iter(self._guests.values())

    def of(self, key: InstanceKey) -> Guest | None:
        """The guest of a group; None when it lives at home. Raises PlatformError when absent."""
        attachment = self._wanted.get(key)
        if attachment is None:
            return None
        guest = self._guests.get(attachment)
        if guest is None:
            raise self._why.get(attachment) or PlatformError(
                f"{attachment_text(attachment)} is not there"
            )
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
                if isinstance(attachment, int) and not guest.is_alive():
                    self._ended.add(attachment)
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
                f"{attachment_text(attachment)} is where the interface itself is",
                remedy="name a container with a network namespace of its own, or `carpio detach`",
            )
        return namespace

    def _open(self, attachment: Attachment) -> Guest:
        if attachment in self._ended:
            raise PlatformError(
                f"{attachment_text(attachment)} has ended",
                remedy="attach the group to another one, or `carpio detach` it",
            )
        namespace = self._opened(attachment)
        if not namespace.is_inhabited():
            namespace.close()
            raise PlatformError(f"the jail of {attachment_text(attachment)} is gone")
        process = attachment if isinstance(attachment, int) else None
        try:
            return Guest(namespace, self._home, self._directory, process)
        except OSError as error:
            raise PlatformError(attachment_text(attachment), errno=error.errno or 0) from error

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
        wanted = {attachment_text(one) for one in self._wanted.values()}
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
        namespace = _namespace_of(int(number) if kind == "process" and number else where)
    except (PlatformError, ValueError):
        path.unlink(missing_ok=True)
        return
    if path.name.endswith(f"-{namespace.identity}.json"):
        Guest(namespace, home, path.parent).leave()
    else:
        namespace.close()
        path.unlink(missing_ok=True)
