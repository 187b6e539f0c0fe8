"""Small files that nobody but their user reads: written whole or not at all, never waited for."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError

__all__ = ["read_own", "write_own"]

_LIMIT: Final = 16 * 1024 * 1024
"""Bytes; thousands of groups need less."""


def read_own(path: Path) -> bytes:
    """Return a regular file of this user; never waits. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        if found.st_size > _LIMIT:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return file.read(_LIMIT)


def write_own(path: Path, content: bytes) -> None:
    """Replace a file, readable by its owner alone. Raises PlatformError with the former there."""
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise PlatformError(f"writing {path}", errno=error.errno or 0) from error
