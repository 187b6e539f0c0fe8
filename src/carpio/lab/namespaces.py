"""Network namespaces by name: make, enter, empty, remove; and the `ip` command.

Names are `cl-<process>-<number>-<role>`, so that the namespaces of a lab that was killed
can be told from those of one that runs. Knows nothing of hosts and switches.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from carpio.errors import PlatformError

__all__ = [
    "INSIDE",
    "add_namespace",
    "free_prefix",
    "ip",
    "ip_batch",
    "pids_in",
    "remove_leftovers",
    "remove_namespace",
    "socket_in",
]

INSIDE = "CARPIO_LAB_INSIDE"
"""Set in a place in which an ordinary user may do everything (`cage`)."""
NAMESPACE_DIRECTORY = Path("/run/netns")
NAME = re.compile(r"cl-(?P<process>\d+)-(?P<number>\d+)-\w+")
CLONE_NEWNET = 0x40000000
"""linux/sched.h."""


def ip(*arguments: str, namespace: str | None = None) -> str:
    """Run `ip` (in a namespace) and return what it prints.

    Raises:
        PlatformError: `ip` failed; carries its words.
    """
    inside = ("-n", namespace) if namespace else ()
    return _run(("ip", *inside, *arguments))


def ip_batch(lines: Iterable[str], namespace: str) -> None:
    """Run several `ip` commands in one process; stops at the first that fails.

    Raises:
        PlatformError: as `ip`.
    """
    _run(("ip", "-n", namespace, "-batch", "-"), "\n".join(lines) + "\n")


def _run(command: Sequence[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        remedy = "apt-get install --no-install-recommends iproute2"
        raise PlatformError("the lab needs iproute2", remedy=remedy) from error
    if done.returncode:
        raise PlatformError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def free_prefix() -> str:
    """Return a name prefix that no namespace of this process uses yet."""
    taken = {match.group(0).rpartition("-")[0] for match in _lab_namespaces()}
    number = 0
    while f"cl-{os.getpid()}-{number}" in taken:
        number += 1
    return f"cl-{os.getpid()}-{number}"


def add_namespace(name: str) -> None:
    """Make an empty namespace with its loopback up."""
    ip("netns", "add", name)
    ip("link", "set", "lo", "up", namespace=name)


def remove_namespace(name: str) -> None:
    """Kill what still runs in a namespace and remove it; a missing one is no error."""
    with suppress(PlatformError):
        for pid in pids_in(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _wait_until_empty(name)
        ip("netns", "del", name)


def pids_in(name: str) -> tuple[int, ...]:
    """Return the processes whose network namespace this is."""
    return tuple(int(word) for word in ip("netns", "pids", name).split())


def _wait_until_empty(name: str, timeout_s: float = 1.0) -> None:
    """Wait for killed processes to be gone; zombies of our own do not count."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and any(map(_is_alive, pids_in(name))):
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def remove_leftovers() -> tuple[str, ...]:
    """Remove the namespaces of labs whose process is gone; return their names."""
    gone = tuple(
        match.group(0)
        for match in _lab_namespaces()
        if not Path(f"/proc/{match['process']}").exists()
    )
    for name in gone:
        remove_namespace(name)
    return gone


def _lab_namespaces() -> tuple[re.Match[str], ...]:
    try:
        names = sorted(entry.name for entry in NAMESPACE_DIRECTORY.iterdir())
    except FileNotFoundError:
        return ()
    return tuple(match for match in map(NAME.fullmatch, names) if match)


def socket_in(name: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket of another namespace.

    A short-lived thread enters the namespace, so that the caller's thread never leaves its own.

    Raises:
        PlatformError: the namespace cannot be entered.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def enter() -> None:
        try:
            with (NAMESPACE_DIRECTORY / name).open("rb") as handle:
                if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code))
            made.append(socket.socket(family, kind, protocol))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise PlatformError(f"enter namespace {name}", errno=failed[0].errno or 0) from failed[0]
    return made[0]
