"""The lab's network: switches and machines as a plan says, and by default this one:

        host a        host b       (host c)       router (also the client)
        eth0          eth0          eth0          eth0
          |             |             |             |
        port-a        port-b        port-c        port-router
        +-------------------- br0 -----------------------+

All its addresses lie in 10.77.0.0/24 and 2001:db8:77::/64. All switches are bridges in one
namespace; they snoop nothing and forward at once. Everything goes when the `with` block ends,
however it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from pathlib import Path
from types import MappingProxyType, TracebackType

from carpio.errors import PlatformError
from carpio.lab.host import DaemonProcess, Host
from carpio.lab.implementation import Interface
from carpio.lab.namespaces import (
    INSIDE,
    add_namespace,
    free_prefix,
    ip,
    remove_leftovers,
    remove_namespace,
)
from carpio.lab.plan import Plan, row_of_hosts
from carpio.lab.result import Kind

__all__ = [
    "HARDENED",
    "KERNEL_DEFAULTS",
    "ROUTER",
    "SHARED_ADDRESSES",
    "SHARED_TARGETS",
    "DaemonProcess",
    "Host",
    "Lab",
    "check_installed",
    "check_requirements",
]

ROUTER = "router"
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
    if os.geteuid() != 0 and not os.environ.get(INSIDE):
        raise PlatformError("the lab makes network namespaces", remedy="run it as root: sudo ...")
    check_installed(commands)


def check_installed(commands: Sequence[str]) -> None:
    """Check that commands are there. Raises PlatformError with the packages that have them."""
    packages = {
        "ip": "iproute2",
        "tcpdump": "tcpdump",
        "nft": "nftables",
        "ucarp": "ucarp",
        "keepalived": "keepalived",
        "/usr/lib/frr/vrrpd": "frr",
        "unshare": "util-linux",
        "podman": "podman",
        "busybox": "busybox-static",
    }
    missing = [packages[name] for name in commands if shutil.which(name) is None]
    if missing:
        raise PlatformError(
            f"the lab needs {' and '.join(missing)}",
            remedy=f"apt-get install --no-install-recommends {' '.join(missing)}",
        )


class Lab:
    """Machines and switches; a context manager that leaves nothing behind.

    What is built is `plan`, or else a row of `hosts` and a router on one switch. `out` keeps
    logs and captures; without it they go with the lab.
    """

    def __init__(
        self,
        hosts: Sequence[str] = ("a", "b"),
        *,
        plan: Plan | None = None,
        sysctls: Mapping[str, str] = KERNEL_DEFAULTS,
        out: Path | None = None,
    ) -> None:
        self.plan = plan or row_of_hosts(hosts, ROUTER)
        self.bridges = {name: f"br{number}" for number, name in enumerate(self.plan.switches)}
        self._sysctls = {**KERNEL_DEFAULTS, **sysctls}
        self._keep = out is not None
        self._out = out
        self._removals: list[str] = []
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Lab:
        check_requirements()
        remove_leftovers()
        self.prefix = free_prefix()
        self.directory = self._made()
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
        """The client and the source of floods: the first machine that is no host of a group."""
        return next(iter(self.others))

    @property
    def others(self) -> tuple[Host, ...]:
        """The machines that run no implementation: routers and clients."""
        return tuple(one for one in self.hosts.values() if one.plan.kind is not Kind.HOST)

    def _made(self) -> Path:
        """Make the directory; absolute, because programs are told names of files in it."""
        if self._out is None:
            return Path(tempfile.mkdtemp(prefix="carpio-lab-"))
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            operation = f"make the directory {self._out}"
            remedy = "choose another --out"
            raise PlatformError(operation, errno=error.errno or 0, remedy=remedy) from error
        return self._out.absolute()

    def _build(self) -> None:
        self._removals.append(self.switch)
        add_namespace(self.switch)
        for bridge in self.bridges.values():
            ip(
                *("link", "add", "name", bridge, "type", "bridge"),
                *("stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"),
                namespace=self.switch,
            )
            ip("link", "set", bridge, "up", namespace=self.switch)
        for number, trunk in enumerate(self.plan.trunks):
            ends = f"trunk{number}-l", f"trunk{number}-r"
            ip("link", "add", ends[0], "type", "veth", "peer", ends[1], namespace=self.switch)
            for end, switch in zip(ends, trunk.between, strict=True):
                master = self.bridges[switch]
                ip("link", "set", end, "master", master, "up", namespace=self.switch)
        for plan in self.plan.machines:
            host = Host(plan, self.prefix, self.directory, self._sysctls, self.bridges)
            self._removals.append(host.namespace)
            host.build()
            self.hosts[plan.name] = host
        for host in self.others:
            host.sysctl("net/ipv4/ping_group_range", f"{os.getegid()} {os.getegid()}")

    def _remove(self) -> None:
        """Remove every namespace that was begun, the last first, and unwanted files."""
        for name in reversed(self._removals):
            remove_namespace(name)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)
