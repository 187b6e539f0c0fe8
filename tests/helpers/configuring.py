"""Requests to a daemon from any network namespace, as commands of that namespace make them.

here = Place(lab["a"].namespace, node.daemon.control)
here.configure(on("eth0", SetVhid(1, state="master"), shared(vhid=1)))
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from tests.helpers.life import SHARED4, Node, wait_for

from carpio.control.client import ControlClient
from carpio.control.messages import Request
from carpio.control.network import (
    AddAddress,
    ChangeSettings,
    Configure,
    ConfigureResult,
    GroupView,
    InterfaceView,
    Line,
    Network,
    NetworkRequest,
    Setting,
    SettingChange,
    SettingResult,
    SettingsRequest,
    SettingsResult,
    Step,
)
from carpio.lab.namespaces import ip
from carpio.lab.topology import Lab
from carpio.runtime.namespace import Namespace

__all__ = ["Place", "descriptors_of", "namespace_of", "on", "place_of", "shared", "tenant"]

_T = TypeVar("_T")
_ALIKE: Final = 5
"""So many counts in a row must be the same."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller is, and the daemon that he asks."""

    namespace: Namespace
    control: Path

    def ask(self, request: Request, result: type[_T], *, timeout_s: float = 10.0) -> _T:
        """Return the daemon's answer to a caller in the namespace. Raises ControlError."""

        def run() -> _T:
            with ControlClient(self.control, timeout_s=timeout_s) as client:
                return client.ask(request, result)

        return self.namespace.call(run)

    def configure(self, *lines: Line, timeout_s: float = 10.0) -> list[str]:
        """Carry out lines as one request; return what their interfaces are called."""
        request = Configure(lines=list(lines))
        return self.ask(request, ConfigureResult, timeout_s=timeout_s).interfaces

    def look(self, name: str, *, keys: bool = False) -> InterfaceView:
        """Return one interface."""
        network = self.ask(NetworkRequest(keys=keys), Network)
        return next(one for one in network.interfaces if one.name == name)

    def groups(self, interface: str = "eth0") -> list[GroupView]:
        """Return the groups of an interface."""
        return self.look(interface).groups

    def settings(self) -> SettingsResult:
        """Return the settings of CARP here."""
        return self.ask(SettingsRequest(), SettingsResult)

    def change(self, **changes: int) -> list[SettingResult]:
        """Change settings of CARP here."""
        wanted = [SettingChange(cast("Setting", name), value) for name, value in changes.items()]
        return self.ask(ChangeSettings(changes=wanted), list[SettingResult])


@contextmanager
def place_of(name: str, node: Node) -> Iterator[Place]:
    """Yield the place of a caller in the namespace that ip-netns(8) calls so."""
    namespace = Namespace(name)
    try:
        yield Place(namespace, node.daemon.control)
    finally:
        namespace.close()


@contextmanager
def namespace_of(pid: int) -> Iterator[Namespace]:
    """Yield the namespace of a process."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespace = Namespace.of_descriptor(descriptor)
    finally:
        os.close(descriptor)
    try:
        yield namespace
    finally:
        namespace.close()


@contextmanager
def tenant(lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a namespace without a name, with a cable to the switch."""
    command = ("unshare", "--net", "sh", "-c", "echo; exec cat")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        ip(
            *("link", "add", "name", "port-t", "type", "veth"),
            *("peer", "name", "eth0", "netns", str(process.pid)),
            namespace=lab.switch,
        )
        ip("link", "set", "port-t", "master", "br0", "up", namespace=lab.switch)
        try:
            yield process
        finally:
            process.stdin.close()


def on(interface: str, *steps: Step) -> Line:
    """Return a line of a request."""
    return Line(interface, list(steps))


def shared(text: str = SHARED4, *, vhid: int | None = 1, **more: Any) -> AddAddress:
    """Return the step that adds the address `A/P`, to group 1 unless another one is named."""
    parsed = ip_interface(text)
    return AddAddress(str(parsed.ip), parsed.network.prefixlen, vhid=vhid, **more)


def descriptors_of(node: Node) -> int:
    """Return how many descriptors a daemon has open when it has hung up on its last callers."""
    counts: list[int] = []

    def rests() -> bool:
        counts.append(len(os.listdir(f"/proc/{node.daemon.pid}/fd")))
        return len(counts) >= _ALIKE and len(set(counts[-_ALIKE:])) == 1

    wait_for(rests, "it opens and closes nothing")
    return counts[-1]
