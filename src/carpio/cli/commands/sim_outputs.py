"""What carpio sim writes: found out before a run whether it can be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["check_directory", "check_file"]


def check_file(path: Path) -> None:
    """Raise OSError if a file cannot be written there. Makes and changes nothing."""
    if path.is_dir():
        raise _refusal(errno.EISDIR, path)
    if os.path.lexists(path):
        is_allowed = os.access(path, os.W_OK) or not path.exists()
    elif not path.parent.is_dir():
        raise _refusal(errno.ENOTDIR if path.parent.exists() else errno.ENOENT, path)
    else:
        is_allowed = os.access(path.parent, os.W_OK | os.X_OK)
    if not is_allowed:
        raise _refusal(errno.EACCES, path)


def check_directory(path: Path) -> None:
    """Raise OSError if it is no directory to write in, and none can be made there."""
    found = next(one for one in (path, *path.parents) if os.path.lexists(one))
    if not found.is_dir():
        raise _refusal(errno.ENOTDIR, found)
    if not os.access(found, os.W_OK | os.X_OK):
        raise _refusal(errno.EACCES, found)


def _refusal(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
