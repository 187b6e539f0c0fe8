"""Where the jails of one registry have what they are made of, and how the runtime is called.

    STATE/root          empty; in the mount namespace of a jail to be, its root
    STATE/JID.d/        bundle of a jail
      config.json       what the runtime reads
      runtime/          what the runtime remembers
      network           name of the network namespace, written before that is made
      interfaces.json   interfaces that were moved into it, written before they are
      exec.*            processes of commands that run

All names follow from the jid, so that `destroy` finds what a killed process left.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.cgroups import Cgroups

__all__ = ["JOIN", "TOOL_ENVIRONMENT", "Site", "tool"]

TOOL_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}
"""Variables of the runtime and of tools; those of the caller are none of their business."""
JOIN: Final = 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"'
"""Words of a shell that joins the cgroup $1 and becomes the words behind it."""
_CGROUPS: Final = "/sys/fs/cgroup"
_MOUNT: Final = f'mount -t cgroup2 cgroup2 {_CGROUPS} && exec "$@"'
_FILES: Final = ("config.json", "network", "interfaces.json", "interfaces.new", "log", "pid")


def tool(name: str) -> str | None:
    """Return the path of a program of this host, wherever the caller's PATH leads."""
    places = (f"{each}/{name}" for each in TOOL_ENVIRONMENT["PATH"].split(":"))
    return next((place for place in places if os.access(place, os.X_OK)), None)


class Site:
    """Paths and calls of the jails of one state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.root = state / "root"
        self.cgroups = Cgroups(f"{zlib.crc32(os.fsencode(state)):08x}")

    def bundle(self, jid: int) -> Path:
        """Directory of a jail."""
        return self.state / f"{jid}.d"

    def provide_root(self) -> None:
        """Make the directory where the root of a jail to be is mounted. Raises PlatformError."""
        _make(self.state, self.root)

    def provide(self, jid: int) -> Path:
        """Make the directories of a jail. Raises PlatformError."""
        bundle = self.bundle(jid)
        _make(bundle, bundle / "runtime")
        return bundle

    def clear(self, jid: int) -> None:
        """Remove the bundle of a jail. Raises PlatformError.

        Nothing recursive where a root could ever be mounted.
        """
        import shutil  # much of it; most commands never come here

        bundle = self.bundle(jid)
        try:
            if (bundle / "runtime").exists():
                shutil.rmtree(bundle / "runtime")
            for file in (*(bundle / name for name in _FILES), *bundle.glob("exec.*")):
                file.unlink(missing_ok=True)
            bundle.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise PlatformError(f"removing {error.filename}", errno=error.errno or 0) from error

    def pid_file(self, jid: int) -> Path:
        """File where the runtime tells which process a command in a jail is; another each time."""
        return self.bundle(jid) / f"exec.{os.getpid()}.{os.urandom(4).hex()}"

    def runtime(self, jid: int, *words: str) -> tuple[str, ...]:
        """Return a call of the OCI runtime about a jail. Raises PlatformError."""
        crun = tool("crun")
        if crun is None:
            raise PlatformError(
                "crun, which makes jails, is not installed", remedy="apt-get install crun"
            )
        state = str(self.bundle(jid) / "runtime")
        return (crun, "--root", state, "--cgroup-manager", "disabled", *words)

    def seeing_cgroups(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return a call of the runtime for which there is a cgroup file system, as it demands.

        `ip netns exec` shows a /sys without one.
        """
        if os.path.ismount(_CGROUPS):
            return tuple(argv)
        private = ("--mount", "--propagation", "private", "--")
        return (tool("unshare") or "unshare", *private, "/bin/sh", "-c", _MOUNT, "sh", *argv)

    def joined(self, cgroup: Path, argv: Sequence[str]) -> tuple[str, ...]:
        """Return a call that is made within a cgroup; it needs the descriptor of the mount."""
        return ("/bin/sh", "-c", JOIN, "sh", str(cgroup), *argv)


def _make(*directories: Path) -> None:
    try:
        for directory in directories:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(f"making {error.filename}", errno=error.errno or 0) from error
