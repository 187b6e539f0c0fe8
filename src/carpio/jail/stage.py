"""The root and the mounts of a jail to be, in a mount namespace of its own.

A child holds the namespace, until its input ends: when this process is killed it is gone with all
mounts, and the host's mount table was never touched. What is mounted, and the runtime at last, is
started in it with nsenter(1).
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError, PlatformError
from carpio.jail.bundle import Mount, config_of
from carpio.jail.holder import SEALS, init_image
from carpio.jail.kernel import open_below
from carpio.jail.mounts import (
    ByMount,
    ByRuntime,
    Nothing,
    Seen,
    is_of_kernel,
    place_in_jail,
    plan_of,
    points_below,
)
from carpio.jail.ports import MountLine
from carpio.jail.site import TOOL_ENVIRONMENT, Site
from carpio.jail.values import Setpoint

__all__ = ["MountSpace"]

_BEGIN: Final = 'mount --rbind -- "$1" "$2" && echo ready && exec cat'
_TIDY: Final = """
for place; do
    case $place in
    -*) umount -l -- "${place#-}" || ! mountpoint -q -- "${place#-}" || exit 1 ;;
    *) mount -o remount,bind,nodev -- "${place#+}" || ! mountpoint -q -- "${place#+}" || exit 1 ;;
    esac
done
"""
"""A mount whose point is removed from the host meanwhile vanishes here too, and is no failure."""
_START: Final = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 125
echo 0 >"$1/cgroup.procs" || exit 125
exec 3<"$2"
shift 2
exec "$@"
"""
"""Only here the runtime sees a cgroup2 where it looks for one, whatever the host has."""
_NEEDED: Final = ("/proc", "/dev")
_DEEPEST: Final = 64
"""Mounts on one another."""
_LONGEST: Final = 1 << 16


