"""What switches and neighbours believe, over time: their tables, as the kernel reports each change.

A switch's table is that of the bridge, a router's or client's is its neighbour table. Both are
what this kernel really did, not what the frames should have led to.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final

from carpio.lab.process import Child
from carpio.lab.topology import Lab

__all__ = ["Beliefs", "Learnt", "Moved", "read_forwarding", "read_neighbours", "router_table"]

STAMP: Final = r"\[(?P<at>[0-9T:.-]+)\]\s*(?P<gone>Deleted )?"
LONG_STAMP: Final = re.compile(r"Timestamp: (.*?) (\d+) usec")
FORWARDING: Final = re.compile(
    r"(?P<gone>Deleted )?(?P<mac>[0-9a-f:]{17}) dev (?P<port>\S+) .*\bmaster (?P<bridge>\S+)"
)
NEIGHBOUR: Final = re.compile(
    STAMP + r"(?P<address>\S+) dev (?P<interface>\S+)(?: lladdr (?P<mac>[0-9a-f:]{17}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A switch learnt a MAC at a port of it, or forgot it (empty port)."""

    time_ns: int
    bridge: str
    mac: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A machine came to believe that an address has a MAC, or forgot it (empty MAC)."""

    time_ns: int
    machine: str
    interface: str
    address: str
    mac: str


class Beliefs:
    """Watches the tables while the `with` block runs."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Beliefs:
        stamped = ("env", "TZ=UTC", "LC_ALL=C")
        self._start("", self._lab.switch, (*stamped, "bridge", "-t", "monitor", "fdb"))
        self._began_ns = time.time_ns()
        shown = ("bridge", "-n", self._lab.switch, "fdb", "show")
        self._before = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
        for machine in self._lab.others:
            command = (*stamped, "ip", "-ts", "monitor", "neigh")
            self._start(machine.name, machine.namespace, command)
        return self

    def _start(self, name: str, namespace: str, command: tuple[str, ...]) -> None:
        log = self._lab.directory / f"beliefs{'-' if name else ''}{name}.log"
        log.unlink(missing_ok=True)
        self._children[name] = Child(command, namespace=namespace, log=log)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for child in self._children.values():
            child.terminate()

    def moves(self) -> Iterator[Moved]:
        """Yield what the switches learnt."""
        yield from read_forwarding(self._before + self._children[""].log, self._began_ns)

    def learnt(self) -> Iterator[Learnt]:
        """Yield what the routers and clients learnt, machine by machine."""
        for name, child in self._children.items():
            if name:
                yield from read_neighbours(child.log, name)

    def remove_files(self) -> None:
        """Remove the logs, once they were read."""
        for child in self._children.values():
            Path(child.log_path).unlink(missing_ok=True)


def read_forwarding(log: str, began_ns: int) -> Iterator[Moved]:
    """Yield each change that `bridge -t monitor fdb` told, with TZ=UTC.

    Lines before the first time stamp are entries that were there at `began_ns`.
    """
    known: dict[tuple[str, str], str] = {}
    time_ns = began_ns
    for line in log.splitlines():
        if stamp := LONG_STAMP.match(line):
            moment = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
            time_ns = int(moment.timestamp()) * 1_000_000_000 + int(stamp[2]) * 1000
        match = FORWARDING.match(line)
        if match is None or {"permanent", "self"} & set(line.split()):
            continue
        mac, port = match["mac"], "" if match["gone"] else match["port"]
        place = match["bridge"], mac
        if known.get(place, "") != port:
            known[place] = port
            yield Moved(time_ns=time_ns, bridge=match["bridge"], mac=mac, port=port)


def read_neighbours(log: str, machine: str) -> Iterator[Learnt]:
    """Yield each change of a MAC that `ip -ts monitor neigh` told, with TZ=UTC."""
    known: dict[tuple[str, str], str] = {}
    for match in map(NEIGHBOUR.match, log.splitlines()):
        if match is None:
            continue
        place = match["interface"], match["address"]
        mac = "" if match["gone"] else match["mac"] or ""
        if known.get(place, "") != mac:
            known[place] = mac
            yield Learnt(
                time_ns=_nanoseconds(match["at"]),
                machine=machine,
                interface=match["interface"],
                address=match["address"],
                mac=mac,
            )


def _nanoseconds(stamp: str) -> int:
    moment = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def router_table(entries: Mapping[tuple[str, str], tuple[str, int]], now_ns: int) -> str:
    """Return (interface, address) -> (MAC, since when) as a router prints its ARP table."""
    lines = [
        "Protocol  Address                         Age (min)  Hardware Addr   Type   Interface"
    ]
    for (interface, address), (mac, since_ns) in sorted(
        entries.items(), key=lambda item: (item[0][0], ip_address(item[0][1]).packed)
    ):
        protocol = "Internet" if ip_address(address).version == 4 else "IPv6"
        digits = mac.replace(":", "")
        dotted = ".".join(digits[at : at + 4] for at in (0, 4, 8))
        age = max(0, now_ns - since_ns) // 60_000_000_000
        lines.append(f"{protocol:<8}  {address:<30}  {age:>9}  {dotted}  ARPA   {interface}")
    return "\n".join(lines)
