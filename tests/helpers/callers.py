"""Callers of a control socket: sockets of this process or of others, in any namespace.

with Desk() as desk:
    caller = desk.call_from(netns.namespace)
    caller = desk.call_by("unshare", "-Urn")        # root of a user namespace of its own
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from carpio.runtime.caller import Caller
from carpio.runtime.namespace import Namespace

__all__ = ["Desk", "descriptors"]

_PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
"""One that others than root can run, who may not enter the directory of ours."""
_CALL = """
import ctypes, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
for path in sys.argv[2:]:
    with open(path) as there:
        assert ctypes.CDLL(None).setns(there.fileno(), 0x40000000) == 0
connection.sendall(b"!")
sys.stdin.read()
"""
"""Connects, goes into the namespaces of the files that are named, and stays until told to go."""


class Desk:
    """A Unix socket that everybody may call; a context manager that sends all callers away."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            directory = Path(undo.enter_context(tempfile.TemporaryDirectory()))
            directory.chmod(0o755)  # others than root may call
            self._path = directory / "control.sock"
            self._listener = undo.enter_context(socket.socket(socket.AF_UNIX))
            self._listener.bind(str(self._path))
            self._path.chmod(0o666)
            self._listener.listen()
            self._listener.settimeout(10)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    def call_from(self, namespace: Namespace) -> Caller:
        """Call from a namespace with a socket of this process, which lives elsewhere."""
        opened = namespace.call(lambda: socket.socket(socket.AF_UNIX))
        self._undo.enter_context(opened)
        opened.connect(str(self._path))
        return Caller(self._accept())

    def call_by(self, *through: str, then_into: tuple[Path, ...] = ()) -> Caller:
        """Call from another process, started `through` a command; `then_into` it moves on."""
        self.process = process = subprocess.Popen(
            (*through, _PYTHON, "-I", "-c", _CALL, str(self._path), *map(str, then_into)),
            stdin=subprocess.PIPE,
        )
        self._undo.callback(_end, process)
        accepted = self._accept()
        accepted.settimeout(10)
        assert accepted.recv(1) == b"!", "the caller has moved on"
        return Caller(accepted)

    def hang_up(self) -> None:
        """Let the last process end, and wait for it."""
        _end(self.process)

    def _accept(self) -> socket.socket:
        return self._undo.enter_context(self._listener.accept()[0])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(10)


def descriptors() -> list[str]:
    """Return what the open descriptors of this process are, by number."""
    found = []
    for entry in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            found.append(os.readlink(f"/proc/self/fd/{entry}"))
        except FileNotFoundError:  # that of the directory
            continue
    return found
