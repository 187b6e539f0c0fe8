"""What it takes to run a command in a jail; needed by all who do, and quickly by one of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

import msgspec

from carpio.errors import PlatformError
from carpio.jail.bundle import User, process_of
from carpio.jail.inside import JailRoot
from carpio.jail.ports import Record
from carpio.jail.site import Site
from carpio.jail.users import host_user, jail_user
from carpio.jail.values import Setpoint

__all__ = ["exec_call", "in_memory", "prepared", "with_user"]


def exec_call(site: Site, record: Record, process: int, *options: str) -> tuple[str, ...]:
    """Return a call of the runtime for a command that a descriptor describes."""
    words = ("exec", *options, "--process", f"/proc/self/fd/{process}", f"jail-{record.jid}")
    return site.seeing_cgroups(site.runtime(record.jid, *words))


def prepared(
    holder: int,
    argv: Sequence[str],
    values: Mapping[str, Setpoint],
    *,
    user: str | None,
    is_host_user: bool,
    environment: Mapping[str, str],
    directory: str | None = None,
    is_clean: bool = False,
    wants_terminal: bool = False,
) -> bytes:
    """Return what the runtime has to know of a command in a jail. Raises CarpioError.

    Without words it is a shell. It gets a terminal of the jail if there are any (mount.devfs). A
    clean one gets the variables of its user and starts in his home, if there is one.
    """
    with JailRoot.of(holder) as root:
        found = host_user(user) if user is not None and is_host_user else jail_user(root, user)
        if is_clean:
            environment = with_user(environment, found)
        at = directory or (found.home if is_clean else "/")
        if not root.is_directory(at):
            if directory:
                raise PlatformError(directory, errno=errno.ENOENT)
            at = "/"
        if not argv:
            shell = environment.get("SHELL") or "/bin/sh"
            argv = (shell if root.has(shell) else "/bin/sh", "-i")
        root.require_program(argv[0], environment, at)
        has_terminal = wants_terminal and root.has("/dev/pts/ptmx")
    process = process_of(
        argv,
        found,
        values,
        environment=environment,
        directory=at,
        has_terminal=has_terminal,
    )
    return _encoded(process)


def _encoded(process: dict[str, object]) -> bytes:
    try:
        return msgspec.json.encode(process)
    except UnicodeEncodeError:  # words that are not UTF-8
        import json

        return json.dumps(process, ensure_ascii=False).encode("utf-8", "surrogateescape")


def with_user(environment: Mapping[str, str], user: User) -> dict[str, str]:
    """Return variables with those of a user."""
    return {**environment, "HOME": user.home, "SHELL": user.shell, "USER": user.name}


def in_memory(data: bytes) -> int:
    """Return a descriptor of a file that only this process and its children see."""
    file = os.memfd_create("jail", os.MFD_CLOEXEC)
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file