class MountSpace:
    """A mount namespace with the root of a jail at `site.root`."""

    def __init__(self, site: Site, path: str) -> None:
        """Raises PlatformError."""
        self._site, self._path = site, path
        self._mounts: list[Mount] = []
        self._lines: list[MountLine] = []
        self._has_devfs = False
        self._keeper = _keeper(path, site.root)
        self._pid = self._keeper.pid
        try:
            self._tidy()
            self._look_at_root()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the namespace go, with what is mounted in it, unless a jail has it by now."""
        if self._keeper.poll() is None:
            self._keeper.kill()  # mounts need no goodbye
        for stream in (self._keeper.stdin, self._keeper.stdout, self._keeper.stderr):
            if stream is not None:
                stream.close()
        self._keeper.wait()

    # -- mounts ----------------------------------------------------------------------------------

    def mount(self, line: MountLine) -> None:
        """Mount one line. Raises CarpioError."""
        place = place_in_jail(line.point, self._path)
        match plan_of(line, place):
            case Nothing(is_devfs=is_devfs):
                self._has_devfs = self._has_devfs or is_devfs
            case ByRuntime(mount=mount):
                os.close(self._point(line, place))
                self._mounts.append(mount)
            case ByMount(arguments=arguments, then=then):
                self._mount_at(line, place, arguments)
                if then:
                    self._mount_at(line, place, ("-o", f"remount,bind,{then}", "--", "none"))
        self._lines.append(line)

    def unmount(self, line: MountLine) -> None:
        """Take back a line. Raises CarpioError."""
        if line not in self._lines:
            return
        self._lines.remove(line)
        place = place_in_jail(line.point, self._path)
        match plan_of(line, place):
            case Nothing(is_devfs=is_devfs):
                self._has_devfs = self._has_devfs and not is_devfs
            case ByRuntime(mount=mount):
                self._mounts.remove(mount)
            case ByMount():
                where = f"{self._site.root}{place}"
                self._run(line.point, ("umount", "-c", "-l", "--", where))

    def _mount_at(self, line: MountLine, place: str, arguments: Sequence[str]) -> None:
        """Call mount(8) for a point that was looked up once, so that nobody can move it."""
        point = self._point(line, place)
        try:
            self._run(line.point, ("mount", "-c", *arguments, f"/proc/self/fd/{point}"), point)
        finally:
            os.close(point)

    def _point(self, line: MountLine, place: str) -> int:
        """Open the point in the jail's root as the namespace sees it. Raises CarpioError."""
        root = os.open(f"/proc/{self._pid}/root{self._site.root}", os.O_PATH | os.O_CLOEXEC)
        try:
            return open_below(root, place.lstrip("/"), os.O_PATH)
        except OSError as error:
            if error.errno == 40:  # ELOOP
                raise CarpioError(f"{line.point}: has a symbolic link in it") from error
            raise PlatformError(line.point, errno=error.errno or 0) from error
        finally:
            os.close(root)

    def _tidy(self) -> None:
        """Take out of the root what shows the host itself, and devices of what is left.

        What is taken out can have covered more of the kind: it is looked for until there is none.
        """
        seen = self._seen()
        if is_of_kernel(seen[0].kind):
            raise PlatformError(f"{self._path}: a {seen[0].kind} cannot be the root of a jail")
        self._had_sysfs = Seen(point=f"{self._site.root}/sys", kind="sysfs") in seen
        for _ in range(_DEEPEST):
            hidden = [each.point for each in seen if is_of_kernel(each.kind)]
            if not hidden:
                break
            tops = [p for p in hidden if not any(p.startswith(f"{other}/") for other in hidden)]
            self._run_tidy(f"-{top}" for top in reversed(tops))
            seen = self._seen()
        else:
            raise PlatformError(f"{self._path}: {hidden[0]} cannot be taken out of it")
        self._run_tidy(f"+{each.point}" for each in seen)

    def _seen(self) -> Sequence[Seen]:
        text = Path(f"/proc/{self._pid}/mountinfo").read_text(errors="surrogateescape")
        return points_below(text, str(self._site.root))

    def _run_tidy(self, words: Iterable[str]) -> None:
        self._run(self._path, ("/bin/sh", "-c", _TIDY, "sh", *words))

    def _look_at_root(self) -> None:
        for place in _NEEDED:
            inside = Path(f"/proc/{self._pid}/root{self._site.root}{place}")
            if inside.is_symlink() or not inside.is_dir():
                at = f"{self._path.rstrip('/')}{place}"
                raise PlatformError(
                    f"{at}: not a directory", remedy=f"a jail on Linux needs it: mkdir {at}"
                )

    # -- the jail --------------------------------------------------------------------------------

    def start(
        self, jid: int, values: Mapping[str, Setpoint], cgroup: Path, network: str | None
    ) -> int:
        """Make the jail and return the process that holds it. Raises PlatformError."""
        mounts = list(self._mounts)
        if self._had_sysfs:
            options = ("nosuid", "nodev", "noexec", "ro")
            mounts.append(Mount(point="/sys", kind="sysfs", source="sysfs", options=options))
        config = config_of(
            values,
            root=str(self._site.root),
            mounts=mounts,
            has_devfs=self._has_devfs,
            network=network,
        )
        bundle = self._site.bundle(jid)
        (bundle / "config.json").write_text(json.dumps(config))
        log, pid_file = bundle / "log", bundle / "pid"
        words = ("run", "--detach", "--preserve-fds", "1", "--bundle", str(bundle))
        call = self._site.runtime(
            jid, "--log", str(log), *words, "--pid-file", str(pid_file), f"jail-{jid}"
        )
        image = init_image()
        try:
            self._enter(
                ("/bin/sh", "-c", _START, "sh", str(cgroup), f"/proc/self/fd/{image}", *call),
                (image, self._site.cgroups.mount),
                log,
            )
        finally:
            os.close(image)
        return int(pid_file.read_text())

    def _enter(self, argv: Sequence[str], descriptors: Sequence[int], log: Path) -> None:
        """Start the runtime, whose descendants must keep neither a pipe nor a file of ours.

        PID 1 of the jail has its standard error, and root of the jail what PID 1 has.
        """
        output = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            done = subprocess.run(
                self._inside(argv),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                env=dict(TOOL_ENVIRONMENT),
                check=False,
            )
            fcntl.fcntl(output, fcntl.F_ADD_SEALS, SEALS)
            if done.returncode:
                said = _text_of(log) or os.pread(output, _LONGEST, 0).decode(errors="replace")
                lines = said.strip().splitlines()
                raise PlatformError(f"crun: {lines[0] if lines else f'status {done.returncode}'}")
        finally:
            os.close(output)

    def _inside(self, argv: Sequence[str]) -> tuple[str, ...]:
        return ("nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--", *argv)

    def _run(self, what: str, argv: Sequence[str], *descriptors: int) -> None:
        done = subprocess.run(
            self._inside(argv),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=dict(TOOL_ENVIRONMENT),
            check=False,
        )
        if done.returncode:
            raise PlatformError(f"{what}: {_reason(done.stderr) or f'status {done.returncode}'}")


def _text_of(log: Path) -> str:
    try:
        return log.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""


def _reason(said: str) -> str:
    """Return what mount(8) says, without its name and the descriptor that it was given."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return ""
    first = lines[0].removeprefix("mount: ").removeprefix("umount: ")
    place, _, rest = first.partition(": ")
    return (rest if place.startswith("/proc/self/fd/") else first).rstrip(".")


def _keeper(path: str, root: Path) -> subprocess.Popen[str]:
    """Start the child that holds a new mount namespace with `path` at `root`."""
    words = ("unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", _BEGIN, "sh")
    keeper = subprocess.Popen(
        (*words, path, str(root)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(TOOL_ENVIRONMENT),
        start_new_session=True,
    )
    assert keeper.stdout is not None  # noqa: S101 - it is a pipe
    if keeper.stdout.readline() == "ready\n":
        return keeper
    said = keeper.communicate()[1]
    raise PlatformError(f"{path}: {_reason(said) or 'cannot be made the root of a jail'}")
