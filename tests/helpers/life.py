"""Life with real daemons: configurations as text, what a daemon says, what the switch saw.

node = start(lab["a"], config(group(advskew=0), preempt=True))
node.become_master()
...
film = Film(capture)            # after the capture's block
assert film.claims("a", after=silent_ns) == []
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final

from tests.helpers.one_wire import GroupAddresses, Judge, heard_adverts, host_frames

from carpio.control.client import ControlClient
from carpio.errors import ControlError
from carpio.lab.court import Verdict
from carpio.lab.gaps import ProbeRecord
from carpio.lab.implementation import Group, carpio_command
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.roles import HeardAdvert, Mastership
from carpio.lab.sighting import Claim, Kind, sight
from carpio.lab.topology import DaemonProcess, Host, Lab
from carpio.runtime.namespace import Namespace

__all__ = [
    "DEAD_MAN_NS",
    "SECOND_NS",
    "SHARED4",
    "SHARED6",
    "Film",
    "Node",
    "Spoken",
    "answers",
    "config",
    "footprint",
    "freeze_after_advert",
    "group",
    "kept_by",
    "lost",
    "start",
    "wait_for",
    "write_config",
]

SHARED4: Final = "10.77.0.100/24"
SHARED6: Final = "2001:db8:77::100/64"
SECOND_NS: Final = 1_000_000_000
DEAD_MAN_NS: Final = 2_900_000_000
"""At advbase 1, from the last advertisement (design of the datapath, 3.5)."""
POLL_S: Final = 0.01


def group(
    *addresses: str,
    vhid: int = 1,
    interface: str = "eth0",
    advskew: int = 0,
    passphrase: str = "carpio life",
    **more: str | int | bool,
) -> str:
    """Return a `[[vhid]]` table; without `addresses` it has the shared IPv4 address."""
    values: dict[str, str | int | bool] = {
        "id": vhid,
        "interface": interface,
        "passphrase": passphrase,
        "advskew": advskew,
        **more,
    }
    listed = json.dumps(list(addresses or (SHARED4,)))
    return "[[vhid]]\n" + _lines(values) + f"addresses = {listed}\n"


def config(*groups: str, **options: str | int | bool) -> str:
    """Return a configuration file; `options` are its top level."""
    return _lines(options) + "".join(groups)


def _lines(values: dict[str, str | int | bool]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def wait_for(is_true: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Wait until the condition holds; fail, naming `what`, when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(POLL_S)


def write_config(host: Host, text: str) -> Path:
    """Write the configuration file of a host, readable by its owner alone."""
    path = host.directory / "carpio.toml"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def kept_by(host: Host) -> Path:
    """Return where the daemon of a host keeps what was configured at run time."""
    return Path("/run/carpio") / f"kept-{Namespace(host.namespace).identity}.json"


def lost(record: ProbeRecord) -> list[int]:
    """Return when probes were sent that were not answered; the first ones only resolve the MAC."""
    return [
        sent
        for sent, answered in list(zip(record.sent, record.answered, strict=True))[50:]
        if not answered
    ]


@dataclass(frozen=True, slots=True)
class Node:
    """A host with its running daemon."""

    host: Host
    daemon: DaemonProcess

    def ask(self, method: str, **parameters: object) -> Any:
        """Return the daemon's answer. Raises ControlError."""
        with ControlClient(self.daemon.control) as client:
            return client.call(method, **parameters)

    def view(self, name: str = "1@eth0") -> Any:
        """Return what `status` says of one group."""
        return next(vhid for vhid in self.ask("status")["vhids"] if vhid["name"] == name)

    def state(self, name: str = "1@eth0") -> str:
        """Return the state of one group."""
        return str(self.view(name)["state"])

    def wait_for_state(self, state: str, name: str = "1@eth0", timeout_s: float = 10.0) -> None:
        """Wait until the group is in that state."""
        what = f"{self.host.name} {name} {state}; its log: {self.daemon.log}"
        wait_for(lambda: self.state(name) == state, what, timeout_s)

    def become_master(self, name: str = "1@eth0") -> None:
        """Force the group to be MASTER as soon as the host may hold it."""
        self.daemon.wait_for_log(rf"carp: .*{name}: INIT -> BACKUP")

        def is_accepted() -> bool:
            try:
                return bool(self.ask("state", name=name, state="master")["state"] == "MASTER")
            except ControlError:  # refused until duplicate address detection is over
                return False

        wait_for(is_accepted, f"{self.host.name} {name} MASTER")

    def transitions(self) -> list[str]:
        """Return the changes of state that it logged, in the log's words."""
        return [line for line in self.daemon.log.splitlines() if " -> " in line]

    def carpio(self, *arguments: str, through: tuple[str, ...] = ()) -> Any:
        """Run a `carpio` command on the host, possibly `through` another; return its result."""
        command = (
            *("ip", "netns", "exec", self.host.namespace, *through),
            *(str(carpio_command()), *arguments),
        )
        environment = {**os.environ, "CARPIO_CONTROL": str(self.daemon.control)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=20
        )

    def reload(self, text: str) -> None:
        """Let the daemon use another configuration. Raises ControlError."""
        write_config(self.host, text)
        self.ask("reload")


