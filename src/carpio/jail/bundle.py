"""What the runtime is told: a jail as a configuration of OCI, and a command in it.

Knows OCI's words and nothing of this host; see opencontainers.org/specs, runtime 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.jail.capabilities import capabilities_of
from carpio.jail.seccomp import filter_of
from carpio.jail.values import Setpoint

__all__ = ["HOLDER", "Mount", "User", "config_of", "ipc_mode", "process_of"]

HOLDER: Final = ("/proc/self/fd/3", "-P")
"""PID 1: an init of which only a sealed copy in memory is there, so that it needs no file in the
root of the jail and nobody in the jail can change what root of the host executes."""

_SYSV: Final = ("sysvmsg", "sysvsem", "sysvshm")
_MASKED: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READ_ONLY: Final = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A mount that the runtime makes, in the namespaces of the jail."""

    point: str
    """In the jail."""
    kind: str
    source: str
    options: tuple[str, ...]

    def in_oci(self) -> dict[str, object]:
        """Return it in OCI's words."""
        return {
            "destination": self.point,
            "type": self.kind,
            "source": self.source,
            "options": list(self.options),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who runs a command."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"
    shell: str = "/bin/sh"


_PROC: Final = Mount(
    point="/proc", kind="proc", source="proc", options=("nosuid", "nodev", "noexec")
)
_DEV: Final = Mount(
    point="/dev",
    kind="tmpfs",
    source="devfs",
    options=("nosuid", "noexec", "strictatime", "mode=755", "size=64k"),
)
_DEVFS: Final = (
    Mount(
        point="/dev/pts",
        kind="devpts",
        source="devpts",
        options=("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    ),
    Mount(
        point="/dev/shm",  # noqa: S108 - in the jail
        kind="tmpfs",
        source="shm",
        options=("nosuid", "nodev", "noexec", "mode=1777"),
    ),
)


def config_of(
    values: Mapping[str, Setpoint],
    *,
    root: str,
    mounts: Sequence[Mount] = (),
    has_devfs: bool = False,
    network: str | None = None,
) -> dict[str, object]:
    """Return the configuration of a jail whose PID 1 does nothing but wait.

    `network` is the file of a network namespace, None for that of the caller.
    """
    hostname = values.get("host.hostname")
    has_name = values.get("host") != "inherit"
    process = process_of(HOLDER, User(name="root", uid=0, gid=0), values, environment={})
    return {
        "ociVersion": "1.0.0",
        "process": process,
        "root": {"path": root},
        **({"hostname": hostname} if hostname and has_name else {}),
        "mounts": [each.in_oci() for each in _mounts(values, mounts, has_devfs=has_devfs)],
        "linux": {
            "namespaces": _namespaces(values, network),
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
            "sysctl": _sysctls(values),
            "seccomp": filter_of(values),
        },
    }


def process_of(
    argv: Sequence[str],
    user: User,
    values: Mapping[str, Setpoint],
    *,
    environment: Mapping[str, str],
    directory: str = "/",
    has_terminal: bool = False,
) -> dict[str, object]:
    """Return a command in OCI's words.

    Who is not root has no capabilities, but programs that are root's may get them (setuid).
    """
    bounding = list(capabilities_of(values))
    held = bounding if user.uid == 0 else []
    return {
        "terminal": has_terminal,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
        "args": list(argv),
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": directory,
        "noNewPrivileges": False,
        "capabilities": {"bounding": bounding, "effective": held, "permitted": held},
    }


def ipc_mode(values: Mapping[str, Setpoint]) -> str | None:
    """Return `new` or `inherit` for System V IPC; None when its three kinds are at odds.

    Linux knows one namespace for all three; `disable` is a new one in which none can be made.
    """
    if values.get("allow.sysvipc") is True:
        return "inherit"
    shared = {values.get(name) == "inherit" for name in _SYSV}
    if len(shared) > 1:
        return None
    return "inherit" if shared == {True} else "new"


def _mounts(
    values: Mapping[str, Setpoint], mounts: Sequence[Mount], *, has_devfs: bool
) -> list[Mount]:
    found = [_PROC, _DEV, *(_DEVFS if has_devfs else ()), *mounts]
    if values.get("vnet") == "new":
        found.append(_writable("/proc/sys/net"))
    if values.get("allow.set_hostname") is not False and values.get("host") != "inherit":
        found += [_writable("/proc/sys/kernel/hostname"), _writable("/proc/sys/kernel/domainname")]
    return found


def _writable(path: str) -> Mount:
    """Return a part of /proc/sys that stays writable: it is about namespaces of who writes."""
    return Mount(point=path, kind="bind", source=path, options=("bind", "nosuid", "nodev"))


def _namespaces(values: Mapping[str, Setpoint], network: str | None) -> list[dict[str, str]]:
    kinds = ["pid", "mount", "cgroup"]
    if values.get("host") != "inherit":
        kinds.append("uts")
    if ipc_mode(values) == "new":
        kinds.append("ipc")
    found = [{"type": kind} for kind in kinds]
    return [*found, {"type": "network", "path": network}] if network else found


def _sysctls(values: Mapping[str, Setpoint]) -> dict[str, str]:
    found: dict[str, str] = {}
    domain = values.get("host.domainname")
    if isinstance(domain, str) and domain and values.get("host") != "inherit":
        found["kernel.domainname"] = domain
    if ipc_mode(values) == "new":
        if values.get("sysvmsg") == "disable":
            found["kernel.msgmni"] = "0"
        if values.get("sysvsem") == "disable":
            found["kernel.sem"] = "250 32000 32 0"
        if values.get("sysvshm") == "disable":
            found["kernel.shmmni"] = "0"
    return found
