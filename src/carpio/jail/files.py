"""The files that jails are read from."""

from __future__ import annotations

import errno
import glob
import os
from typing import Final, Protocol, TextIO

__all__ = ["STDIN", "Files", "RealFiles"]

STDIN: Final = "STDIN"
"""What the file `-` is called."""
_LONGEST: Final = 1 << 24
"""Characters; nothing that people wrote is longer, but a device may be."""


class Files(Protocol):
    """Where texts come from."""

    def read(self, path: str) -> str:
        """Return the text of a file. Bytes that are not UTF-8 are surrogates. Raises OSError."""
        ...

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern of the shell means, in order."""
        ...


class RealFiles:
    """Those of this host; STDIN is a stream."""

    def __init__(self, stdin: TextIO) -> None:
        self._stdin = stdin

    def read(self, path: str) -> str:
        """Return the text of a file. Raises OSError."""
        if path == STDIN:
            return _whole(self._stdin, path)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return _whole(file, path)

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern of the shell means, in order."""
        return sorted(glob.glob(pattern))


def _whole(stream: TextIO, path: str) -> str:
    try:
        text = stream.read(_LONGEST + 1)
    except UnicodeDecodeError as error:  # only a standard input that was opened so
        raise OSError(errno.EILSEQ, "not text in UTF-8", path) from error
    if len(text) > _LONGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return text
