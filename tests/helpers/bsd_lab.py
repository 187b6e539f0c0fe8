"""The commands of the BSDs on hosts of the lab, as an operator or a script calls them.

a = Console(start(lab["a"], ""))
a("ifconfig eth0 vhid")          # Said(status=1, out="", err="ifconfig: 'vhid' requires ...")
a.did("ifconfig -l")             # what it printed; fails unless it succeeded in silence
a.shell("ifconfig eth0 | grep carp:")    # under their own names, by `carpio bsd-path`
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any, Final, NamedTuple

from tests.helpers.daemon_lab import QUICK
from tests.helpers.life import Film, Node, wait_for

from carpio.lab.implementation import carpio_command
from carpio.wire.auth import Authenticator, Key
from carpio.wire.constants import CARP_LENGTH, Family
from carpio.wire.header import CarpHeader, decode_advertisement
from carpio.wire.packet import Datagram, dissect

__all__ = ["CARP_LINE", "NOBODY", "Console", "Row", "Said", "adverts", "is_signed", "mismatches"]

NOBODY: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CARP_LINE: Final = re.compile(
    r"^\tcarp: (INIT|BACKUP|MASTER) vhid (\d+) advbase (\d+) advskew (\d+)$", re.MULTILINE
)
PASSING: Final = frozenset({"valid_life_time", "preferred_life_time", "deprecated", "tentative"})
"""What the kernel says of addresses that changes by itself."""


class Said(NamedTuple):
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


class Row(NamedTuple):
    """A line to type and what must come of it: status, and patterns for the whole of both texts."""

    line: str
    status: int
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True)
class Console:
    """A shell on a host with a running daemon."""

    node: Node

    def __call__(self, line: str, *, through: tuple[str, ...] = ()) -> Said:
        """Run `carpio LINE`."""
        done = self.node.carpio(*shlex.split(line), through=through)
        return Said(done.returncode, done.stdout, done.stderr)

    def did(self, *lines: str) -> str:
        """Run commands that must succeed in silence; return what the last one printed."""
        out = ""
        for line in lines:
            status, out, err = self(line)
            assert (status, err) == (0, ""), f"`{line}`: {status}, {out}{err}"
        return out

    def shell(self, script: str) -> Said:
        """Run a script of a FreeBSD host, which finds the commands under their own names."""
        path = f'PATH="$({carpio_command()} bsd-path):$PATH"'
        done = subprocess.run(
            ("ip", "netns", "exec", self.node.host.namespace, "sh", "-c", f"{path}\n{script}"),
            env={**os.environ, "CARPIO_CONTROL": str(self.node.daemon.control)},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def make_quick(self) -> Console:
        """Do without duplicate address detection, as an operator in a hurry may."""
        for path, value in QUICK.items():
            self.node.host.sysctl(path, value)
        return self

    # -- what the kernel says --------------------------------------------------------------------

    def links(self) -> dict[str, Any]:
        """Return what `ip link` says, by the name of the interface."""
        found = json.loads(self.node.host.run("ip", "-j", "-d", "link").stdout)
        return {str(link["ifname"]): link for link in found}

    def addresses(self, interface: str) -> list[str]:
        """Return `ADDRESS/LENGTH` of what `ip addr` says that the interface itself has."""
        told = self.node.host.run("ip", "-j", "addr", "show", "dev", interface).stdout
        return [f"{a['local']}/{a['prefixlen']}" for a in json.loads(told)[0]["addr_info"]]

    def kernel(self) -> str:
        """Return all links and addresses, less what changes by itself; to be compared.

        Of the helper devices of groups only that remains what an election does not change.
        """
        told = self.node.host.run("sh", "-c", "ip -j -d link; ip -j addr").stdout
        links, addresses = (json.loads(line) for line in told.splitlines())
        for link in addresses:
            link["addr_info"] = [
                {name: value for name, value in it.items() if name not in PASSING}
                for it in link["addr_info"]
                if not link["ifname"].startswith("carp") or it["scope"] == "global"
            ]
        for link in (*links, *addresses):
            link.pop("promiscuity", None)  # the flag that somebody asked for is among the flags
            link.pop("operstate")  # told by the kernel when it has time, and with it NO-CARRIER
            link["flags"] = [flag for flag in link["flags"] if flag != "NO-CARRIER"]
            link.get("linkinfo", {}).get("info_data", {}).pop("gc_timer", None)
            if link["ifname"].startswith("carp"):
                for name in ("flags", "qdisc"):
                    del link[name]
        return json.dumps([links, addresses], indent=1)

    def shown(self) -> str:
        """Return what `ifconfig -ak` prints, less what passes by itself; to be compared."""
        return self.did("ifconfig -ak").replace(" tentative", "")

    # -- groups as ifconfig shows them -----------------------------------------------------------

    def groups(self, interface: str = "eth0") -> list[tuple[int, int, int]]:
        """Return (vhid, advbase, advskew) in the order of the output."""
        found = CARP_LINE.findall(self.did(f"ifconfig {interface}"))
        return [(int(vhid), int(advbase), int(advskew)) for _, vhid, advbase, advskew in found]

    def state(self, vhid: int = 1, interface: str = "eth0") -> str:
        """Return the state that ifconfig shows; nothing when there is no such group."""
        found = CARP_LINE.findall(self.did(f"ifconfig {interface}"))
        return next((state for state, number, *_ in found if int(number) == vhid), "")

    def inet(self, interface: str = "eth0") -> list[str]:
        """Return the lines of the IPv4 addresses, without `inet` and broadcast."""
        return self._lines(interface, "inet")

    def inet6(self, interface: str = "eth0") -> list[str]:
        """Return the lines of the IPv6 addresses, without `inet6`; link-local ones left out."""
        return [line for line in self._lines(interface, "inet6") if not line.startswith("fe80")]

    def _lines(self, interface: str, family: str) -> list[str]:
        told = self.did(f"ifconfig -f inet:cidr,inet6:cidr {interface} {family}")
        found = re.findall(rf"^\t{family} (.*)$", told, re.MULTILINE)
        return [re.sub(r" broadcast \S+| tentative", "", line) for line in found]

    def key(self, vhid: int = 1, interface: str = "eth0") -> str:
        """Return the key that `ifconfig -k` shows."""
        told = self.did(f"ifconfig -k {interface}")
        match = re.search(rf'^\tcarp: \w+ vhid {vhid} .* key "(.*)"$', told, re.MULTILINE)
        return match[1] if match else ""

    def wait_for(self, state: str, vhid: int = 1, timeout_s: float = 8.0) -> None:
        """Wait until the daemon has the group in that state."""
        self.node.wait_for_state(state, f"{vhid}@eth0", timeout_s)

    def become_master(self, vhid: int = 1) -> None:
        """Let the group be MASTER at once."""
        is_ready = lambda: self.node.state(f"{vhid}@eth0") != "INIT"  # noqa: E731
        wait_for(is_ready, f"{vhid}@eth0 takes part; log: {self.log}")
        deadline = time.monotonic() + 15
        while self.state(vhid) != "MASTER":
            self(f"ifconfig eth0 vhid {vhid} state master")
            assert time.monotonic() < deadline, self.node.daemon.log

    def has_logged(self, *lines: str, after: int = 0) -> None:
        """Wait until the log, from a length on, has exactly these lines of CARP."""
        what = f"the log says {lines}, not {self.said(after)}"
        wait_for(lambda: len(self.said(after)) >= len(lines), what, 5)
        assert self.said(after) == list(lines), self.said(after)

    def said(self, after: int = 0) -> list[str]:
        """Return what CARP logged from a length of the log on."""
        return [line for line in self.log[after:].splitlines() if line.startswith("carp: ")]

    @property
    def log(self) -> str:
        """Everything that the daemon said so far."""
        return self.node.daemon.log


def mismatches(console: Console, rows: Sequence[Row], *, at_once: int = 1) -> list[str]:
    """Type every line; return which came out differently, and how. `err` may be continued.

    `at_once`: how many callers share the work, where the order does not matter.
    """
    with ThreadPoolExecutor(at_once) as pool:
        all_said = pool.map(console, [row.line for row in rows])
    return [
        f"`{row.line}`: wanted {row[1:]}, got {tuple(said)}"
        for row, said in zip(rows, all_said, strict=True)
        if not _is_as_wanted(row, said)
    ]


def _is_as_wanted(row: Row, said: Said) -> bool:
    err = row.err and rf"{row.err}\n(\t.*\n)*"
    return (
        said.status == row.status
        and re.fullmatch(row.out, said.out) is not None
        and re.fullmatch(err, said.err) is not None
    )


# -- what was on the wire ------------------------------------------------------------------------


def adverts(film: Film, host: str, vhid: int = 1) -> list[tuple[int, Family, CarpHeader]]:
    """Return time, family and content of each advertisement of a host, goodbyes left out."""
    found = []
    for frame in film.frames:
        packet = dissect(frame.data) if frame.host == host else None
        if isinstance(packet, Datagram):
            header = decode_advertisement(packet.payload[:CARP_LENGTH], packet.family)
            if header.vhid == vhid and (header.advbase, header.advskew) != (255, 255):
                found.append((frame.time_ns, packet.family, header))
    return found


def is_signed(header: CarpHeader, passphrase: str, *addresses: str) -> bool:
    """Whether the digest is that of the passphrase and exactly these addresses."""
    listed = [ip_interface(address).ip for address in addresses]
    judge = Authenticator(Key.from_passphrase(passphrase), header.vhid, listed)
    return judge.verify(header.counter, header.digest)
