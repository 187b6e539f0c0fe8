"""How a command asks the daemon: one request, one reply, with a deadline."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from carpio.control.messages import (
    MAX_MESSAGE_OF_ROOT,
    ErrorCode,
    Reply,
    Request,
    encode_call,
    encode_request,
    parse_reply,
)
from carpio.errors import ControlError

__all__ = ["ControlClient", "NotPermitted", "NotReachable", "Refused"]

TIMEOUT_S: Final = 5.0
_CHUNK: Final = 64 * 1024
_LONGEST_REPLY: Final = 64 * 1024 * 1024

_T = TypeVar("_T")


class NotReachable(ControlError):
    """Nobody answers at the socket (exit status 4)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=4)


class NotPermitted(ControlError):
    """The caller may not ask this (exit status 5)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.NOT_PERMITTED)


class Refused(ControlError):
    """The daemon answered with an error; `problems` are those of an invalid configuration.

    Of a refused `configure` request `line` and `step` (from 0) and `errno` say what and why.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        problems: tuple[str, ...] = (),
        line: int | None = None,
        step: int | None = None,
        errno: int | None = None,
    ) -> None:
        super().__init__("\n".join((message, *problems)), code=code)
        self.problems = problems
        self.line, self.step, self.errno = line, step, errno


class ControlClient:
    """A connection to the daemon, made at the first request; a context manager."""

    def __init__(self, path: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._last_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the daemon."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(self, method: str, **params: object) -> Any:
        """Return the result of a method as plain values. Raises ControlError."""
        self._last_id += 1
        return msgspec.json.decode(self._exchange(encode_call(method, params, self._last_id)))

    def ask(self, request: Request, result: type[_T]) -> _T:
        """Return the result of a request as its own type. Raises ControlError."""
        self._last_id += 1
        raw = self._exchange(encode_request(request, self._last_id))
        try:
            return msgspec.json.decode(raw, type=result)
        except msgspec.DecodeError as error:
            raise ControlError(f"the daemon's reply is not understood: {error}") from error

    def _exchange(self, line: bytes) -> msgspec.Raw:
        deadline = time.monotonic() + self._timeout_s
        if len(line) > MAX_MESSAGE_OF_ROOT:
            raise ControlError(
                f"the request has {len(line)} bytes, at most {MAX_MESSAGE_OF_ROOT} are taken; "
                "do it in parts"
            )
        try:
            connection = self._connect()
            connection.sendall(line)
            reply = parse_reply(self._read_line(connection, deadline))
        except (OSError, ControlError) as error:
            self.close()  # a late answer must not be taken for the next one
            raise self._explained(error) from error
        if reply.id not in (self._last_id, None):
            self.close()
            raise ControlError("the daemon answered another request")
        return _result_of(reply)

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            _queue_up(self._socket, str(self._path), self._timeout_s)
            self._socket.settimeout(self._timeout_s)
        return self._socket

    def _read_line(self, connection: socket.socket, deadline: float) -> bytes:
        received = bytearray()
        while not received.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            connection.settimeout(left_s)
            chunk = connection.recv(_CHUNK)
            if not chunk:
                raise ConnectionResetError
            received += chunk
            if len(received) > _LONGEST_REPLY:
                raise ControlError("the daemon's reply has no end")
        return bytes(received)

    def _explained(self, error: OSError | ControlError) -> ControlError:
        if isinstance(error, ControlError):
            return error
        if isinstance(error, PermissionError):
            return NotPermitted(f"{self._path}: not permitted; run as root")
        if isinstance(error, TimeoutError):
            return NotReachable(
                f"{self._path}: no answer within {self._timeout_s:g} s; is the daemon stopped?"
            )
        reason = error.strerror or str(error) or "the daemon hung up"
        return NotReachable(
            f"{self._path}: daemon not reachable: {reason}; start it with `carpio daemon`, "
            "or name its socket with --control"
        )


def _queue_up(caller: socket.socket, path: str, timeout_s: float) -> None:
    """Connect; where many are waiting already, wait as well.

    With a time-out of Python the kernel would not wait for room in the queue (connect(2)).
    """
    limit = struct.pack("@ll", int(timeout_s), int(timeout_s % 1 * 1_000_000) or 1)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    try:
        caller.connect(path)
    except BlockingIOError as error:
        raise TimeoutError from error


def _result_of(reply: Reply) -> msgspec.Raw:
    """Return the result. Raises what the error in the reply means."""
    if reply.error is None:
        return reply.result
    if reply.error.code == ErrorCode.NOT_PERMITTED:
        raise NotPermitted(reply.error.message)
    raise Refused(
        reply.error.message,
        code=reply.error.code,
        problems=tuple(reply.error.data or ()),
        line=reply.error.line,
        step=reply.error.step,
        errno=reply.error.errno,
    )
