"""Jails as containers that crun(1) makes: what there is to a jail on Linux comes together here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.bundle import ipc_mode
from carpio.jail.cgroups import Part
from carpio.jail.devices import allow_small_dev
from carpio.jail.holder import holder_of, is_same
from carpio.jail.netns import JailNetwork
from carpio.jail.ports import CannotChange, MountLine, Record
from carpio.jail.restrict import policy_of, restrict, supported
from carpio.jail.site import TOOL_ENVIRONMENT, Site, tool
from carpio.jail.stage import MountSpace
from carpio.jail.values import Setpoint

__all__ = ["JailStage", "OciContainers"]

_TOOLS: Final = {
    "crun": "crun",
    "catatonit": "catatonit",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
}
"""Programs and the Debian packages that have them."""
_ADDRESSES: Final = ("ip4.addr", "ip6.addr", "ip4.saddrsel", "ip6.saddrsel")
_NAMES: Final = {"host.hostname": "hostname", "host.domainname": "domainname"}
"""Files of /proc/sys/kernel by parameter."""
_KINDS_THAT_STAY: Final = ("allow.", "sysv", "ip4", "ip6", "vnet", "host", "carpio.")
"""Parameters that are in what the jail is made of; those that begin so and are not above."""
_WATCHER: Final = Path(__file__).with_name("watcher.py")


class JailStage:
    """A jail to be."""

    def __init__(self, containers: OciContainers, path: str) -> None:
        self._containers = containers
        self._space = MountSpace(containers.site, path)

    def mount(self, line: MountLine) -> None:
        """Mount one line. Raises CarpioError."""
        self._space.mount(line)

    def unmount(self, line: MountLine) -> None:
        """Take back the last mount of this line. Raises CarpioError."""
        self._space.unmount(line)

    def create(self, record: Record) -> Record:
        """Make the jail; return its record. Raises PlatformError, with nothing left of it."""
        try:
            made = self._containers.make(record, self._space)
        except BaseException:
            with suppress(PlatformError):
                self._containers.destroy(record)
            raise
        self._space.close()
        return made

    def discard(self) -> None:
        """Drop what was staged."""
        self._space.close()


class OciContainers:
    """The jails of one state directory."""

    def __init__(self, state: Path) -> None:
        self.site = Site(state)

    def close(self) -> None:
        """Give descriptors back."""
        self.site.cgroups.close()

    # -- making ----------------------------------------------------------------------------------

    def check(self, values: Mapping[str, Setpoint]) -> None:
        """Raise PlatformError, with the remedy, when such a jail cannot be made here."""
        if os.geteuid() != 0:
            raise PlatformError("jails need root")
        missing = [name for name in _TOOLS if tool(name) is None]
        if missing:
            packages = " ".join(dict.fromkeys(_TOOLS[name] for name in missing))
            raise PlatformError(
                f"not installed: {', '.join(missing)}", remedy=f"apt-get install {packages}"
            )
        if ipc_mode(values) is None:
            raise PlatformError(
                "sysvmsg, sysvsem, sysvshm: Linux knows one namespace for the three",
                remedy="let all three inherit, or none",
            )
        self.site.cgroups.mount  # noqa: B018 - raises when there is no cgroup2
        if not policy_of(values).is_free and (why := supported()) is not None:
            raise PlatformError(f"a jail cannot be restricted to its addresses here: {why}")

    def stage(self, values: Mapping[str, Setpoint], path: str) -> JailStage:
        """Begin a jail. Raises PlatformError."""
        del values  # they may change until the jail is created
        self.site.provide_root()
        return JailStage(self, path)

    def make(self, record: Record, space: MountSpace) -> Record:
        """Make a jail of what is staged. Raises PlatformError; then `destroy` has to follow."""
        self.destroy(replace(record, holder=None))  # what a killed process left under this jid
        jid, cgroups = record.jid, self.site.cgroups
        network = JailNetwork(self.site.provide(jid))
        cgroups.make(jid)
        allow_small_dev(cgroups.path(jid))
        policy = policy_of(record.values)
        if not policy.is_free:
            restrict(cgroups.path(jid), policy)
        is_vnet = record.values.get("vnet") == "new"
        try:
            with network.made(record.name) if is_vnet else nullcontext() as file:
                pid = space.start(jid, record.values, cgroups.path(jid, Part.HOLDER), file)
        except OSError as error:
            raise PlatformError("making the jail", errno=error.errno or 0) from error
        details = {
            "bundle": str(self.site.bundle(jid)),
            "cgroup": str(cgroups.path(jid)).partition(str(cgroups.mount))[2],
            "runtime": "crun",
            **({"network": network.name or ""} if is_vnet else {}),
        }
        return replace(record, holder=holder_of(pid), details=details)

    # -- life ------------------------------------------------------------------------------------

    def is_alive(self, record: Record) -> bool:
        """Return whether the jail is there: one that is not persistent needs a process."""
        return is_same(record.holder) and (
            record.is_persistent or self.site.cgroups.is_populated(record.jid, Part.INSIDE)
        )

    def set_persistent(self, record: Record, is_persistent: bool) -> Record:
        """Keep the jail without processes, or let it go with its last one, which may be now."""
        changed = replace(record, is_persistent=is_persistent)
        cgroups = self.site.cgroups
        if is_persistent:
            cgroups.kill(record.jid, Part.WATCH)
        elif not is_same(record.holder) or not cgroups.is_populated(record.jid, Part.INSIDE):
            self.destroy(record)
            return replace(changed, holder=None)
        elif not cgroups.is_populated(record.jid, Part.WATCH):
            self._watch(record)
        return changed

    def _watch(self, record: Record) -> None:
        """Start who ends the jail when its last process has ended."""
        assert record.holder is not None  # noqa: S101 - the caller has looked
        cgroups = self.site.cgroups
        watcher = (
            *("setsid", "-f", sys.executable, "-I", "-S", str(_WATCHER)),
            str(cgroups.path(record.jid, Part.INSIDE)),
            *(str(self.site.state), str(record.jid)),
            *(str(record.holder.pid), str(record.holder.started)),
        )
        done = subprocess.run(
            self.site.joined(cgroups.path(record.jid, Part.WATCH), watcher),
            pass_fds=(cgroups.mount,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=dict(TOOL_ENVIRONMENT),
            check=False,
        )
        if done.returncode:
            raise PlatformError("starting who waits for the end of the jail")

    def update(self, record: Record, values: Mapping[str, Setpoint]) -> Record:
        """Change what can be changed while it runs. Raises CannotChange, PlatformError."""
        for name in values:
            if name not in (*_ADDRESSES, *_NAMES) and name.startswith(_KINDS_THAT_STAY):
                raise CannotChange(name)
        merged = {**record.values, **values}
        if record.values.get("host") == "inherit" and any(name in values for name in _NAMES):
            raise CannotChange("host.hostname")
        if any(name in values for name in _ADDRESSES):
            self._restrict_anew(record, merged)
        for name, file in _NAMES.items():
            if isinstance(value := values.get(name), str) and record.holder is not None:
                _write_name(record.holder.pid, file, value)
        return record

    def _restrict_anew(self, record: Record, merged: Mapping[str, Setpoint]) -> None:
        policy, old = policy_of(merged), policy_of(record.values)
        for name, new, before in (("ip4", policy.ip4, old.ip4), ("ip6", policy.ip6, old.ip6)):
            if new.mode is not before.mode:
                raise CannotChange(name)
        if not policy.is_free:
            restrict(self.site.cgroups.path(record.jid), policy)

    def give_interface(self, record: Record, interface: str) -> None:
        """Move an interface of the host into a vnet jail. Raises PlatformError."""
        if record.values.get("vnet") != "new":
            raise PlatformError(f"vnet.interface: {interface}: not a vnet jail")
        self._network(record).give(interface)

    def take_interface(self, record: Record, interface: str) -> None:
        """Move it back, under the same name; harmless when it is not in the jail any more."""
        self._network(record).take(interface)

    def _network(self, record: Record) -> JailNetwork:
        return JailNetwork(self.site.bundle(record.jid))

    # -- the end ---------------------------------------------------------------------------------

    def processes(self, record: Record) -> Sequence[int]:
        """Return the processes in the jail; not those of the host that wait for one of them."""
        if record.holder is None or not is_same(record.holder):
            return ()
        inside = _pid_namespace(record.holder.pid)
        members = sorted(self.site.cgroups.members(record.jid, Part.INSIDE))
        return tuple(pid for pid in members if inside and _pid_namespace(pid) == inside)

    def terminate(self, record: Record, timeout_s: int) -> Sequence[int]:
        """Send SIGTERM to all but the holder, and wait until they are gone or time is over."""
        if timeout_s <= 0:
            return ()
        cgroups = self.site.cgroups
        cgroups.kill(record.jid, Part.WATCH)  # who asks ends the jail himself
        sent = tuple(pid for pid in self.processes(record) if self._terminate_one(record, pid))
        if sent:
            cgroups.wait_until_empty(record.jid, Part.INSIDE, timeout_s)
        return sent

    def _terminate_one(self, record: Record, pid: int) -> bool:
        """Send SIGTERM to a process if it still is one of the jail."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if pid not in self.site.cgroups.members(record.jid, Part.INSIDE):
                return False
            signal.pidfd_send_signal(process, signal.SIGTERM)
        except ProcessLookupError:
            return False
        finally:
            os.close(process)
        return True

    def destroy(self, record: Record) -> None:
        """End all processes, move interfaces back, and remove whatever there is of the jail."""
        jid, cgroups = record.jid, self.site.cgroups
        cgroups.kill(jid)
        self._network(record).remove()
        try:
            cgroups.remove(jid)
        except OSError as error:
            raise PlatformError("removing cgroups", errno=error.errno or 0) from error
        self.site.clear(jid)


def _pid_namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def _write_name(holder: int, file: str, value: str) -> None:
    """Set the host name or the NIS domain of a jail. Raises PlatformError."""
    script = f'printf %s "$1" >/proc/sys/kernel/{file}'
    done = subprocess.run(
        ("nsenter", f"--uts=/proc/{holder}/ns/uts", "--", "/bin/sh", "-c", script, "sh", value),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(TOOL_ENVIRONMENT),
        check=False,
    )
    if done.returncode:
        raise PlatformError(f"host.{file}: {value}: not possible")
