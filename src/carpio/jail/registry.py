"""What is known of the jails of this host: one JSON file for each, in a directory of root.

The directory is in a file system that is empty after a reboot. A record is verified when it is
read: once the process that holds the jail is another one, or gone, `holder` is None.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from carpio.errors import CarpioError, PlatformError
from carpio.jail.makers import is_running, myself
from carpio.jail.ports import Record

__all__ = ["FileRegistry", "state_directory"]

_DEFAULT: Final = "/run/carpio/jails"
_VARIABLE: Final = "CARPIO_JAIL_STATE"
_HIGHEST_JID: Final = 999_999
_SUFFIX: Final = ".json"


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return where records are: $CARPIO_JAIL_STATE, or below /run."""
    return Path(environ.get(_VARIABLE) or _DEFAULT).absolute()


class FileRegistry:
    """Records in a directory, which is made at the first need; `remark` tells of damaged ones.

    May be used by several threads. Methods raise PlatformError.
    """

    def __init__(self, directory: Path, remark: Callable[[str], None]) -> None:
        self._directory = directory
        self._remark = remark
        self._mutex = threading.RLock()
        self._depth = 0
        self._lock_file = -1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes and threads out for the moment; may be nested in one thread."""
        with self._mutex:
            if self._depth == 0:
                self._lock_file = self._open_lock()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    os.close(self._lock_file)

    def _open_lock(self) -> int:
        self._provide()
        try:
            lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise self._failure("locking", error) from error
        return lock

    def _provide(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = self._directory.stat()
        except OSError as error:
            raise self._failure("making", error) from error
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
            raise PlatformError(
                f"{self._directory}: others may enter it, or it belongs to somebody else",
                remedy=f"chown root {self._directory}; chmod 700 {self._directory}",
            )

    def _failure(self, what: str, error: OSError) -> PlatformError:
        remedy = "jails need root" if error.errno in (errno.EACCES, errno.EPERM) else ""
        return PlatformError(f"{what} {self._directory}", errno=error.errno or 0, remedy=remedy)

    def records(self) -> Iterator[Record]:
        """Return all records by jid; files that make no sense are told and left out."""
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("reading", error) from error
        jids = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        for jid in sorted(int(jid) for jid in jids if jid.isascii() and jid.isdigit()):
            record = self._read(jid)
            if record is not None:
                yield record

    def find(self, name_or_jid: str) -> Record | None:
        """Return the record of a jail by jid or name."""
        if name_or_jid.isascii() and name_or_jid.isdigit():
            return self._read(int(name_or_jid)) if len(name_or_jid) < len(str(10**9)) else None
        return next((each for each in self.records() if each.name == name_or_jid), None)

    def _file(self, jid: int) -> Path:
        return self._directory / f"{jid}{_SUFFIX}"

    def _read(self, jid: int) -> Record | None:
        path = self._file(jid)
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
            if record.jid != jid:
                raise ValueError(f"holds the jail {record.jid}")
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:  # also msgspec's errors
            self._remark(f"{path}: damaged record, left out: {error}")
            return None
        if record.holder is not None and not is_running(record.holder):
            return replace(record, holder=None)
        return record

    def reserve(self, name: str, jid: int | None, path: str) -> Record:
        """Take a jid and a name, and put a record of them; an empty name becomes the jid.

        Raises CarpioError with `"NAME" already exists`.
        """
        with self.locked():
            if name and self.find(name) is not None:
                raise CarpioError(f'"{name}" already exists')
            if jid and self._file(jid).exists():
                raise CarpioError(f'"{jid}" already exists')
            number = jid or self._next_jid()
            if not name and self.find(str(number)) is not None:
                raise CarpioError(f'"{number}" already exists')
            record = Record(
                jid=number,
                name=name or str(number),
                path=path,
                values={},
                holder=None,
                is_persistent=False,
                maker=myself(),
            )
            self.put(record)
            self._write(self._directory / "last-jid", str(number).encode())
            return record

    def _next_jid(self) -> int:
        """Return the free number after the last one that was used."""
        try:
            last = int((self._directory / "last-jid").read_text())
        except (OSError, ValueError):
            last = 0
        for step in range(_HIGHEST_JID):
            jid = (last + step) % _HIGHEST_JID + 1
            if not self._file(jid).exists():
                return jid
        raise CarpioError("all jids are taken")

    def put(self, record: Record) -> None:
        """Write a record: whoever reads finds the old one or the new one."""
        with self.locked():
            self._write(self._file(record.jid), msgspec.json.encode(record))

    def _write(self, path: Path, data: bytes) -> None:
        """Replace a file. A writer that is killed leaves at most what the next one replaces."""
        new = _being_written(path)
        try:
            with open(new, "wb", opener=_opener) as file:
                file.write(data)
            new.rename(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise self._failure("writing", error) from error

    def drop(self, record: Record) -> None:
        """Forget a jail."""
        path = self._file(record.jid)
        with self.locked():
            path.unlink(missing_ok=True)
            _being_written(path).unlink(missing_ok=True)


def _being_written(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
