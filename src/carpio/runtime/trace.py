"""Writes what happens to an engine into a file, never in the way: a slow disk must not stop CARP.

Lines are made after effects are performed and written by a thread. What does not fit into the
queue is counted, dropped, and followed by a new beginning. A full file becomes FILE.1 and a new
one begins; each can be replayed by itself.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import stat
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from carpio import __version__
from carpio.core.effects import Effect
from carpio.core.engine import Engine
from carpio.core.events import Event
from carpio.core.memory import EngineMemory, remember, settings_of
from carpio.core.model import EngineConfig, Nanoseconds
from carpio.core.signer import Entropy
from carpio.errors import PlatformError
from carpio.trace.beginning import Trace
from carpio.trace.records import End, Happening, Lost, encode, records_of

__all__ = ["TraceFile", "TraceWriter", "Tracer"]

log = logging.getLogger("carpio")

_WAITING: Final = 4 * 1024 * 1024
"""Bytes that wait for the disk at most."""
_PATIENCE_S: Final = 1.0
_HASTE: Final = 8
"""What part of a full file can be added while there is no quiet moment."""
_QUIET: Final = 15_000_000
"""A new beginning with hundreds of groups takes some of these nanoseconds."""
_MODE: Final = 0o600


class _NotedEntropy:
    """Passes draws on, and remembers them for the trace."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._drawn: list[int] = []

    def getrandbits(self, k: int, /) -> int:
        """Return a random integer of `k` bits."""
        drawn = self._entropy.getrandbits(k)
        self._drawn.append(drawn)
        return drawn

    def take(self) -> Sequence[int]:
        """Return, once, what was drawn since the last call."""
        if not self._drawn:
            return ()
        drawn, self._drawn = self._drawn, []
        return drawn


