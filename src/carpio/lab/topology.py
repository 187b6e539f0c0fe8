"""The lab's network: hosts and a router on one switch, and what can be done to them.

        host a        host b       (host c)       router (also the client)
        eth0          eth0          eth0          eth0
          |             |             |             |
        port-a        port-b        port-c        port-router
        +-------------------- br0 -----------------------+     the switch, a namespace of its own

All addresses lie in 10.77.0.0/24 and 2001:db8:77::/64. The switch snoops nothing and
forwards at once. Everything goes when the `with` block ends, however it ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from types import MappingProxyType, TracebackType

from carpio.errors import PlatformError
from carpio.lab.implementation import CONTROL_SOCKET, Carpio, Group, Implementation, Interface, Seat
from carpio.lab.namespaces import (
    add_namespace,
    free_prefix,
    ip,
    ip_batch,
    remove_leftovers,
    remove_namespace,
)
from carpio.lab.process import Child

__all__ = [
    "HARDENED",
    "KERNEL_DEFAULTS",
    "ROUTER",
    "SHARED_ADDRESSES",
    "SHARED_TARGETS",
    "DaemonProcess",
    "Host",
    "Lab",
    "check_requirements",
]

ROUTER = "router"
HOST_NUMBERS: Mapping[str, int] = MappingProxyType({"a": 1, "b": 2, "c": 3, ROUTER: 254})
SHARED_ADDRESSES: tuple[Interface, ...] = (
    ip_interface("10.77.0.100/24"),
    ip_interface("2001:db8:77::100/64"),
)
SHARED_TARGETS: tuple[str, ...] = tuple(str(shared.ip) for shared in SHARED_ADDRESSES)

KERNEL_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        f"net/ipv4/conf/{scope}/{name}": "0"
        for scope in ("all", "default")
        for name in ("rp_filter", "arp_ignore", "arp_announce", "arp_filter", "arp_notify")
    }
)
"""What a plain kernel starts with. Written, because a new namespace may copy its maker's."""

HARDENED: Mapping[str, str] = MappingProxyType(
    {
        "net/ipv4/conf/all/rp_filter": "1",
        "net/ipv4/conf/default/rp_filter": "1",
        "net/ipv4/conf/all/arp_ignore": "1",
        "net/ipv4/conf/all/arp_announce": "2",
    }
)
"""What hardening guides for load balancers write."""


def check_requirements(commands: Sequence[str] = ("ip", "tcpdump")) -> None:
    """Check that the lab can run here.

    Raises:
        PlatformError: not root, or a command is missing; carries the remedy.
    """
    if os.geteuid() != 0:
        raise PlatformError("the lab makes network namespaces", remedy="run it as root: sudo ...")
    packages = {"ip": "iproute2", "tcpdump": "tcpdump", "ucarp": "ucarp"}
    missing = [packages[name] for name in commands if shutil.which(name) is None]
    if missing:
        raise PlatformError(
            f"the lab needs {' and '.join(missing)}",
            remedy=f"apt-get install --no-install-recommends {' '.join(missing)}",
        )


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


