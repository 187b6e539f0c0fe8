"""Log lines to stderr or the journal, never in the way: a reader that sleeps must not stop CARP.

Lines go through a bounded queue to a thread; when the queue is full they are counted and dropped.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time

__all__ = ["LogWriter", "level_for"]

_QUEUE = 2000
_PATIENCE_S = 1.0
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def level_for(log: int) -> int:
    """Translate net.inet.carp.log (spec 11): 0 errors only, 1 changes, 2 also bad packets."""
    return {0: logging.ERROR, 1: logging.INFO}.get(log, logging.DEBUG)


class LogWriter(logging.Handler):
    """Writes to stderr from a thread of its own; marks levels when the journal listens."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=_QUEUE)
        self._dropped = 0
        self._journal = "JOURNAL_STREAM" in os.environ
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line."""
        text = record.getMessage()
        if self._journal:
            text = f"<{_SYSLOG.get(record.levelno, 5)}>{text}"
        try:
            if self._dropped:
                self._lines.put_nowait(self._lost())
                self._dropped = 0
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits and how much was lost, for a second at most, and end."""
        super().close()
        end = time.monotonic() + _PATIENCE_S
        try:
            if self._dropped:
                self._lines.put(self._lost(), timeout=_PATIENCE_S)
                self._dropped = 0
            self._lines.put(None, timeout=max(0.0, end - time.monotonic()))
        except queue.Full:
            return
        self._thread.join(timeout=max(0.0, end - time.monotonic()))

    def _lost(self) -> str:
        return f"carpio: {self._dropped} log lines were lost: nobody read them"

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
            except (OSError, ValueError):
                continue  # the reader is gone; CARP goes on
