"""Network namespaces of vnet jails, which ip-netns(8) lists as `jail-NAME`, and their interfaces.

The name is made in the mount namespace of process 1, so that it is there for the whole host. It
keeps the namespace when the jail has died, until its interfaces are moved back.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail.site import TOOL_ENVIRONMENT

__all__ = ["JailNetwork"]

_NAMED: Final = Path("/proc/1/root/run/netns")
"""Where the names are, from whichever mount namespace one looks."""


class JailNetwork:
    """The network namespace of one jail, remembered in its bundle. Methods raise PlatformError."""

    def __init__(self, bundle: Path) -> None:
        self._note = bundle / "network"
        self._moved = bundle / "interfaces.json"

    @property
    def name(self) -> str | None:
        """Name in ip-netns(8), None when the jail has none."""
        try:
            return self._note.read_text()
        except OSError:
            return None

    @property
    def file(self) -> Path:
        """File of the namespace, for setns(2)."""
        return _NAMED / (self.name or "none")

    def make(self, jail: str) -> None:
        """Make the namespace of the jail of that name."""
        name = f"jail-{jail}"
        if (_NAMED / name).exists():
            raise PlatformError(
                f"a network namespace {name} exists already", remedy=f"ip netns delete {name}"
            )
        self._note.write_text(name)
        _run("nsenter", "--mount=/proc/1/ns/mnt", "--", "ip", "netns", "add", name)

    def give(self, interface: str) -> None:
        """Move an interface of the caller's namespace into that of the jail."""
        self._remember({**self._interfaces(), interface: 0})
        with open(self.file, "rb") as namespace:
            target = f"/proc/self/fd/{namespace.fileno()}"
            words = ("ip", "link", "set", "dev", interface, "netns", target)
            _run(*words, descriptor=namespace.fileno())
        index = _index(self._links(), interface)
        if index:
            self._remember({**self._interfaces(), interface: index})

    def take(self, interface: str) -> None:
        """Move an interface back under its name; harmless when it is not there any more."""
        moved = self._interfaces()
        if interface not in moved or self.name is None:
            return
        now = self._name_inside(interface, moved[interface])
        if now is not None:
            self._take_out(now, interface)
        moved.pop(interface)
        self._remember(moved)

    def _name_inside(self, interface: str, index: int) -> str | None:
        """Return what the interface is called in the jail; None when it is not there."""
        names = {int(str(link["ifindex"])): str(link["ifname"]) for link in self._links()}
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
        if (_NAMED / name).exists():
            _run("nsenter", "--mount=/proc/1/ns/mnt", "--", "ip", "netns", "delete", name)
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

    def _links(self) -> list[dict[str, object]]:
        """Return the interfaces in the namespace; none when it is gone."""
        if not os.path.exists(self.file):
            return []
        with suppress(ValueError):
            found: list[dict[str, object]] = json.loads(self._run_inside("ip", "-j", "link"))
            return found
        return []

    def _run_inside(self, *argv: str, descriptor: int | None = None) -> str:
        return _run("nsenter", f"--net={self.file}", "--", *argv, descriptor=descriptor)


def _index(links: list[dict[str, object]], name: str) -> int:
    return next((int(str(each["ifindex"])) for each in links if each["ifname"] == name), 0)


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
        words = argv[argv.index("--") + 1 :] if "--" in argv else argv
        raise PlatformError(f"{' '.join(words)}: {said[0] if said else done.returncode}")
    return done.stdout