class TraceFile:
    """A file and its predecessor, in a directory that cannot be exchanged under us."""

    def __init__(self, path: Path, uid: int) -> None:
        """Make the file for the user who asked. Raises PlatformError.

        Only root may name a directory that is not the caller's own: the daemon writes with
        rights that the caller need not have.
        """
        self.path = path
        self._uid = uid
        self._name = path.name
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        with contextlib.ExitStack() as undo:
            try:
                self._directory = os.open(path.parent, flags)
                undo.callback(os.close, self._directory)
                self._refuse_foreign()
                self._refuse_existing(f"{self._name}.1")
                self._file = self._make()
            except OSError as error:
                raise PlatformError(
                    f"making {path}",
                    errno=error.errno or 0,
                    remedy="name a file that is not there, in a directory of yours",
                ) from error
            undo.pop_all()

    def _refuse_foreign(self) -> None:
        if self._uid not in (0, os.fstat(self._directory).st_uid):
            raise OSError(errno.EPERM, "the directory is another user's")

    def _refuse_existing(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=self._directory, follow_symlinks=False)
            raise OSError(errno.EEXIST, name)

    def _make(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._name, flags, _MODE, dir_fd=self._directory)
        if self._uid:
            os.fchown(file, self._uid, -1)
        return file

    def write(self, data: bytes) -> None:
        """Write all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def turn_over(self) -> None:
        """Let the file become FILE.1, and begin a new one. Raises OSError."""
        now = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        if not stat.S_ISREG(now.st_mode) or now.st_ino != os.fstat(self._file).st_ino:
            raise OSError(errno.ESTALE, "the file is another one now")
        place = self._directory
        os.rename(self._name, f"{self._name}.1", src_dir_fd=place, dst_dir_fd=place)
        os.close(self._file)
        self._file = -1
        self._file = self._make()

    def close(self) -> None:
        """Let go of it."""
        if self._file >= 0:
            os.close(self._file)
        os.close(self._directory)


class TraceWriter:
    """The trace of one network namespace; implements `ports.TraceSink`."""

    def __init__(self, file: TraceFile, limit: int, netns: str | None) -> None:
        """`limit`: bytes after which the file is turned over."""
        self.path = file.path
        self.wants_beginning = True
        self._file = file
        self._limit = limit
        self._netns = netns
        self._size = 0
        self._lost = 0
        self._queued = self._written = 0
        self._failure: OSError | None = None
        self._is_closed = False
        self._chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="trace", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> OSError | None:
        """Why nothing more is written."""
        return self._failure

    def begin(self, now: Nanoseconds, config: EngineConfig, memory: EngineMemory) -> None:
        """Write what the engine is; what follows can be replayed from here."""
        data = b""
        if self._lost:
            data = encode(Lost(at=now, count=self._lost))
        began = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        place = {"version": __version__, "netns": self._netns}
        data += encode(Trace.of(now, began, config, memory, **place))  # type: ignore[arg-type]  # by name
        if self._put(data):
            self._lost = 0
            self.wants_beginning = False

    def note(self, happened: Sequence[Happening]) -> None:
        """Write down what happened and what came of it."""
        data = b"".join(encode(one) for it in happened for one in records_of(it))
        if self.wants_beginning or not self._put(data):
            self._lost += len(data)
            self.wants_beginning = True

    def turn_over(self, now: Nanoseconds, *, is_quiet: bool) -> None:
        """Begin a new file if this one is full; with less hurry while it is not quiet."""
        limit = self._limit if is_quiet else self._limit + self._limit // _HASTE
        if self._size >= limit and not self.wants_beginning:
            self._put(encode(End(at=now, why="it goes on in a new file")))
            self._chunks.put(b"")  # turn over
            self._size = 0
            self.wants_beginning = True

    def _put(self, data: bytes) -> bool:
        if self._queued - self._written > _WAITING:
            return False
        self._queued += len(data)
        self._size += len(data)
        self._chunks.put(data)
        return True

    def close(self, now: Nanoseconds, why: str, *, wait: bool = False) -> None:
        """End the trace; with `wait` see it written, for a second at most."""
        if not self._is_closed:
            self._is_closed = True
            self._chunks.put(encode(End(at=now, why=why)))
            self._chunks.put(None)
        if wait:
            self._thread.join(timeout=_PATIENCE_S)

    def _write(self) -> None:
        while (data := self._chunks.get()) is not None:
            if self._failure is None:
                try:
                    self._file.write(data) if data else self._file.turn_over()
                except OSError as error:
                    self._failure = error
            self._written += len(data)
        self._file.close()


class Tracer:
    """What one engine has of a trace: its draws, what waits to be written, and by whom."""

    def __init__(self, entropy: Entropy) -> None:
        self.entropy = _NotedEntropy(entropy)
        self._happened: list[Happening] = []
        self._writer: TraceWriter | None = None

    def note(self, now: Nanoseconds, event: Event, effects: Sequence[Effect]) -> None:
        """Keep in mind what happened; it is written when there is time."""
        drawn = self.entropy.take()
        if self._writer is not None:
            self._happened.append((now, event, effects, drawn))

    def write(self, engine: Engine) -> None:
        """Write what happened; `engine` is what came of all of it."""
        if not self._happened:
            return
        happened, self._happened = self._happened, []
        writer = self._writer
        if writer is None:
            return
        now = happened[-1][0]
        if writer.failure is not None:
            log.error("carpio: the trace ends: %s: %s", writer.path, writer.failure)
            self.use(None, engine, now)
            return
        writer.note(happened)
        due = engine.next_deadline()
        writer.turn_over(now, is_quiet=due is None or due - now > _QUIET)
        if writer.wants_beginning:
            writer.begin(now, settings_of(engine), remember(engine))

    def use(self, writer: TraceWriter | None, engine: Engine, now: Nanoseconds) -> None:
        """Trace with another writer, or none, from now on."""
        if self._writer is not None:
            self._writer.close(now, "it was ended")
        self._happened.clear()
        self._writer = writer
        if writer is not None:
            writer.begin(now, settings_of(engine), remember(engine))

    def leave(self, now: Nanoseconds, *, wait: bool) -> None:
        """The engine is not used any more; with `wait` see the trace written."""
        if self._writer is not None:
            self._writer.close(now, "the daemon left", wait=wait)
