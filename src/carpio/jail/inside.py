"""What is in the root of a jail that runs, looked up without ever leaving it."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from carpio.errors import PlatformError
from carpio.jail.kernel import open_below

__all__ = ["JailRoot"]


class JailRoot:
    """The root of a jail; a context manager."""

    def __init__(self, place: str | Path) -> None:
        """Raises PlatformError."""
        try:
            self._root = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise PlatformError("the jail is gone", errno=error.errno or 0) from error

    @classmethod
    def of(cls, holder: int) -> JailRoot:
        """Return the root of the jail that a process holds. Raises PlatformError."""
        return cls(f"/proc/{holder}/root")

    def __enter__(self) -> JailRoot:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def lines(self, path: str, longest: int = 1 << 22) -> Sequence[str]:
        """Return the lines of a file; none when there is no plain file."""
        try:
            file = open_below(self._root, path, os.O_RDONLY | os.O_NONBLOCK, follows_links=True)
        except OSError:
            return ()
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            return ()
        with os.fdopen(file, "rb") as stream:
            return stream.read(longest).decode("utf-8", "surrogateescape").splitlines()

    def is_directory(self, path: str) -> bool:
        """Return whether a path is a directory."""
        return self._error_of(path, os.O_DIRECTORY) == 0

    def has(self, path: str) -> bool:
        """Return whether there is something at a path."""
        return self._error_of(path) == 0

    def require_program(
        self, word: str, environment: Mapping[str, str], directory: str = "/"
    ) -> None:
        """Raise PlatformError when a command cannot be found."""
        if "/" in word:
            places = [posixpath.join(directory, word)]
        else:
            path = environment.get("PATH") or "/bin:/usr/bin"
            places = [posixpath.join(directory, each, word) for each in path.split(":")]
        missing = (errno.ENOENT, errno.ENOTDIR)
        if all(self._error_of(place) in missing for place in places):
            raise PlatformError(word, errno=errno.ENOENT)

    def _error_of(self, path: str, flags: int = 0) -> int:
        try:
            os.close(open_below(self._root, path, os.O_PATH | flags, follows_links=True))
        except OSError as error:
            return error.errno or 0
        return 0
