"""A machine of the lab: a namespace, its cables, what runs on it, and what can be done to it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.lab.implementation import (
    CONTROL_SOCKET,
    Carpio,
    Group,
    Implementation,
    Interface,
    Seat,
    control_inside,
)
from carpio.lab.namespaces import INSIDE, add_namespace, ip, ip_batch, remove_namespace
from carpio.lab.plan import CablePlan, MachinePlan
from carpio.lab.process import Child

__all__ = ["Cable", "DaemonProcess", "Host"]

MOST_TOLD: Final = 2000
"""Characters of the output of a command that failed."""


@dataclass(slots=True)
class DaemonProcess:
    """A carpio daemon of a test: a child process and its control socket."""

    child: Child
    control: Path

    def wait_for_log(self, pattern: str, timeout_s: float = 10.0) -> str:
        """Wait until a line of its log matches; return what matched."""
        return self.child.wait_for_log(pattern, timeout_s).group(0)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.child.pid

    @property
    def log(self) -> str:
        """Everything that it said so far."""
        return self.child.log

    def kill9(self) -> None:
        """End it without a chance to clean up."""
        self.child.kill9()

    def terminate(self, timeout_s: float = 10.0) -> int:
        """Ask it to leave and wait; return the exit status."""
        return self.child.terminate(timeout_s)

    def stop(self) -> None:
        """Freeze it (SIGSTOP)."""
        self.child.stop()

    def cont(self) -> None:
        """Let it run on (SIGCONT)."""
        self.child.cont()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """An interface of a host and the port at the other end of its cable."""

    plan: CablePlan
    port: str
    """Name of the port's interface in the switches' namespace."""
    spare: str
    """Name of the NIC while its host has no namespace."""
    bridge: str
    key: str
    """By which captures name the port: the host's name, for further cables with a number."""


