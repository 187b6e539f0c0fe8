"""A place of its own for each lab: nothing of the host is touched, and nothing is left behind.

The lab's process is started again inside new mount, PID and network namespaces, for ordinary users
inside a new user namespace as well. Its /run is empty, so that `ip netns` works there and labs do
not see each other. When the process that made the place ends, however it ends, the kernel ends all
that is inside, and with it every namespace of the lab.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from carpio.errors import PlatformError

__all__ = [
    "enter_command",
    "hold_lifeline",
    "is_inside",
    "private_directory",
    "run_inside",
    "start_inside",
]

INSIDE: Final = "CARPIO_LAB_INSIDE"
SETUP: Final = """
set -e
mount -t tmpfs -o mode=755 lab /run
mount --make-rprivate / 2>/dev/null || :
ip link set lo up
exec "$@"
"""
USER_REMEDY: Final = (
    "run it as root, or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1"
    " kernel.apparmor_restrict_unprivileged_userns=0 (whichever exists)"
)


def is_inside() -> bool:
    """Whether this process runs in a place of its own."""
    return bool(os.environ.get(INSIDE))


def run_inside(arguments: Sequence[str]) -> int:
    """Run `python -m carpio.lab.command ARGUMENTS` in a place of its own; return its status.

    Raises:
        PlatformError: the kernel does not let us; carries the remedy.
    """
    lifeline, held = os.pipe()
    child = start_inside(arguments, lifeline)
    os.close(lifeline)

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                return _status(child.wait())
            except KeyboardInterrupt:
                continue  # the child has it as well, and cleans up
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(held)


def start_inside(
    arguments: Sequence[str], lifeline: int | None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m carpio.lab.command ARGUMENTS` in a place of its own.

    When the other end of the pipe `lifeline` closes, the place goes. Without it the place stays
    until it is told to go, in a session of its own, and its words go to `log`.

    Raises:
        PlatformError: the kernel does not let us; carries the remedy.
    """
    again = (sys.executable, "-m", "carpio.lab.command", *arguments)
    command = (*_unshare(), "sh", "-c", SETUP, "sh", *again)
    environment = {**os.environ, INSIDE: "1" if lifeline is None else f"1:{lifeline}"}
    if log is None:
        fds = () if lifeline is None else (lifeline,)
        return subprocess.Popen(command, env=environment, pass_fds=fds)
    with log.open("ab") as sink:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )


def hold_lifeline() -> None:
    """Inside: leave at once when the process outside is gone, whatever became of it."""
    _, _, descriptor = os.environ.get(INSIDE, "").partition(":")
    if descriptor:
        threading.Thread(target=_leave_with, args=(int(descriptor),), daemon=True).start()


def _leave_with(descriptor: int) -> None:
    os.set_inheritable(descriptor, False)
    os.read(descriptor, 1)  # nobody writes: it returns at the end
    os._exit(1)  # the first process of a PID namespace takes all others with it


def _status(code: int) -> int:
    return 128 - code if code < 0 else code


def _unshare() -> tuple[str, ...]:
    if shutil.which("unshare") is None:
        raise PlatformError(
            "the lab needs unshare", remedy="apt-get install --no-install-recommends util-linux"
        )
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    if user:
        _check_user_namespaces()
    return (
        *("unshare", *user, "--mount", "--net", "--pid", "--fork"),
        *("--kill-child", "--mount-proc"),
    )


def _check_user_namespaces() -> None:
    probe = ("unshare", "--user", "--map-root-user", "--net", "--mount", "true")
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformError(
            f"the lab needs root or a user namespace: {done.stderr.strip()}", remedy=USER_REMEDY
        )


def enter_command(pid: int) -> tuple[str, ...]:
    """Return the beginning of a command line that runs the rest of it in the place of `pid`."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ("nsenter", f"--target={pid}", *user, "--mount", "--net", "--pid")


def private_directory() -> Path:
    """Return a directory of this user for what is remembered of running labs."""
    root = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp"))  # noqa: S108
    return root / f"carpio-lab-{os.geteuid()}"
