"""The socket that systemd listens on for the daemon (systemd.socket(5), sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError

__all__ = ["inherited_listener"]

_FIRST: Final = 3
"""Descriptors are handed over from here on (SD_LISTEN_FDS_START)."""
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_REMEDY: Final = "write one ListenStream=/run/carpio/control.sock in the socket unit, no more"


def inherited_listener(environ: MutableMapping[str, str]) -> tuple[socket.socket, Path] | None:
    """Return the socket that was handed over to this process, with its path; None without one.

    The variables that tell of it are taken out of `environ`, and no child inherits the socket.
    Raises PlatformError when it is not one listening Unix stream socket with a path.
    """
    pid, count, _names = (environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()):
        return None  # of whoever started us
    if count != "1":
        raise PlatformError(f"systemd handed over {count or 'no'} sockets", remedy=_REMEDY)
    with ExitStack() as undo:
        try:
            os.set_inheritable(_FIRST, False)
            listener = undo.enter_context(socket.socket(fileno=_FIRST))
            path = _path_of(listener)
        except OSError as error:
            raise PlatformError(
                "using the socket of systemd", errno=error.errno or 0, remedy=_REMEDY
            ) from error
        listener.setblocking(False)
        undo.pop_all()
        return listener, path


def _path_of(listener: socket.socket) -> Path:
    """Return where it listens. Raises PlatformError, OSError."""
    is_stream = listener.family == socket.AF_UNIX and listener.type == socket.SOCK_STREAM
    name = listener.getsockname() if is_stream else ""
    if not is_stream or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise PlatformError("what systemd handed over does not listen for streams", remedy=_REMEDY)
    if not isinstance(name, str) or not name:
        raise PlatformError("the socket of systemd has no path", remedy=_REMEDY)
    return Path(name)