class Host:
    """A machine: a namespace, cables to switches, and what it runs of an implementation.

    `port`, `interface` and `addresses` are those of its first cable.
    """

    def __init__(
        self,
        plan: MachinePlan,
        prefix: str,
        directory: Path,
        sysctls: Mapping[str, str],
        bridges: Mapping[str, str],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.namespace = f"{prefix}-{plan.name}"
        self.cables = tuple(
            _cable(plan.name, number, cable, bridges[cable.switch])
            for number, cable in enumerate(plan.cables, 1)
        )
        self.port = self.cables[0].port
        self.interface = plan.cables[0].interface
        self.addresses: tuple[Interface, ...] = plan.cables[0].addresses
        self.directory = directory / plan.name
        self.directory.mkdir()
        self.control = (
            control_inside(self.namespace)
            if os.environ.get(INSIDE)
            else self.directory / CONTROL_SOCKET
        )
        """Where a daemon with a control socket is to make it."""
        self.control.parent.mkdir(parents=True, exist_ok=True)
        self.daemon: Child | None = None
        self.companions: list[Child] = []
        """Further processes of the implementation, where it needs some."""
        self._switch = f"{prefix}-switch"
        self._sysctls = dict(sysctls)
        if plan.is_forwarding:
            self._sysctls |= {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}

    @property
    def mac(self) -> bytes:
        """The hardware address of its (first) NIC."""
        return self.mac_of(self.interface)

    def mac_of(self, interface: str) -> bytes:
        """Return the hardware address of one of its interfaces."""
        text = self.run("cat", f"/sys/class/net/{interface}/address").stdout
        return bytes.fromhex(text.strip().replace(":", ""))

    def cable_on(self, network: str) -> Cable:
        """Return its cable to a network; the first one for an empty name.

        Raises:
            PlatformError: there is none.
        """
        for cable in self.cables:
            if network in ("", cable.plan.network):
                return cable
        raise PlatformError(f"{self.name} has no cable to {network}")

    def build(self) -> None:
        """Make the namespace and the cables, and switch the machine on."""
        add_namespace(self.namespace)
        for cable in self.cables:
            mac = ("address", cable.plan.mac) if cable.plan.mac else ()
            ip(
                *("link", "add", "name", cable.port, "type", "veth"),
                *("peer", "name", cable.plan.interface, *mac, "netns", self.namespace),
                namespace=self._switch,
            )
            ip("link", "set", cable.port, "master", cable.bridge, "up", namespace=self._switch)
        self._configure()

    def _configure(self) -> None:
        lines = "".join(f"echo '{v}' > /proc/sys/{path}\n" for path, v in self._sysctls.items())
        self.run("sh", "-e", "-c", lines)
        ip_batch(self._addresses_and_routes(), self.namespace)

    def _addresses_and_routes(self) -> tuple[str, ...]:
        lines = []
        for cable in self.plan.cables:
            lines.append(f"link set {cable.interface} up")
            lines += [
                f"addr add {address} dev {cable.interface}"
                + (" nodad" if address.version == 6 else "")
                for address in cable.addresses
            ]
        for gateway in self.plan.gateways:
            lines.append(f"route replace default via {gateway}")
        return tuple(lines)

    def sysctl(self, path: str, value: str) -> None:
        """Set a kernel setting of this host; `path` has slashes."""
        self.run("sh", "-c", f"echo '{value}' > /proc/sys/{path}")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on this host and return its result.

        Raises:
            PlatformError: it failed and `check` is set.
        """
        done = subprocess.run(
            ("ip", "netns", "exec", self.namespace, *command),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if check and done.returncode:
            raise self.failure(command, done)
        return done

    def failure(
        self, command: Sequence[str], done: subprocess.CompletedProcess[str]
    ) -> PlatformError:
        """Return the error that tells how a command ended, and what it said last."""
        words = (done.stdout + done.stderr).strip()[-MOST_TOLD:] or "it said nothing"
        status = done.returncode
        how = f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"
        return PlatformError(f"`{shlex.join(command)}` on {self.name} {how}: {words}")

    def spawn(self, *command: str, log: str) -> Child:
        """Start a command on this host; its words go to the file `log` of the host."""
        return Child(command, namespace=self.namespace, log=self.directory / log)

    def start(
        self,
        implementation: Implementation,
        group: Group,
        *,
        advskew: int = 0,
        preempt: bool = True,
    ) -> Child:
        """Start an implementation as this host's daemon."""
        seat = Seat(
            interface=self.interface,
            own_address=self.addresses[0],
            directory=self.directory,
            advskew=advskew,
            preempt=preempt,
        )
        self.daemon = self.spawn(*implementation.command(group, seat), log="daemon.log")
        return self.daemon

    def start_carpio(self, toml: str) -> DaemonProcess:
        """Start the carpio daemon with a configuration given as text."""
        command = Carpio().command_for(toml, self.directory, self.control)
        self.daemon = self.spawn(*command, log="daemon.log")
        return DaemonProcess(self.daemon, self.control)

    def pull_cable(self, network: str = "") -> None:
        """Take the switch port down."""
        ip("link", "set", self.cable_on(network).port, "down", namespace=self._switch)

    def plug_cable(self, network: str = "") -> None:
        """Bring the switch port back."""
        ip("link", "set", self.cable_on(network).port, "up", namespace=self._switch)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to everything that runs of the implementation."""
        for child in (*((self.daemon,) if self.daemon else ()), *self.companions):
            child.send(number)

    def crash(self) -> None:
        """Lose power: the daemon dies and the links go, at once."""
        self.signal(signal.SIGKILL)
        for cable in self.cables:
            self.pull_cable(cable.plan.network)

    def boot(self) -> None:
        """Come up after a loss of power, with nothing left of what the kernel held."""
        for cable in self.cables:
            ip("link", "set", cable.plan.interface, "netns", self._switch, "name", cable.spare,
               namespace=self.namespace)  # fmt: skip
        remove_namespace(self.namespace)
        add_namespace(self.namespace)
        for cable in self.cables:
            ip("link", "set", cable.spare, "netns", self.namespace, "name", cable.plan.interface,
               namespace=self._switch)  # fmt: skip
        self._configure()
        for cable in self.cables:
            self.plug_cable(cable.plan.network)

    def shut_down(self) -> None:
        """End the daemon, by force if it does not leave."""
        for child in (*((self.daemon,) if self.daemon else ()), *self.companions):
            if child.is_running:
                child.cont()
                child.send(signal.SIGTERM)
                try:
                    child.wait(2.0)
                except PlatformError:
                    child.kill9()


def _cable(host: str, number: int, plan: CablePlan, bridge: str) -> Cable:
    suffix = f"-{number}" if number > 1 else ""
    return Cable(
        plan=plan,
        port=f"port-{host}{suffix}",
        spare=f"nic{number}-{host}",
        bridge=bridge,
        key=f"{host}{suffix}",
    )
