"""A network on paper, a daemon that answers for it, and calls of ifconfig in this process."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carpio.bsd.ifconfig import run
from carpio.bsd.world import World
from carpio.control.messages import Request, encode_result, parse_request
from carpio.control.network import (
    AddressView,
    Configure,
    ConfigureResult,
    Create,
    GroupView,
    InterfaceView,
    Line,
    Network,
    NetworkRequest,
    SetLink,
)
from carpio.errors import CarpioError

__all__ = ["NETWORK", "Call", "Outcome", "PaperDaemon"]

_ETHERNET_UP = 0x1 | 0x2 | 0x40 | 0x1000 | 0x10000
"""IFF_UP, IFF_BROADCAST, IFF_RUNNING, IFF_MULTICAST, IFF_LOWER_UP of Linux."""
_KEY = b"testpass".ljust(20, b"\0").hex()

NETWORK = Network(
    interfaces=[
        InterfaceView(
            index=1,
            name="lo",
            kind="",
            mac=None,
            flags=0x10049,
            is_ethernet=False,
            has_carrier=True,
            mtu=65536,
            addresses=[
                AddressView(address="127.0.0.1", prefix_length=8),
                AddressView(address="::1", prefix_length=128),
            ],
        ),
        InterfaceView(
            index=2,
            name="em0",
            kind="",
            mac="08:00:27:aa:bb:cc",
            permanent_mac="08:00:27:aa:bb:cc",
            flags=_ETHERNET_UP,
            is_ethernet=True,
            has_carrier=True,
            mtu=1500,
            description="uplink",
            addresses=[
                AddressView(address="10.10.1.11", prefix_length=24, broadcast="10.10.1.255"),
                AddressView(address="10.10.1.20", prefix_length=32, vhid=1),
                AddressView(address="fe80::a00:27ff:feaa:bbcc", prefix_length=64),
                AddressView(address="2001:db8::20", prefix_length=128, vhid=1),
                AddressView(
                    address="2001:db8::77",
                    prefix_length=64,
                    flags=["deprecated", "temporary"],
                    preferred_s=0,
                    valid_s=600,
                ),
            ],
            groups=[
                GroupView(vhid=1, state="MASTER", advbase=1, advskew=0, key=_KEY),
                GroupView(vhid=7, state="INIT", advbase=2, advskew=100),
            ],
        ),
        InterfaceView(
            index=3,
            name="em1",
            kind="",
            mac="02:00:00:00:00:01",
            permanent_mac="08:00:27:aa:bb:cd",
            flags=0x1003,
            is_ethernet=True,
            has_carrier=False,
            mtu=9000,
        ),
        InterfaceView(
            index=4,
            name="bridge0",
            kind="bridge",
            mac="58:9c:fc:10:ff:c4",
            flags=_ETHERNET_UP,
            is_ethernet=True,
            has_carrier=True,
            mtu=1500,
        ),
        InterfaceView(
            index=5,
            name="epair0a",
            kind="veth",
            mac="02:00:00:00:00:0a",
            flags=_ETHERNET_UP | 0x100,
            is_ethernet=True,
            has_carrier=True,
            mtu=1500,
            master="bridge0",
        ),
        InterfaceView(
            index=6,
            name="em0.10",
            kind="vlan",
            mac="08:00:27:aa:bb:cc",
            flags=0x1002,
            is_ethernet=True,
            has_carrier=False,
            mtu=1500,
            parent="em0",
            vlan=10,
        ),
        InterfaceView(
            index=7,
            name="lo1",
            kind="dummy",
            mac="02:00:00:00:00:11",
            flags=0x10083,
            is_ethernet=True,
            has_carrier=True,
            mtu=1500,
        ),
        InterfaceView(
            index=8,
            name="tun0",
            kind="tun",
            mac=None,
            flags=0x10D1,
            is_ethernet=False,
            has_carrier=True,
            mtu=1400,
            addresses=[AddressView(address="10.9.0.1", prefix_length=32, peer="10.9.0.2")],
        ),
    ]
)


@dataclass
class PaperDaemon:
    """Answers `network` and `configure`; `refusal` makes the error line of a `configure`."""

    network: Network = field(default_factory=lambda: NETWORK)
    refusal: bytes | None = None
    """The error of a reply, to be sent with the id of the request."""
    requests: list[Request] = field(default_factory=list)

    def reply(self, line: bytes) -> bytes:
        """Return the answer to one line, or nothing for an unknown request."""
        request_id, request = parse_request(line)
        self.requests.append(request)
        match request:
            case NetworkRequest():
                return encode_result(request_id, self.network)
            case Configure(lines) if self.refusal is None:
                names = [_final_name(line) for line in lines]
                return encode_result(request_id, ConfigureResult(interfaces=names))
            case Configure():
                assert self.refusal is not None
                return b'{"jsonrpc":"2.0","id":%d,"error":%s}\n' % (int(request_id), self.refusal)
            case _:
                return b""

    @property
    def lines(self) -> list[Line]:
        """The lines of all `configure` requests."""
        return [line for one in self.requests if isinstance(one, Configure) for line in one.lines]


def _final_name(line: Line) -> str:
    name = line.interface
    for step in line.steps:
        match step:
            case Create(kind="epair"):
                name = f"{name if name[-1].isdigit() else name + '0'}a"
            case Create(kind=kind) if name == kind:
                name += "1" if kind == "lo" else "0"
            case SetLink(name=str(new)):
                name = new
            case _:
                pass
    return name


@dataclass(frozen=True)
class Outcome:
    """What a call said and how it ended."""

    status: int
    stdout: str
    stderr: str


@dataclass
class Call:
    """Calls ifconfig in a world of its own."""

    control: Path
    root: Path
    stdin: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    """What was done to the world: `start`, `enter NAME`."""

    def __call__(self, argv: Sequence[str]) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        world = World(
            stdin=io.StringIO(self.stdin),
            stdout=out,
            stderr=err,
            environ=self.environ,
            control=self.control,
            enter=self._enter,
            start_daemon=lambda: self.did.append("start"),
            root=self.root,
        )
        status = run(argv, world)
        return Outcome(status, out.getvalue(), err.getvalue())

    def _enter(self, name: str) -> None:
        if name == "nowhere":
            raise CarpioError(f'jail "{name}" not found')
        self.did.append(f"enter {name}")
