"""How a command goes into another network namespace, as ip-netns(8) names it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError

__all__ = ["enter_namespace", "knows_namespace"]

_NAMED: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000


def knows_namespace(name: str, named: Path = _NAMED) -> bool:
    """Return whether ip-netns(8) lists it."""
    return "/" not in name and name not in ("", ".", "..") and (named / name).exists()


def enter_namespace(name: str, named: Path = _NAMED) -> None:
    """Take this process, which must have one thread, into a namespace for good.

    Raises PlatformError, with FreeBSD's words for a jail that is not there.
    """
    if not name or "/" in name or name in (".", ".."):
        raise PlatformError(f'jail "{name}" not found')
    try:
        descriptor = os.open(named / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise PlatformError(f'jail "{name}" not found') from error
    except OSError as error:
        raise PlatformError(f'jail "{name}"', errno=error.errno or 0) from error
    try:
        _set_namespace(descriptor, name)
    finally:
        os.close(descriptor)


def _set_namespace(descriptor: int, name: str) -> None:
    import ctypes  # half of the commands never need it; os.setns needs Python 3.12

    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        remedy = "run as root" if number == errno.EPERM else ""
        raise PlatformError(f'jail "{name}"', errno=number, remedy=remedy)
