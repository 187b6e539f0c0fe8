"""Files that output of commands in jails is appended to (`exec.consolelog`)."""

from __future__ import annotations

import errno
import os
import stat

from carpio.errors import PlatformError
from carpio.jail.kernel import open_below

__all__ = ["open_log"]


def open_log(path: str, root: str) -> int:
    """Open a file to append to; made if missing. Raises PlatformError.

    Below the root of the jail, where others may have prepared something, no part may be a symbolic
    link, and it must be a plain file with one name.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    base = root.rstrip("/") + "/"
    try:
        if base != "/" and path.startswith(base):
            directory = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                log = open_below(directory, path[len(base) :].lstrip("/"), flags, 0o600)
            finally:
                os.close(directory)
        else:
            log = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PlatformError(f"exec.consolelog: {path}: has a symbolic link in it") from error
        raise PlatformError(f"exec.consolelog: {path}", errno=error.errno or 0) from error
    facts = os.fstat(log)
    if not stat.S_ISREG(facts.st_mode) or (base != "/" and facts.st_nlink > 1):
        os.close(log)
        raise PlatformError(f"exec.consolelog: {path}: not a plain file with one name")
    os.set_blocking(log, True)
    return log
