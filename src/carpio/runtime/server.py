"""The control socket: JSON-RPC lines in, replies out, without ever blocking the loop.

Knows sockets and bounds; what a request means is the daemon's business (`Handler`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from carpio.control.messages import (
    MAX_MESSAGE,
    WRITING,
    ErrorCode,
    Request,
    RequestError,
    encode_error,
    encode_result,
    parse_request,
)
from carpio.errors import ConfigError, ControlError, PlatformError
from carpio.runtime.privileges import caller_may_change

__all__ = ["ControlServer", "Handler"]

Handler: TypeAlias = Callable[[Request], object]
"""Carries a request out and returns its result. May raise ControlError or ConfigError."""

_MAX_CONNECTIONS = 256
_MAX_UNSENT = 4 << 20
"""A caller that does not read its replies is dropped beyond this many bytes."""


class ControlServer:
    """A Unix stream socket; readable by all, writing methods for CAP_NET_ADMIN alone."""

    def __init__(self, path: Path, handler: Handler) -> None:
        """Bind `path`, replacing a socket that nobody listens on. Raises PlatformError."""
        self.path = path
        self._handler = handler
        self._connections: dict[int, _Connection] = {}
        self._listener = _listen(path)

    def files(self) -> dict[int, bool]:
        """File descriptors to wait on; True where waiting for room to write as well."""
        waiting = {self._listener.fileno(): False}
        waiting |= {fd: bool(c.unsent) for fd, c in self._connections.items()}
        return waiting

    def serve(self, ready: set[int]) -> None:
        """Act on readable or writable descriptors."""
        if self._listener.fileno() in ready:
            self._accept()
        for descriptor in ready & set(self._connections):
            connection = self._connections[descriptor]
            if not (connection.read(self._handler) and connection.write()):
                connection.close()
                del self._connections[descriptor]

    def close(self) -> None:
        """Stop serving and remove the socket."""
        for connection in self._connections.values():
            connection.write()
            connection.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            if len(self._connections) >= _MAX_CONNECTIONS:
                accepted.close()
                continue
            accepted.setblocking(False)
            self._connections[accepted.fileno()] = _Connection(accepted)


class _Connection:
    """One caller."""

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted
        self._received = b""
        self.unsent = b""

    def read(self, handler: Handler) -> bool:
        """Answer the complete lines that are there; False when the caller is gone."""
        try:
            data = self._socket.recv(MAX_MESSAGE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            if line.strip():
                self.unsent += self._answer(line, handler)
        if len(self._received) > MAX_MESSAGE:
            self.unsent += encode_error(
                None, ErrorCode.INVALID_REQUEST, f"request longer than {MAX_MESSAGE} bytes"
            )
            self.write()
            return False
        return len(self.unsent) <= _MAX_UNSENT

    def write(self) -> bool:
        """Send what fits; False when the caller is gone."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self._socket.send(self.unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()

    def _answer(self, line: bytes, handler: Handler) -> bytes:
        try:
            request_id, request = parse_request(line)
        except RequestError as error:
            return encode_error(error.request_id, ErrorCode(error.code), str(error))
        if isinstance(request, WRITING) and not caller_may_change(self._socket):
            message = f"{request.method} needs CAP_NET_ADMIN; run it as root of this machine"
            return encode_error(request_id, ErrorCode.NOT_PERMITTED, message)
        try:
            return encode_result(request_id, handler(request))
        except ConfigError as error:
            message = "the configuration is invalid; the running one stays in use"
            code = ErrorCode.INVALID_CONFIGURATION
            return encode_error(request_id, code, message, error.problems)
        except (ControlError, PlatformError) as error:
            return encode_error(request_id, ErrorCode.FAILED, str(error))


def _listen(path: Path) -> socket.socket:
    with contextlib.ExitStack() as undo:
        listener = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        )
        undo.callback(listener.close)
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _remove_dead_socket(path)
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen(64)
        except OSError as error:
            raise PlatformError(
                f"listening on {path}",
                errno=error.errno or 0,
                remedy="choose another path with --control",
            ) from error
        undo.pop_all()
        return listener


def _remove_dead_socket(path: Path) -> None:
    """Remove a socket left by a killed daemon. Raises PlatformError if one is alive."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise PlatformError(f"{path} exists and is not a socket", remedy="choose another path")
    except FileNotFoundError:
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise PlatformError(
        f"another daemon listens on {path}", remedy="stop it, or choose another --control path"
    )
