"""Several files replaced together: all of them, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError, PlatformError

__all__ = ["Change", "ChangedMeanwhile", "replace_all"]

_CLOSED: Final = 0o600
_ACCESS_LIST: Final = "system.posix_acl_access"


class ChangedMeanwhile(CarpioError):
    """Somebody else has written a file that was to be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file as it was read, and as it is to be; the same when it only has to stay."""

    path: Path
    before: bytes
    after: bytes
    is_closed: bool = False
    """From now on it is for its owner alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A file with its new and its old text beside it, ready to take its place."""

    target: Path
    new: Path
    old: Path


def replace_all(changes: Sequence[Change]) -> None:
    """Replace each file by one rename, with its owner, mode and attributes; follow links.

    On failure all files are as before. Raises ChangedMeanwhile when one is not as it was read
    (up to the moment before the first rename), and PlatformError.
    """
    with _Litter() as litter:
        prepared = [_prepare(one, litter) for one in changes if one.after != one.before]
        for change in changes:
            _refuse_changed(change)
        done: list[_Prepared] = []
        try:
            for one in prepared:
                done.append(one)  # before, for an interrupt may come between
                os.replace(one.new, one.target)
            _sync(one.target.parent for one in prepared)
        except BaseException as error:
            remedy = _put_back(done, litter)
            if isinstance(error, OSError):
                raise _failed(done[-1].target, error, remedy) from error
            raise


class _Litter:
    """Temporary files, removed at the end but for those that somebody will need."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def __enter__(self) -> _Litter:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._paths:
            with suppress(OSError):
                path.unlink()

    def add(self, path: Path) -> None:
        self._paths.append(path)

    def keep(self, path: Path) -> None:
        self._paths.remove(path)


def _prepare(change: Change, litter: _Litter) -> _Prepared:
    target = Path(os.path.realpath(change.path))
    try:
        new = _beside(target, change.after, litter, is_closed=change.is_closed)
        old = _beside(target, change.before, litter)
    except OSError as error:
        raise _failed(target, error, "nothing was changed") from error
    return _Prepared(target=target, new=new, old=old)


def _beside(target: Path, content: bytes, litter: _Litter, *, is_closed: bool = False) -> Path:
    """Write a file like `target` in its directory, safe on the disk. Raises OSError."""
    status = target.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    litter.add(Path(name))
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        made = os.fstat(descriptor)
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, _CLOSED if is_closed else status.st_mode & 0o7777)
        _copy_attributes(target, descriptor, is_closed=is_closed)
        os.fsync(descriptor)
    return Path(name)


def _copy_attributes(source: Path, descriptor: int, *, is_closed: bool) -> None:
    """Copy labels and access lists where the file system has them."""
    with suppress(OSError):
        for name in os.listxattr(source):
            if not (is_closed and name == _ACCESS_LIST):
                with suppress(OSError):
                    os.setxattr(descriptor, name, os.getxattr(source, name))


def _refuse_changed(change: Change) -> None:
    try:
        is_same = change.path.read_bytes() == change.before
    except OSError:
        is_same = False
    if not is_same:
        raise ChangedMeanwhile(
            f"{change.path} was changed meanwhile; nothing was written; run the command again"
        )


def _sync(directories: Iterable[Path]) -> None:
    """Make renames last. Raises OSError."""
    for directory in dict.fromkeys(directories):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put_back(done: Sequence[_Prepared], litter: _Litter) -> str:
    """Give files their old texts again; return what to say about it."""
    lost = []
    for one in reversed(done):
        if one.new.exists():
            continue  # it has not taken its place
        try:
            os.replace(one.old, one.target)
        except OSError:
            litter.keep(one.old)
            lost.append(f"{one.target} has its new text, the former one is in {one.old}")
    with suppress(OSError):
        _sync(one.target.parent for one in done)
    return "; ".join(lost) or "all files are as before"


def _failed(target: Path, error: OSError, remedy: str) -> PlatformError:
    return PlatformError(f"writing {target}", errno=error.errno or 0, remedy=remedy)
