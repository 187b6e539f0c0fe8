"""Users of a jail, read from its own /etc/passwd and never outside of its root; or of the host."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator
from typing import Final

from carpio.errors import CarpioError
from carpio.jail.bundle import User
from carpio.jail.inside import JailRoot

__all__ = ["ROOT", "host_user", "jail_user"]

ROOT: Final = User(name="root", uid=0, gid=0)


class NoSuchUser(CarpioError):
    """A user that is not known there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: no such user")


def host_user(name: str) -> User:
    """Return a user of this host with his groups. Raises CarpioError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise NoSuchUser(name) from error
    return User(
        name=name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        groups=tuple(os.getgrouplist(name, entry.pw_gid)),
        home=entry.pw_dir or "/",
        shell=entry.pw_shell or "/bin/sh",
    )


def jail_user(root: JailRoot, name: str | None) -> User:
    """Return a user of a jail, None for root, by the files in its root. Raises CarpioError.

    Root is there even without files.
    """
    groups = list(_fields(root.lines("etc/group"), 4))
    for login, _, uid, gid, _, home, shell in _fields(root.lines("etc/passwd"), 7):
        if (login == name or (name is None and uid == "0")) and _are_numbers(uid, gid):
            more = {
                int(each[2])
                for each in groups
                if login in each[3].split(",") and _are_numbers(each[2])
            }
            return User(
                name=login,
                uid=int(uid),
                gid=int(gid),
                groups=tuple(sorted({int(gid), *more})),
                home=home or "/",
                shell=shell or "/bin/sh",
            )
    if name in (None, "root"):
        return ROOT
    raise NoSuchUser(str(name))


def _are_numbers(*texts: str) -> bool:
    return all(text.isascii() and text.isdigit() and int(text) < 1 << 32 for text in texts)


def _fields(lines: Iterable[str], count: int) -> Iterator[list[str]]:
    """Return the fields of lines that have so many."""
    for line in lines:
        fields = line.split(":")
        if len(fields) == count and not line.startswith("#"):
            yield fields
