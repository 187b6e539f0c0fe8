"""The control socket: JSON-RPC lines in, replies out, without ever blocking the loop.

Knows sockets and bounds; what a request means is the daemon's business (`Handler`). Everybody may
ask, so nobody may get much: one request is carried out per turn of the loop, whoever asks, and
no further one of a caller who has not taken the reply to the one before. After a turn for others
than root the server rests for four times as long as it worked, so that they get a fifth of a
processor at most, whatever the priority of this process.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from carpio.control.messages import (
    MAX_MESSAGE,
    MAX_MESSAGE_OF_ROOT,
    WRITING,
    WRITING_HERE,
    ErrorCode,
    Request,
    RequestError,
    StepError,
    encode_error,
    encode_result,
    parse_request,
)
from carpio.core.model import Nanoseconds
from carpio.errors import ConfigError, ControlError, PlatformError
from carpio.ports import Clock
from carpio.runtime.caller import Caller
from carpio.runtime.inherited import inherited_listener

__all__ = ["ControlServer", "Handler"]

log = logging.getLogger("carpio")

Handler: TypeAlias = Callable[[Request, Caller], object]
"""Carries a request out and returns its result. May raise ControlError or ConfigError."""

_MAX_CONNECTIONS = 256
_MAX_CONNECTIONS_OF_USER = 64
"""Of one user who is not root: nobody can take all of them."""
_REST = 4
"""Rest by work."""


class ControlServer:
    """A Unix stream socket; readable by all, writing methods for CAP_NET_ADMIN alone."""

    def __init__(self, path: Path, handler: Handler, clock: Clock) -> None:
        """Take the socket of systemd if it handed one over, else bind `path`.

        Replaces a socket that nobody listens on. Raises PlatformError.
        """
        self._handler = handler
        self._clock = clock
        self._rest_until = clock.now()
        self._connections: dict[int, _Connection] = {}
        inherited = inherited_listener(os.environ)
        self._is_own = inherited is None
        self._listener, self.path = inherited or (_listen(path), path)
        if self.path != Path(os.path.abspath(path)) and not self._is_own:
            log.warning("carpio: listening on %s as systemd says, not on %s", self.path, path)
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        """Given up to turn a caller away when no descriptor is left."""

    def rest(self) -> Nanoseconds:
        """How long callers have to wait; 0 when they are served."""
        return Nanoseconds(max(0, self._rest_until - self._clock.now()))

    def readers(self) -> list[int]:
        """File descriptors to wait on until they are readable."""
        waiting = [fd for fd, c in self._connections.items() if c.wants_to_read]
        return [self._listener.fileno(), *waiting]

    def writers(self) -> list[int]:
        """File descriptors to wait on until they take a reply."""
        return [fd for fd, c in self._connections.items() if c.wants_to_write]

    def serve(self, ready: set[int]) -> None:
        """Act on readable or writable descriptors; carry out at most one request."""
        own = ready & {self._listener.fileno(), *self._connections}
        if not own:
            return
        begin = self._clock.now()
        callers = self._accept() if self._listener.fileno() in own else set()
        for descriptor in sorted(own & set(self._connections)):
            connection = self._connections[descriptor]
            callers.add(connection.uid)
            self._keep(descriptor, connection.exchange())
        asking = next((fd for fd, c in self._connections.items() if c.has_request), None)
        if asking is not None:
            connection = self._connections.pop(asking)
            self._connections[asking] = connection  # the last in the queue from now on
            callers.add(connection.uid)
            self._keep(asking, connection.answer(self._handler))
        if callers - {0}:
            now = self._clock.now()
            self._rest_until = Nanoseconds(now + _REST * (now - begin))

    def _keep(self, descriptor: int, is_alive: bool) -> None:
        if not is_alive:
            self._connections.pop(descriptor).close()

    def close(self) -> None:
        """Stop serving and remove the socket, unless systemd goes on listening on it."""
        for connection in self._connections.values():
            connection.exchange()
            connection.close()
        self._listener.close()
        os.close(self._spare)
        if self._is_own:
            self.path.unlink(missing_ok=True)

    def _accept(self) -> set[int]:
        """Accept who waits; return their users."""
        callers: set[int] = set()
        while True:
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return callers
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._turn_away()
                return callers
            connection = _Connection(accepted)
            callers.add(connection.uid)
            if self._has_room_for(connection.uid):
                self._connections[accepted.fileno()] = connection
            else:
                connection.close()

    def _has_room_for(self, uid: int) -> bool:
        of_user = sum(connection.uid == uid for connection in self._connections.values())
        is_full = uid != 0 and of_user >= _MAX_CONNECTIONS_OF_USER
        return len(self._connections) < _MAX_CONNECTIONS and not is_full

    def _turn_away(self) -> None:
        """Hang up on a caller although no descriptor is left; he would be announced for ever."""
        os.close(self._spare)
        with contextlib.suppress(OSError):
            self._listener.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class _Connection:
    """One caller."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self._caller = Caller(accepted)
        self._limit = MAX_MESSAGE if self.uid else MAX_MESSAGE_OF_ROOT
        self._socket = accepted
        self._received = b""
        self._unsent = b""

    @property
    def uid(self) -> int:
        return self._caller.uid

    @property
    def has_request(self) -> bool:
        """True when a complete line waits, and the reply before it was taken."""
        return b"\n" in self._received and not self._unsent

    @property
    def wants_to_read(self) -> bool:
        return b"\n" not in self._received and not self._unsent

    @property
    def wants_to_write(self) -> bool:
        return not self.wants_to_read

    def exchange(self) -> bool:
        """Send or receive what is possible; False when the caller is gone."""
        return self._read() if self.wants_to_read else self._write()

    def answer(self, handler: Handler) -> bool:
        """Carry out the first line that waits; False when the caller is gone."""
        line, _, self._received = self._received.partition(b"\n")
        if len(line) >= self._limit:
            return self._refuse_length()
        if line.strip():
            self._unsent = self._answer(line, handler)
        return self._write()

    def _read(self) -> bool:
        try:
            data = self._socket.recv(MAX_MESSAGE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += data
        if b"\n" not in self._received and len(self._received) >= self._limit:
            return self._refuse_length()
        return bool(data)

    def _refuse_length(self) -> bool:
        self._unsent = encode_error(
            None, ErrorCode.INVALID_REQUEST, f"request longer than {self._limit} bytes"
        )
        self._write()
        return False

    def _write(self) -> bool:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
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
        if isinstance(request, WRITING) and not self._caller.may_change_daemon():
            message = f"{request.method} needs CAP_NET_ADMIN; run it as root of this machine"
            return encode_error(request_id, ErrorCode.NOT_PERMITTED, message)
        if isinstance(request, WRITING_HERE) and not self._caller.may_change_network():
            message = f"{request.method} needs CAP_NET_ADMIN over the network; run it as root"
            return encode_error(request_id, ErrorCode.NOT_PERMITTED, message)
        try:
            return encode_result(request_id, handler(request, self._caller))
        except ConfigError as error:
            message = "the configuration is invalid; the running one stays in use"
            code = ErrorCode.INVALID_CONFIGURATION
            return encode_error(request_id, code, message, error.problems)
        except StepError as error:
            return encode_error(request_id, ErrorCode.FAILED, str(error), step=error)
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
                f"listening on {path}" if error.errno else f"listening on {path}: {error}",
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
