"""Network namespaces of vnet jails, which ip-netns(8) lists as `jail-NAME`, and their interfaces.

The name is made in the mount namespace of the host, not in one that `ip netns exec` made for its
command, so that it is there for all. It keeps the namespace when the jail has died, until its
interfaces are moved back.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.propagation import process_with_home_of
from carpio.jail.site import TOOL_ENVIRONMENT

__all__ = ["JailNetwork"]

_NAMED: Final = "/run/netns"


class JailNetwork:
    """The network namespace of one jail, remembered in its bundle. Methods raise PlatformError."""

    def __init__(self, bundle: Path) -> None:
        self._note = bundle / "network"
        self._moved = bundle / "interfaces.json"
        self._in_home: tuple[str, ...] | None = None

    @property
    def name(self) -> str | None:
        """Name in ip-netns(8), None when the jail has none."""
        try:
            return self._note.read_text() or None  # who wrote it may have been killed
        except OSError:
            return None

    @contextmanager
    def made(self, jail: str) -> Iterator[str]:
        """Make the namespace of the jail of that name; its file is there within the context."""
        name = f"jail-{jail}"
        if self._is_named(name):
            raise PlatformError(
                f"a network namespace {name} exists already", remedy=f"ip netns delete {name}"
            )
        words = ("unshare", "--net", "--", "/bin/sh", "-c", "echo ready && exec cat")
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(TOOL_ENVIRONMENT)
        ) as keeper:
            assert keeper.stdout is not None  # noqa: S101 - it is a pipe
            try:
                if keeper.stdout.readline() != b"ready\n":
                    raise PlatformError("making a network namespace")
                self._note.write_text(name)
                self._run_for_all("ip", "netns", "attach", name, str(keeper.pid))
                yield f"/proc/{keeper.pid}/ns/net"
            finally:
                keeper.kill()

    def give(self, interface: str) -> None:
        """Move an interface of the caller's namespace into that of the jail."""
        if self.name is None:
            raise PlatformError(f"{interface}: the jail has no network of its own")
        self._remember({**self._interfaces(), interface: 0})
        try:
            self._run_for_all("ip", "link", "set", "dev", interface, "netns", self.name)
        except PlatformError:
            self._forget(interface)
            raise
        index = next((number for number, name in self._links().items() if name == interface), 0)
        self._remember({**self._interfaces(), interface: index})

    def take(self, interface: str) -> None:
        """Move an interface back under its name; harmless when it is not there any more."""
        moved = self._interfaces()
        if interface not in moved or self.name is None:
            return
        now = self._name_inside(interface, moved[interface])
        if now is not None:
            self._take_out(now, interface)
        self._forget(interface)

    def _name_inside(self, interface: str, index: int) -> str | None:
        """Return what the interface is called in the jail; None when it is not there."""
        names = self._links()
        if index in names:
            return names[index]
        return interface if not index and interface in names.values() else None

    def _take_out(self, now: str, interface: str) -> None:
        with open("/proc/self/ns/net", "rb") as home:
            target = f"/proc/self/fd/{home.fileno()}"
            words = ("ip", "link", "set", "dev", now, "netns", target, "name", interface)
            self._run_inside(*words, descriptor=home.fileno())

    def remove(self) -> None:
        """Move all interfaces back and give the name up; harmless when there is none."""
        name = self.name
        if name is None:
            return
        for interface in list(self._interfaces()):
            self.take(interface)
        if self._is_named(name):
            self._run_for_all("ip", "netns", "delete", name)
        self._note.unlink(missing_ok=True)

    # -- what was moved --------------------------------------------------------------------------

    def _interfaces(self) -> dict[str, int]:
        """Return the interfaces that were moved in, with their indexes there (0: not known)."""
        try:
            found = json.loads(self._moved.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): int(index) for name, index in found.items()}

    def _remember(self, interfaces: Mapping[str, int]) -> None:
        temporary = self._moved.with_suffix(".new")
        temporary.write_text(json.dumps(interfaces))
        temporary.rename(self._moved)

    def _forget(self, interface: str) -> None:
        self._remember({k: v for k, v in self._interfaces().items() if k != interface})

    def _links(self) -> dict[int, str]:
        """Return the interfaces in the namespace by index; none when it is gone."""
        if self.name is None or not self._is_named(self.name):
            return {}
        with suppress(ValueError):
            found = json.loads(self._run_inside("ip", "-j", "link"))
            return {int(each["ifindex"]): str(each["ifname"]) for each in found}
        return {}

    def _is_named(self, name: str) -> bool:
        try:
            self._run_for_all("test", "-e", f"{_NAMED}/{name}")
        except PlatformError:
            return False
        return True

    def _run_for_all(self, *argv: str, descriptor: int | None = None) -> str:
        """Run a command where what is mounted below /run/netns is there for all."""
        if self._in_home is None:
            pid = process_with_home_of(_NAMED)
            self._in_home = () if pid is None else ("nsenter", f"--mount=/proc/{pid}/ns/mnt", "--")
        return _run(*self._in_home, *argv, descriptor=descriptor)

    def _run_inside(self, *argv: str, descriptor: int | None = None) -> str:
        inside = ("nsenter", f"--net={_NAMED}/{self.name}", "--")
        return self._run_for_all(*inside, *argv, descriptor=descriptor)


def _run(*argv: str, descriptor: int | None = None) -> str:
    done = subprocess.run(
        argv,
        pass_fds=() if descriptor is None else (descriptor,),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(TOOL_ENVIRONMENT),
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        words = argv[argv.index("ip") :] if "ip" in argv else argv
        raise PlatformError(f"{' '.join(words)}: {said[0] if said else done.returncode}")
    return done.stdout
