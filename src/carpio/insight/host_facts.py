"""What this host is like, read without changing anything; `host` judges it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from carpio.core.model import IpAddress
from carpio.insight.firewall import InterfaceRule, from_iptables_save, from_nft_json
from carpio.wire.constants import CARP_PROTOCOL

__all__ = ["HostFacts", "InterfaceFacts", "gather"]

_PROC: Final = Path("/proc")
_COMMAND_TIMEOUT_S: Final = 5
_RIVAL_PROGRAMS: Final = frozenset({"keepalived", "ucarp", "vrrpd"})
_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_IFF_MULTICAST: Final = 0x1000


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceFacts:
    """One interface of a network namespace."""

    name: str
    kind: str = ""
    """As `ip -details link` calls it; empty for hardware."""
    hardware: int = 1
    """ARPHRD number; 1 is Ethernet."""
    mac: str = ""
    is_up: bool = True
    has_carrier: bool = True
    is_loopback: bool = False
    is_multicast: bool = True
    mtu: int = 1500
    lower: str = ""
    """The interface below a virtual one."""
    master: str = ""
    """The bridge, bond or team of which it is a port."""
    snoops: bool = False
    queries: bool = False
    addresses: tuple[IpAddress, ...] = ()
    settings: Mapping[str, int] = field(default_factory=dict)
    """Such as `ipv6/disable_ipv6`, below conf/NAME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """One network namespace and the kernel under it."""

    interfaces: tuple[InterfaceFacts, ...] = ()
    kernel: tuple[int, int] = (0, 0)
    egress_hook: bool | None = None
    """Whether the kernel was built with it; None if its configuration cannot be read."""
    forwarding: Mapping[int, bool] = field(default_factory=dict)
    """By IP version."""
    rules: tuple[InterfaceRule, ...] = ()
    rivals: tuple[tuple[str, int], ...] = ()
    """Other programs that own protocol 112, with their process ids."""
    unknown: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    def interface(self, name: str) -> InterfaceFacts | None:
        """Return the interface called `name`."""
        return next((each for each in self.interfaces if each.name == name), None)


def gather(netns: str | None) -> HostFacts:
    """Look at a network namespace (None: this one). Raises OSError if it cannot be entered."""
    with ThreadPoolExecutor(max_workers=1) as thread:  # its namespace ends with it
        return thread.submit(_gather_in, netns).result()


def _gather_in(netns: str | None) -> HostFacts:
    if netns is not None:
        from pyroute2.netns import setns

        setns(netns, flags=0)  # the default would create a namespace of that name
    unknown: list[str] = []
    rules = tuple(_firewall_rules(unknown))
    return HostFacts(
        interfaces=_interfaces(),
        kernel=_kernel(),
        egress_hook=_egress_hook(),
        forwarding={
            4: _setting("ipv4/ip_forward") == 1,
            6: _setting("ipv6/conf/all/forwarding") == 1,
        },
        rules=rules,
        rivals=tuple(_rivals(unknown)),
        unknown=tuple(unknown),
    )


def _interfaces() -> tuple[InterfaceFacts, ...]:
    from pyroute2 import IPRoute

    with IPRoute() as route:
        links = list(route.get_links())
        addresses = list(route.get_addr())
    names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in links}
    held: dict[int, list[IpAddress]] = {}
    for entry in addresses:
        text = entry.get_attr("IFA_LOCAL") or entry.get_attr("IFA_ADDRESS")
        held.setdefault(entry["index"], []).append(ip_address(text))
    return tuple(_interface(link, names, tuple(held.get(link["index"], ()))) for link in links)


