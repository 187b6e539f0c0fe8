"""What carpio sim writes: found out before a run whether it can be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

__all__ = ["check_directory", "check_file", "confusion", "naming", "write_file"]


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


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError that comes of writing, as on a full disk, name the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise _refusal(error.errno, path) from error


def write_file(path: Path, text: str) -> None:
    """Write a whole file. Raises OSError that names it."""
    with naming(path):
        path.write_text(text)


def _refusal(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def confusion(outputs: Mapping[str, Path], inputs: Iterable[Path]) -> str:
    """Say which output would overwrite what it must not, if one would; `outputs` by option.

    A configuration of no host here must not be overwritten either: `--svg a.toml b.toml c.toml`
    lacks a name.
    """
    for option, path in outputs.items():
        if path.suffix == ".toml" or any(_are_one(path, other) for other in inputs):
            return f"{option} would write over {path}; name a file for it after {option}"
    for (one, path), (other, second) in combinations(outputs.items(), 2):
        if _are_one(path, second):
            return f"{one} and {other} write the same file; name two"
    return ""


def _are_one(path: Path, other: Path) -> bool:
    """Whether both are one regular file, or would be."""
    if not path.exists() or not other.exists():
        return path.resolve() == other.resolve()
    return path.is_file() and path.samefile(other)
