"""Processes that work for one that people interrupt: they never outlive it, and never complain."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.pool import Pool
from types import FrameType
from typing import Final

__all__ = ["workers"]

_PR_SET_PDEATHSIG: Final = 1
"""<linux/prctl.h>"""
_INTERRUPT: Final = frozenset({signal.SIGINT})


@contextmanager
def workers(cores: int) -> Iterator[Pool]:
    """Give a pool of processes, and end them however this ends. For the main thread.

    ^C is the parent's alone: KeyboardInterrupt comes in the body, or when the pool is made or
    gone. SIGTERM raises SystemExit.
    """
    # makes a process of its own and then lets SIGINT through, whatever was before
    resource_tracker.ensure_running()
    with _leaving_in_order():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
        try:
            # children inherit what is blocked, and not the threads or sockets of who called us
            with get_context("spawn").Pool(cores, _end_with_parent) as pool:
                try:
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                    yield pool
                finally:
                    signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """Let SIGTERM end the processes, too."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> None:
    """Leave ^C to the parent, and end with it, however it ends. For a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
