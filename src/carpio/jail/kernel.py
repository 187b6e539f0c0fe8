"""System calls that Python does not know: mounts without a place, paths that stay below a root...

Knows the numbers and structures of Linux (the same on all machines), not what they are used for.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

__all__ = ["adopt_orphans", "mount_cgroup2", "open_below"]

_FSOPEN: Final = 430
_FSCONFIG: Final = 431
_FSMOUNT: Final = 432
_OPENAT2: Final = 437
_PR_SET_CHILD_SUBREAPER: Final = 36
_CLOEXEC: Final = 1
"""FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC."""
_FSCONFIG_CMD_CREATE: Final = 6
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_NO_SYMLINKS: Final = 0x04
_RESOLVE_IN_ROOT: Final = 0x10


def mount_cgroup2() -> int:
    """Return a descriptor of a mount of cgroup2 that is in no mount namespace. Raises OSError.

    It needs neither a directory nor a mount of the host, and is gone with its last descriptor.
    """
    filesystem = _system_call(_FSOPEN, ctypes.c_char_p(b"cgroup2"), ctypes.c_uint(_CLOEXEC))
    try:
        _system_call(_FSCONFIG, *map(ctypes.c_int, (filesystem, _FSCONFIG_CMD_CREATE)), 0, 0, 0)
        return _system_call(_FSMOUNT, *map(ctypes.c_int, (filesystem, _CLOEXEC, 0)))
    finally:
        os.close(filesystem)


def open_below(
    root: int, path: str, flags: int, mode: int = 0, *, follows_links: bool = False
) -> int:
    """Open a path as if the directory `root` were /, and never outside of it. Raises OSError.

    Symbolic links are followed within the root, or are an error (ELOOP).
    """
    resolve = _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
    if not follows_links:
        resolve |= _RESOLVE_NO_SYMLINKS
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve)
    name = os.fsencode(path) or b"."
    try:
        return _system_call(
            _OPENAT2,
            ctypes.c_int(root),
            ctypes.c_char_p(name),
            ctypes.c_char_p(how),
            ctypes.c_size_t(len(how)),
        )
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def adopt_orphans() -> None:
    """Let what descendants leave behind become children of this process. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _system_call(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