def _interface(
    link: Any, names: Mapping[int, str], addresses: tuple[IpAddress, ...]
) -> InterfaceFacts:
    name = names[link["index"]]
    info = link.get_attr("IFLA_LINKINFO")
    kind = str(info.get_attr("IFLA_INFO_KIND") or "") if info else ""
    bridge = info.get_attr("IFLA_INFO_DATA") if info and kind == "bridge" else None
    return InterfaceFacts(
        name=name,
        kind=kind,
        hardware=link["ifi_type"],
        mac=str(link.get_attr("IFLA_ADDRESS") or ""),
        is_up=bool(link["flags"] & _IFF_UP),
        has_carrier=link.get_attr("IFLA_CARRIER") == 1,
        is_loopback=bool(link["flags"] & _IFF_LOOPBACK),
        is_multicast=bool(link["flags"] & _IFF_MULTICAST),
        mtu=int(link.get_attr("IFLA_MTU") or 0),
        lower=names.get(link.get_attr("IFLA_LINK"), ""),
        master=names.get(link.get_attr("IFLA_MASTER"), ""),
        snoops=bool(bridge and bridge.get_attr("IFLA_BR_MCAST_SNOOPING")),
        queries=bool(bridge and bridge.get_attr("IFLA_BR_MCAST_QUERIER")),
        addresses=addresses,
        settings={
            "ipv4/rp_filter": _setting(f"ipv4/conf/{name}/rp_filter"),
            "ipv6/disable_ipv6": _setting(f"ipv6/conf/{name}/disable_ipv6"),
        },
    )


def _setting(path: str) -> int:
    """Return a number below /proc/sys/net of this thread's namespace; -1 where there is none."""
    try:
        return int((_PROC / "sys/net" / path).read_text())
    except (OSError, ValueError):
        return -1


def _kernel() -> tuple[int, int]:
    major, minor, *_ = f"{os.uname().release}.0".split(".")
    digits = "".join(c for c in minor if c.isdigit())
    return (int(major), int(digits or 0)) if major.isdigit() else (0, 0)


def _egress_hook() -> bool | None:
    """Return whether CONFIG_NETFILTER_EGRESS is set."""
    try:
        text = Path(f"/boot/config-{os.uname().release}").read_text()
    except OSError:
        return _egress_hook_of_running()
    return "CONFIG_NETFILTER_EGRESS=y" in text.split()


def _egress_hook_of_running() -> bool | None:
    import gzip

    try:
        with gzip.open(_PROC / "config.gz", "rt") as file:
            return "CONFIG_NETFILTER_EGRESS=y" in file.read().split()
    except OSError:
        return None


def _firewall_rules(unknown: list[str]) -> Iterator[InterfaceRule]:
    listing = _output("nft", "-j", "list", "ruleset")
    if isinstance(listing, str) and listing:
        try:
            yield from from_nft_json(listing)
        except ValueError as error:
            unknown.append(f"firewall rules: {error}")
    else:
        unknown.append("firewall rules: nft is not there, or needs root")
    for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
        yield from from_iptables_save((_output(program) or "").splitlines())


def _output(*command: str) -> str | None:
    """Return what a program prints; None if it is not there, fails, or takes too long."""
    path = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/sbin")
    if path is None:
        return None
    try:
        done = subprocess.run(
            (path, *command[1:]),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _rivals(unknown: list[str]) -> Iterator[tuple[str, int]]:
    """Return programs of this namespace that have protocol 112 open, or are known to use it."""
    own = os.getpid()
    try:
        namespace = os.readlink(_PROC / "thread-self/ns/net")
        raw_sockets = {f"socket:[{inode}]" for inode in _raw_inodes()}
    except OSError as error:
        unknown.append(f"other daemons: {error}")
        return
    for directory in sorted(_PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            if int(directory.name) == own or os.readlink(directory / "ns/net") != namespace:
                continue
            name = (directory / "comm").read_text().strip()
            if name in _RIVAL_PROGRAMS or raw_sockets & _open_files(directory):
                yield name, int(directory.name)
        except OSError:  # it ended meanwhile, or is not ours to look at
            continue


def _open_files(directory: Path) -> set[str]:
    found = set()
    for file in (directory / "fd").iterdir():
        try:
            found.add(os.readlink(file))
        except OSError:  # closed meanwhile
            continue
    return found


def _raw_inodes() -> Iterator[str]:
    """Return the inodes of raw sockets of protocol 112 (the "port" of /proc/net/raw)."""
    suffix = f":{CARP_PROTOCOL:04X}"
    for table in ("raw", "raw6"):
        try:
            lines = (_PROC / "thread-self/net" / table).read_text().splitlines()[1:]
        except FileNotFoundError:  # no IPv6
            continue
        yield from (words[9] for words in map(str.split, lines) if words[1].endswith(suffix))
