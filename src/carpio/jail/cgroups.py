"""The cgroups of jails: everything of a jail is born in one, and they are how it is ended.

    carpio-jails/TAG/JID/holder   the process that holds the jail
                        /inside   all its other processes
                        /watch    who waits for the last of them to end

TAG stands for the registry. The hierarchy is a cgroup2 that is mounted nowhere, so that it does not
matter what the caller's /sys shows, and no controllers are needed.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, unique
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.kernel import mount_cgroup2

__all__ = ["TOP", "Cgroups", "Part", "is_populated"]

TOP: Final = "carpio-jails"
_PATIENCE_S: Final = 10.0
"""How long killed processes may take; longer only when the kernel waits for a device."""


@unique
class Part(Enum):
    """What of a jail is in a cgroup of its own."""

    HOLDER = "holder"
    INSIDE = "inside"
    WATCH = "watch"


class Cgroups:
    """The cgroups of the jails of one registry. Methods raise PlatformError."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._mount: int | None = None

    def close(self) -> None:
        """Give the mount back."""
        if self._mount is not None:
            os.close(self._mount)
            self._mount = None

    @property
    def mount(self) -> int:
        """Descriptor of the mount, for children that use paths of `path`."""
        if self._mount is None:
            try:
                self._mount = mount_cgroup2()
            except OSError as error:
                raise PlatformError(
                    "mounting cgroup2",
                    errno=error.errno or 0,
                    remedy="jails need root and a kernel with cgroup2 (CONFIG_CGROUPS)",
                ) from error
        return self._mount

    def top(self) -> Path:
        """Directory of the registry, in this process and in children that have the mount."""
        return Path(f"/proc/self/fd/{self.mount}/{TOP}/{self._tag}")

    def path(self, jid: int, part: Part | None = None) -> Path:
        """Directory of a jail or of a part of it."""
        jail = self.top() / str(jid)
        return jail if part is None else jail / part.value

    def make(self, jid: int) -> None:
        """Make the cgroups of a jail."""
        try:
            for part in Part:
                self.path(jid, part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlatformError("making cgroups", errno=error.errno or 0) from error

    def members(self, jid: int, part: Part) -> Sequence[int]:
        """Return the processes of a part, also of cgroups that were made below it."""
        found: list[int] = []
        for directory, _, _ in os.walk(self.path(jid, part)):
            with suppress(OSError):
                found += map(int, (Path(directory) / "cgroup.procs").read_text().split())
        return [pid for pid in found if pid]

    def is_populated(self, jid: int, part: Part) -> bool:
        """Return whether a part has processes; False when it does not exist."""
        return is_populated(self.path(jid, part))

    def wait_until_empty(self, jid: int, part: Part | None, timeout_s: float) -> bool:
        """Wait for the last process to be gone; return whether it is."""
        try:
            events = os.open(self.path(jid, part) / "cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        try:
            while b"populated 1" in os.pread(events, 4096, 0):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                poll.poll(left * 1000)
        except OSError as error:
            if error.errno != errno.ENODEV:  # the cgroup went
                raise
        finally:
            os.close(events)
        return True

    def kill(self, jid: int, part: Part | None = None) -> None:
        """End all processes of a jail or of a part at once, and wait for that."""
        with suppress(FileNotFoundError):
            (self.path(jid, part) / "cgroup.kill").write_text("1")
        if not self.wait_until_empty(jid, part, _PATIENCE_S):
            left = " ".join(str(pid) for each in Part for pid in self.members(jid, each))
            raise PlatformError(
                f"processes that do not end: {left}", remedy="see what device they wait for"
            )

    def remove(self, jid: int) -> None:
        """Remove the cgroups of a jail without processes, and those above that are left empty."""
        for directory, _, _ in os.walk(self.path(jid), topdown=False):
            with suppress(FileNotFoundError):
                _remove(Path(directory))
        for above in (self.top(), self.top().parent):
            with suppress(OSError):
                above.rmdir()

    def leave(self) -> None:
        """Take this process out of the cgroup of a jail."""
        for directory in (Path(f"/proc/self/fd/{self.mount}"), self.top()):
            with suppress(OSError):  # there may be no processes above where controllers are in use
                (directory / "cgroup.procs").write_text("0")
                return


def is_populated(directory: Path) -> bool:
    """Return whether a cgroup has processes; False when it does not exist."""
    try:
        return "populated 1" in (directory / "cgroup.events").read_text()
    except OSError:
        return False


def _remove(directory: Path) -> None:
    """Remove one cgroup; its last process may be on its way out still."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            directory.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