class Host:
    """A machine on the switch: a namespace, a cable, and at most one daemon of the group."""

    def __init__(self, name: str, prefix: str, directory: Path, sysctls: Mapping[str, str]) -> None:
        number = HOST_NUMBERS[name]
        self.name = name
        self.namespace = f"{prefix}-{name}"
        self.port = f"port-{name}"
        self.interface = "eth0"
        self.addresses = (
            ip_interface(f"10.77.0.{number}/24"),
            ip_interface(f"2001:db8:77::{number:x}/64"),
        )
        self.directory = directory / name
        self.directory.mkdir()
        self.daemon: Child | None = None
        self._switch = f"{prefix}-switch"
        self._sysctls = sysctls

    @property
    def mac(self) -> bytes:
        """The hardware address of its NIC."""
        text = self.run("cat", f"/sys/class/net/{self.interface}/address").stdout
        return bytes.fromhex(text.strip().replace(":", ""))

    def build(self) -> None:
        """Make the namespace and the cable, and switch the machine on."""
        add_namespace(self.namespace)
        ip(
            *("link", "add", "name", self.port, "type", "veth"),
            *("peer", "name", self.interface, "netns", self.namespace),
            namespace=self._switch,
        )
        ip("link", "set", self.port, "master", "br0", "up", namespace=self._switch)
        self._configure()

    def _configure(self) -> None:
        for path, value in self._sysctls.items():
            self.sysctl(path, value)
        ip_batch(
            (
                f"link set {self.interface} up",
                *(
                    f"addr add {address} dev {self.interface}"
                    + (" nodad" if address.version == 6 else "")
                    for address in self.addresses
                ),
            ),
            self.namespace,
        )

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
            check=False,
        )
        if check and done.returncode:
            raise PlatformError(f"`{' '.join(command)}` on {self.name}: {done.stderr.strip()}")
        return done

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
        command = Carpio().command_for(toml, self.directory)
        self.daemon = self.spawn(*command, log="daemon.log")
        return DaemonProcess(self.daemon, self.directory / CONTROL_SOCKET)

    def pull_cable(self) -> None:
        """Take the switch port down."""
        ip("link", "set", self.port, "down", namespace=self._switch)

    def plug_cable(self) -> None:
        """Bring the switch port back."""
        ip("link", "set", self.port, "up", namespace=self._switch)

    def crash(self) -> None:
        """Lose power: the daemon dies and the link goes, at once."""
        if self.daemon:
            self.daemon.send(signal.SIGKILL)
        self.pull_cable()

    def boot(self) -> None:
        """Come up after a loss of power, with nothing left of what the kernel held."""
        spare = f"{self.port}-nic"
        ip("link", "set", self.interface, "netns", self._switch, "name", spare,
           namespace=self.namespace)  # fmt: skip
        remove_namespace(self.namespace)
        add_namespace(self.namespace)
        ip("link", "set", spare, "netns", self.namespace, "name", self.interface,
           namespace=self._switch)  # fmt: skip
        self._configure()
        self.plug_cable()

    def shut_down(self) -> None:
        """End the daemon, by force if it does not leave."""
        if self.daemon and self.daemon.is_running:
            self.daemon.cont()
            self.daemon.send(signal.SIGTERM)
            try:
                self.daemon.wait(2.0)
            except PlatformError:
                self.daemon.kill9()


class Lab:
    """Hosts, switch and router; a context manager that leaves nothing behind.

    `out` keeps logs and captures; without it they go with the lab.
    """

    def __init__(
        self,
        hosts: Sequence[str] = ("a", "b"),
        *,
        sysctls: Mapping[str, str] = KERNEL_DEFAULTS,
        out: Path | None = None,
    ) -> None:
        self._names = tuple(hosts)
        self._sysctls = {**KERNEL_DEFAULTS, **sysctls}
        self._keep = out is not None
        self._out = out
        self._removals: list[str] = []
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Lab:
        check_requirements()
        remove_leftovers()
        self.prefix = free_prefix()
        self.directory = self._out or Path(tempfile.mkdtemp(prefix="carpio-lab-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.switch = f"{self.prefix}-switch"
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for host in self.hosts.values():
                host.shut_down()
        finally:
            self._remove()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def router(self) -> Host:
        """The client and the source of floods."""
        return self.hosts[ROUTER]

    def _build(self) -> None:
        self._removals.append(self.switch)
        add_namespace(self.switch)
        ip(
            *("link", "add", "name", "br0", "type", "bridge"),
            *("stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"),
            namespace=self.switch,
        )
        ip("link", "set", "br0", "up", namespace=self.switch)
        for name in (*self._names, ROUTER):
            host = Host(name, self.prefix, self.directory, self._sysctls)
            self._removals.append(host.namespace)
            host.build()
            self.hosts[name] = host
        self.router.sysctl("net/ipv4/ping_group_range", "0 0")

    def _remove(self) -> None:
        """Remove every namespace that was begun, the last first, and unwanted files."""
        for name in reversed(self._removals):
            remove_namespace(name)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)