def start(host: Host, text: str) -> Node:
    """Start a daemon and wait until it answers."""
    write_config(host, text)
    node = Node(host, host.start_carpio(text))
    wait_for(lambda: answers(node), f"the daemon of {host.name} answers")
    return node


def answers(node: Node) -> bool:
    """Whether the daemon answers; fail when it ended."""
    if not node.daemon.child.is_running:
        raise AssertionError(f"the daemon of {node.host.name} ended: {node.daemon.log}")
    try:
        node.ask("version")
    except ControlError:
        return False
    return True


def freeze_after_advert(lab: Lab, node: Node) -> None:
    """Stop the daemon right after one of its advertisements."""
    watch = AdvertWatch(lab)
    try:
        assert watch.wait_for(lambda host, _: host == node.host.name, 2)
    finally:
        watch.close()
    node.daemon.stop()


@dataclass(frozen=True, slots=True)
class Spoken:
    """A claim of a shared address, as it came into the switch."""

    time_ns: int
    host: str
    claim: Claim
    verdict: Verdict


class Film:
    """What hosts sent while a capture ran, in order of time."""

    def __init__(
        self, capture: Capture, *addresses: str, vhid: int = 1, is_whole: bool = True
    ) -> None:
        """Read the files. `is_whole`: fail when the capture lost a frame."""
        assert not (is_whole and capture.dropped), f"the capture lost {capture.dropped} frames"
        listed = tuple(ip_interface(text) for text in addresses or (SHARED4,))
        self.group = Group(vhid=vhid, addresses=listed)
        self.frames = list(host_frames(capture.files))
        packed = frozenset(address.ip.packed for address in listed)
        self.heard: list[HeardAdvert] = list(heard_adverts(self.frames, vhid))
        self._judge = Judge(GroupAddresses(vhid, packed), self.heard)
        self.all_claims = [
            Spoken(found.time_ns, found.host, found.claim, found.verdict)
            for frame in self.frames
            if isinstance(seen := sight(frame.data), Claim)
            and (found := self._judge.judge(frame.time_ns, frame.host, seen))
        ]

    def adverts(self, host: str, after: int = 0) -> list[HeardAdvert]:
        """Return what the host advertised, bow-outs left out."""
        return [h for h in self._said(host, after) if not h.advert.is_bow_out]

    def bow_outs(self, host: str) -> list[HeardAdvert]:
        """Return the goodbyes of the host."""
        return [h for h in self._said(host, 0) if h.advert.is_bow_out]

    def _said(self, host: str, after: int) -> list[HeardAdvert]:
        return [h for h in self.heard if h.host == host and h.time_ns > after]

    def claims(self, host: str, after: int = 0, before: int | None = None) -> list[Spoken]:
        """Return the claims (and packets from the addresses) that the host sent in a time."""
        return [
            spoken
            for spoken in self.all_claims
            if spoken.host == host
            and spoken.time_ns > after
            and (before is None or spoken.time_ns < before)
        ]

    def masterships(self) -> tuple[Mastership, ...]:
        """Return who was master when, told from the advertisements."""
        return self._judge.masterships

    @property
    def wrong(self) -> list[Spoken]:
        """All claims that should not have been made, packets from the addresses left out."""
        return [
            spoken
            for spoken in self.all_claims
            if spoken.verdict is not Verdict.RIGHT and spoken.claim.kind is not Kind.TRAFFIC
        ]


def footprint(host: Host) -> dict[str, str]:
    """Return everything on a host that a daemon could leave behind, by name.

    Waits until duplicate address detection is over, which changes addresses and routes.
    """
    tentative = ("ip", "-o", "-6", "addr", "show", "tentative")
    wait_for(lambda: not host.run(*tentative).stdout, f"addresses of {host.name} are settled")
    identity = Namespace(host.namespace).identity
    commands = {
        "links": "ip -d -o link",
        "addresses": "ip -o addr",
        "groups": "ip maddr show dev eth0",
        "rules": "ip rule; ip -6 rule",
        "routes": "ip route show table all; ip -6 route show table all",
        "firewall": "nft list ruleset",
        "settings": "grep -rs . /proc/sys/net/ipv[46]/conf /proc/sys/net/ipv[46]/neigh",
        "state file": f"ls /run/carpio | grep netns-{identity}.json",
        "socket": f"ls {host.directory}/control.sock",
    }
    return {what: host.run("sh", "-c", line, check=False).stdout for what, line in commands.items()}
