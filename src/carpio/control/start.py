"""How a command sees to it that the daemon runs: asks who answers, else starts it and waits.

For commands that may be the first ones on a host, such as ifconfig in a script that runs at boot.
A daemon that is to be there after every boot is better started by systemd.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from carpio.control.client import ControlClient, NotReachable
from carpio.control.messages import Version, VersionResult
from carpio.errors import ControlError, PlatformError

__all__ = ["EMPTY_CONFIG", "start_daemon"]

EMPTY_CONFIG: Final = """\
# Configuration of carpio(8); carpio.toml(5) tells the keys.
# `carpio save` writes here what commands have configured.
"""
_CONFIG: Final = Path("/etc/carpio/carpio.toml")
_LOG: Final = "daemon.log"
_LONGEST_LOG: Final = 16 * 1024 * 1024
"""Bytes; it lies in memory (/run). What a daemon says beyond is lost."""
_OLD_LOG: Final = 1024 * 1024
"""A log of that many bytes is put aside at the next start."""
_LAST_WORDS: Final = 2000
"""Bytes of it that are told when the daemon ends."""
_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.02
_PATIENCE_S: Final = 3.0
"""For a daemon that was told to end."""
_OF_ANOTHER_SERVICE: Final = frozenset(
    """
    JOURNAL_STREAM LISTEN_FDNAMES LISTEN_FDS LISTEN_PID NOTIFY_SOCKET WATCHDOG_PID WATCHDOG_USEC
    """.split()  # noqa: SIM905
)
"""What systemd told the caller, and the daemon must not take for its own."""


def start_daemon(
    control: Path,
    config: Path = _CONFIG,
    *,
    command: Sequence[str],
    timeout_s: float = _TIMEOUT_S,
) -> tuple[str, ...]:
    """Return when a daemon answers at `control`, with remarks on what was done for it.

    If nobody listens there, `command`, which is how to call carpio(8), gets the words `daemon
    --config ... --control ...` and runs in a session of its own, in the caller's namespaces and
    control group. What it says goes to daemon.log beside the socket, or nowhere where there can
    be no such file. A missing `config` is made, with comments alone.

    Raises ControlError with the daemon's exit status and its last words when it ends instead,
    NotReachable when it does not answer in time, and PlatformError.
    """
    control, config = Path(os.path.abspath(control)), Path(os.path.abspath(config))
    if _answers(control, timeout_s):
        return ()
    _make_directory(control.parent)
    with _alone(control, 2 * timeout_s):
        if _answers(control, timeout_s):
            return ()  # who held the lock has started it
        remarks = _provide(config)
        words = (*command, "daemon", "--config", str(config), "--control", str(control))
        with _Log(control.parent) as log:
            child = _spawn(words, log)
            try:
                _wait_for(child, control, log, timeout_s)
                if child.poll() is None:
                    where = f"process {child.pid}; it logs to {log.shown}"
                    remarks = (*remarks, f"started the daemon, {where}")
            finally:
                child.returncode = child.poll() or 0  # it lives on: nobody is to wait for it
    return remarks


def _answers(control: Path, timeout_s: float) -> bool:
    """Whether a daemon answers. Raises ControlError when one is there and does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(timeout_s)
        try:
            probe.connect(str(control))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except OSError as error:
            raise NotReachable(f"{control}: {error.strerror or error}") from error
    with ControlClient(control, timeout_s=timeout_s) as client:
        client.ask(Version(), VersionResult)
    return True


@contextlib.contextmanager
def _alone(control: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock beside the socket, so that two callers start one daemon. Raises ControlError.

    The file stays: who removed it could take it from under another one who waits.
    """
    path = control.with_name(f"{control.name}.lock")
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as stack:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o600)
            stack.callback(os.close, descriptor)
        except OSError as error:
            raise PlatformError(
                f"making {path}", errno=error.errno or 0, remedy="run as root"
            ) from error
        while not _is_locked(descriptor):
            if time.monotonic() > deadline:
                raise NotReachable(f"{path}: another command has been starting the daemon for long")
            time.sleep(_POLL_S)
        yield


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_directory(path: Path) -> None:
    """Make a directory unless it is there, open to all whatever the caller's umask."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
    except OSError as error:
        raise PlatformError(
            f"making {path}", errno=error.errno or 0, remedy="run as root"
        ) from error


def _provide(config: Path) -> tuple[str, ...]:
    """Make the configuration file if it is missing; return what to say of it."""
    _make_directory(config.parent)
    try:
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return ()
    except OSError as error:
        raise PlatformError(
            f"making {config}", errno=error.errno or 0, remedy="run as root"
        ) from error
    with open(descriptor, "w") as file:
        file.write(EMPTY_CONFIG)
    return (f"made {config}, with comments alone",)


class _Log:
    """Where the daemon's words go, and what it said since; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _LOG
        self._begin = 0
        self.descriptor = self._open()
        self.is_kept = self.descriptor >= 0
        if not self.is_kept:
            self.descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    @property
    def shown(self) -> str:
        """Where to look, for people."""
        return str(self._path) if self.is_kept else os.devnull

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def _open(self) -> int:
        """Return a descriptor, or -1 where there is something that is not our own file."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(OSError):
            if self._path.lstat().st_size >= _OLD_LOG:
                self._path.replace(self._path.with_suffix(".log.1"))
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return -1
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            os.close(descriptor)
            return -1
        self._begin = found.st_size
        return descriptor

    def last_words(self) -> str:
        """What the daemon said last, as lines; empty when it is not known."""
        if not self.is_kept:
            return ""
        size = os.fstat(self.descriptor).st_size
        begin = max(self._begin, size - _LAST_WORDS)
        text = os.pread(self.descriptor, _LAST_WORDS, begin).decode(errors="replace")
        return text.strip() if begin == self._begin else text.partition("\n")[2].strip()


def _spawn(words: Sequence[str], log: _Log) -> subprocess.Popen[bytes]:
    """Start the daemon, with nothing of the caller's but its namespaces. Raises PlatformError."""
    environ = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_SERVICE}
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log.descriptor,
            stderr=log.descriptor,
            start_new_session=True,
            cwd="/",
            umask=0o022,
            env=environ,
        )
    except OSError as error:
        raise PlatformError(
            f"starting {words[0]}", errno=error.errno or 0, remedy="see that it is installed"
        ) from error
    with contextlib.suppress(OSError, ValueError):  # it has ended, or has less than that
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (_LONGEST_LOG, _LONGEST_LOG))
    return child


def _wait_for(child: subprocess.Popen[bytes], control: Path, log: _Log, timeout_s: float) -> None:
    """Return when somebody answers. Raises ControlError when the daemon ends or is mute."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        status = child.poll()
        with contextlib.suppress(NotReachable):  # in time, or while it leaves
            if _answers(control, left_s):
                return  # perhaps another's, which was started past our lock
        if status is not None:
            raise ControlError(_farewell(status, log), code=max(1, status))
        time.sleep(_POLL_S)
    _end(child)
    what = f"{control}: the daemon did not answer within {timeout_s:g} s and was ended"
    raise NotReachable(f"{what}{_said(log)}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a daemon that is of no use. Killing it is safe: the kernel closes its gates."""
    child.terminate()
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _farewell(status: int, log: _Log) -> str:
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"the daemon ended {how}{_said(log)}"


def _said(log: _Log) -> str:
    words = log.last_words()
    return f"; it said:\n{words}" if words else f"; its log is {log.shown}"
