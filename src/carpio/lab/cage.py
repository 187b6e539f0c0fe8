"""A place of its own for each lab: nothing of the host is touched, and nothing is left behind.

The lab's process is started again inside new mount, PID and network namespaces, for ordinary users
inside a new user namespace as well. Its /run is empty, so that `ip netns` works there and labs do
not see each other. When the process that made the place ends, however it ends, the kernel ends all
that is inside, and with it every namespace of the lab.

An ordinary user stays who he is inside, with all capabilities over the place: programs that give up
root when they find themselves root, as tcpdump does, could not do so in a user namespace.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

from carpio.errors import PlatformError
from carpio.lab.namespaces import INSIDE, ip

__all__ = [
    "is_inside",
    "leave_on_signals",
    "prepare_place",
    "private_directory",
    "restore_signals",
    "run_in_place_of",
    "run_inside",
    "start_inside",
]

CAPABILITIES: Final = 41
"""Up to CAP_CHECKPOINT_RESTORE; linux/capability.h."""
CAPABILITY_VERSION_3: Final = 0x20080522
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID = 0x20000, 0x10000000, 0x40000000, 0x20000000
USER_NAMESPACE: Final = ("--user", "--map-current-user", "--keep-caps")
Signals: TypeAlias = dict[
    signal.Signals, Callable[[int, FrameType | None], Any] | int | signal.Handlers | None
]
LEAVE_S: Final = 10.0
INTERRUPTED_S: Final = 2.0
"""Given to a place that was interrupted together with us."""
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

    before = leave_on_signals()
    try:
        try:
            return _status(child.wait())
        except KeyboardInterrupt:  # from a terminal the child has it as well, and cleans up
            with suppress(subprocess.TimeoutExpired):
                return _status(child.wait(INTERRUPTED_S))
            raise SystemExit(128 + signal.SIGINT) from None
    except SystemExit:
        _end(child)
        raise
    finally:
        restore_signals(before)
        os.close(held)
        child.wait()


def leave_on_signals() -> Signals:
    """Let SIGTERM and SIGHUP raise SystemExit; return what they did before.

    Who ignores SIGHUP, as nohup lets a command do, goes on ignoring it.
    """
    before: Signals = {signal.SIGTERM: signal.signal(signal.SIGTERM, _leave)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _leave)
    return before


def restore_signals(before: Signals) -> None:
    """Let signals do again what they did before."""
    for number, handler in before.items():
        signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the first process of the place clean up; `child` is the unshare that waits for it.

    unshare blocks the signal. Whatever is left when the time is over goes with the lifeline.
    """
    with suppress(OSError):
        for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
            os.kill(int(pid), signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(LEAVE_S)


def start_inside(
    arguments: Sequence[str], lifeline: int | None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m carpio.lab.command ARGUMENTS` in a place of its own.

    When the other end of the pipe `lifeline` closes, the place goes, unless a byte came before:
    then it stays until it is told to go. With `log` it has a session of its own, and its words go
    there.

    Raises:
        PlatformError: the kernel does not let us; carries the remedy.
    """
    again = (sys.executable, "-m", "carpio.lab.command", *arguments)
    command = (*_unshare(), *again)
    environment = {**os.environ, INSIDE: "1" if lifeline is None else f"1:{lifeline}"}
    fds = () if lifeline is None else (lifeline,)
    if log is None:
        return subprocess.Popen(command, env=environment, pass_fds=fds)
    with log.open("ab") as sink:
        return subprocess.Popen(
            command,
            env=environment,
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )


def prepare_place() -> None:
    """Inside, at the start: make /run empty, bring loopback up, and hold to the lifeline.

    Raises:
        PlatformError: the kernel does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"lab", b"/run", b"tmpfs", 0, b"mode=755"):
        raise PlatformError("mount an empty /run for the lab", errno=ctypes.get_errno())
    ip("link", "set", "lo", "up")
    _, _, descriptor = os.environ.get(INSIDE, "").partition(":")
    if descriptor:
        threading.Thread(target=_leave_with, args=(int(descriptor),), daemon=True).start()


def _leave_with(descriptor: int) -> None:
    os.set_inheritable(descriptor, False)
    if not os.read(descriptor, 1):  # its other end was closed
        os._exit(1)  # the first process of a PID namespace takes all others with it


def _status(code: int) -> int:
    return 128 - code if code < 0 else code


def _unshare() -> tuple[str, ...]:
    if shutil.which("unshare") is None:
        raise PlatformError(
            "the lab needs unshare", remedy="apt-get install --no-install-recommends util-linux"
        )
    user = () if os.geteuid() == 0 else USER_NAMESPACE
    if user:
        _check_user_namespaces()
    return (
        *("unshare", *user, "--mount", "--net", "--pid", "--fork"),
        *("--kill-child", "--mount-proc"),
    )


def _check_user_namespaces() -> None:
    probe = ("unshare", *USER_NAMESPACE, "--net", "--mount", "true")
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformError(
            f"the lab needs root or a user namespace: {done.stderr.strip()}", remedy=USER_REMEDY
        )


def run_in_place_of(pid: int, command: Sequence[str]) -> int:
    """Run a command in the place in which `pid` is; return its status. This process moves there.

    Raises:
        PlatformError: the place cannot be entered.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    kinds = [("mnt", CLONE_NEWNS), ("net", CLONE_NEWNET), ("pid", CLONE_NEWPID)]
    if os.geteuid() != 0:
        kinds.insert(0, ("user", CLONE_NEWUSER))
    with ExitStack() as opened:  # all first: behind the first one /proc is another
        handles = [opened.enter_context(open(f"/proc/{pid}/ns/{kind}", "rb")) for kind, _ in kinds]
        for handle, (_, flag) in zip(handles, kinds, strict=True):
            if libc.setns(handle.fileno(), flag):
                raise PlatformError("enter the lab", errno=ctypes.get_errno())
    if os.geteuid() != 0:
        _keep_capabilities(libc)
    return _status(subprocess.run(command, check=False).returncode)


def _keep_capabilities(libc: ctypes.CDLL) -> None:
    """Let programs that are run have the capabilities that entering a user namespace gave."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    low, high = (1 << 32) - 1, (1 << (CAPABILITIES - 32)) - 1
    libc.capset(header, struct.pack("=6I", low, low, low, high, high, high))
    for number in range(CAPABILITIES):
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)


def private_directory() -> Path:
    """Return a directory of this user for what is remembered of running labs."""
    theirs = os.environ.get("XDG_RUNTIME_DIR", "")
    root = "/run" if os.geteuid() == 0 else theirs if os.path.isdir(theirs) else "/tmp"  # noqa: S108
    return Path(root) / f"carpio-lab-{os.geteuid()}"
