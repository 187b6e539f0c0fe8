"""Every exception that carpio raises on purpose.

CarpioError
├── ConfigError      a configuration that cannot be used; carries all problems found
├── DecodeError      bytes that are not what they should be; carries a drop reason
├── PlatformError    Linux refused an operation; carries operation, interface, errno
├── ControlError     a request to the daemon that failed; carries an exit status hint
└── InvariantViolated  something that must never be true is true
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carpio.wire.constants import DropReason

__all__ = [
    "CarpioError",
    "ConfigError",
    "ControlError",
    "DecodeError",
    "InvariantViolated",
    "PlatformError",
    "text_of",
]


class CarpioError(Exception):
    """Base of all errors that carpio raises on purpose."""


class ConfigError(CarpioError):
    """A configuration that cannot be used.

    `problems` holds one finished line per problem (file, place, what, remedy).
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DecodeError(CarpioError):
    """Bytes that are not a valid packet; `reason` says which counter goes up."""

    def __init__(self, reason: DropReason, text: str = "") -> None:
        super().__init__(text or reason.value)
        self.reason = reason


class PlatformError(CarpioError):
    """Linux refused `operation` on `interface` with `errno` (0: no errno)."""

    def __init__(
        self, operation: str, *, interface: str = "", errno: int = 0, remedy: str = ""
    ) -> None:
        from os import strerror

        text = operation if not interface else f"{interface}: {operation}"
        if errno:
            text += f": {strerror(errno)}"
        if remedy:
            text += f"; {remedy}"
        super().__init__(text)
        self.operation = operation
        self.interface = interface
        self.errno = errno
        self.remedy = remedy


class ControlError(CarpioError):
    """A request to the daemon that failed; `code` is the JSON-RPC error code."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def text_of(error: OSError) -> str:
    """Return what the system refused, of which file, and what to do where that is plain."""
    import errno

    remedies = {
        errno.ENOENT: "see that it exists, or the directory that it shall be in",
        errno.EACCES: "choose a file that you may use, or ask whose it is",
        errno.EPERM: "choose a file that you may use, or ask whose it is",
        errno.EROFS: "choose a place that can be written to",
        errno.EISDIR: "name a file in it",
        errno.ENOTDIR: "choose another name, or move what is there",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.ENOSPC: "make room on the disk",
    }
    if not error.strerror:
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    remedy = remedies.get(error.errno or 0, "")
    return f"{place}{error.strerror}{'; ' if remedy else ''}{remedy}"


class InvariantViolated(CarpioError):
    """Something that must never be true is true."""
