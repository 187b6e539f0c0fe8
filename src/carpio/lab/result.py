"""The result of one run as data: all that a report needs, and nothing that it must look up.

One JSON document, `result.json`. Times are seconds since `started_ns`, which is the moment when the
first event began; what happened before it has negative times. MAC addresses are written
`00:00:5e:00:01:01`, IP addresses as by Python's ipaddress. docs/reference/lab.md describes each
member; a change that breaks readers raises SCHEMA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Final

import msgspec

from carpio.errors import CarpioError

__all__ = [
    "RESULT_FILE",
    "SCHEMA",
    "Cable",
    "CapturedPort",
    "ClaimCount",
    "ClaimDensity",
    "Configuration",
    "Delivery",
    "Event",
    "ForwardingChange",
    "GapSeen",
    "Group",
    "GroupOutcome",
    "Kind",
    "Machine",
    "Message",
    "NeighbourChange",
    "Network",
    "Observers",
    "Outcome",
    "Proof",
    "Result",
    "Role",
    "ScenarioFacts",
    "SeenAdvert",
    "SeenClaim",
    "Silence",
    "Topology",
    "Transfer",
    "Trunk",
    "read_result",
    "write_result",
]

SCHEMA: Final = 1
RESULT_FILE: Final = "result.json"


@unique
class Outcome(Enum):
    """What a run says in a word."""

    RIGHT = "right"
    WRONG = "wrong"
    """Something happened that must not; `problems` says what."""
    UNPROVED = "unproved"
    """Nothing wrong was seen, but the observers were blind for a while; `problems` says how."""


@unique
class Kind(Enum):
    """What a machine of the lab is for."""

    HOST = "host"
    """Runs an implementation and may hold the addresses."""
    ROUTER = "router"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFacts:
    """What was played."""

    name: str
    title: str
    why: str
    """One paragraph."""
    form: str
    """`short` or `full`."""
    variant: str = ""
    """As chosen, where the scenario has variants."""
    sysctls: str = "default"
    """`default` or `hardened`."""
    command: str = ""
    """Plays it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """An interface of a machine and the port of the switch at its other end."""

    interface: str
    switch: str
    port: str
    mac: str
    addresses: tuple[str, ...] = ()
    """The machine's own, with prefix lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine of the lab."""

    name: str
    kind: Kind
    cables: tuple[Cable, ...]
    implementation: str = ""
    """What runs on a host: carpio, ucarp, keepalived, frr, naive, a command file."""
    is_forwarding: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A segment: one switch, or several connected by trunks."""

    name: str
    prefixes: tuple[str, ...]
    switches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A cable between two switches of a network."""

    name: str
    between: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of addresses. `name` is `VHID@NETWORK`, by which all else refers to it."""

    name: str
    vhid: int
    network: str
    addresses: tuple[str, ...]
    """With prefix lengths."""
    macs: tuple[str, ...]
    """The right ones: one for CARP, one per family for VRRP, the holder's own NICs for ucarp."""
    advbase: int
    advskews: Mapping[str, int]
    """By host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What was built."""

    name: str
    title: str
    networks: tuple[Network, ...]
    trunks: tuple[Trunk, ...]
    machines: tuple[Machine, ...]
    groups: tuple[Group, ...]
    picture: str
    """Drawn with characters, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOutcome:
    """Who held a group at the end of an event."""

    group: str
    expected: tuple[str, ...]
    """Hosts; two where the scenario makes two masters; none where nobody can be."""
    masters: tuple[str, ...]
    took_over: str = ""
    """Host that became master during the event, if any did; the last one."""
    after_limit_ms: float | None = None
    """Its first advert, counted from the earliest moment that the protocol allows; negative: too
    early. None where there is no such moment (a better host may come at any time)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapSeen:
    """What the client's probes of one address saw around an event."""

    address: str
    gap_ms: float
    """Longest time between two answered probes with an unanswered one in between; at least one
    probe interval."""
    limit_ms: float | None = None
    """What the gap may be: by the protocol where a host must be missed first, else by target."""
    is_protocols_limit: bool = False
    prober_paused_ms: float = 0.0
    """Pause of the prober itself within the gap."""
    probes: int = 0
    lost: int = 0
    is_over: bool = True
    """Whether a probe was answered after the last unanswered one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCount:
    """How often a host claimed addresses of a group in one way during an event."""

    group: str
    host: str
    kind: str
    """`ARP request`, `ARP reply`, `gratuitous ARP`, `NS`, `DAD`, `NA`; `traffic` is no claim."""
    mac: str
    """Ethernet source."""
    verdict: str
    """`right`, `wrong MAC`, `right MAC, not master`, `before first advert`, `reverse lie`."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDensity:
    """When a host claimed addresses of a group with one verdict; `traffic` is not counted."""

    group: str
    host: str
    verdict: str
    bin_s: float
    bins: tuple[int, ...]
    """Numbers of the bins that have claims, ascending; bin n begins at n * bin_s."""
    counts: tuple[int, ...]
    """Claims in each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Probes of an address that the switch handed to a machine during an event."""

    address: str
    machine: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was done to the lab, and what came of it until the next."""

    number: int
    """Counts from 1."""
    title: str
    actions: tuple[str, ...]
    """In the words of the scenario: `crash a`."""
    start_s: float
    end_s: float
    outcomes: tuple[GroupOutcome, ...] = ()
    gaps: tuple[GapSeen, ...] = ()
    claims: tuple[ClaimCount, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    problems: tuple[str, ...] = ()
    """Must not be: they make the run wrong."""
    remarks: tuple[str, ...] = ()
    """Targets of time that were missed; a busy machine can cause it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A host's time as MASTER of a group, told from adverts alone."""

    group: str
    host: str
    start_s: float
    end_s: float
    ending: str
    """`another host advertised`, `bow-out`, `silent`, `end of run`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAdvert:
    """An advertisement as it came into the switch."""

    at_s: float
    group: str
    host: str
    family: int
    """4 or 6."""
    protocol: str
    """`CARP` or `VRRP`."""
    interval_s: float
    """CARP: advbase; VRRP: the advertised interval."""
    skew: int
    """CARP: advskew; VRRP: 256 less the priority, so that less is better in both."""
    mac: str
    is_bow_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenClaim:
    """A claim that is not right. The first ones of each event; all are counted in the event."""

    at_s: float
    event: int
    group: str
    host: str
    port: str
    kind: str
    address: str
    mac: str
    inner_mac: str
    """Empty where the frame has none inside."""
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A time without answers from an address, longer than 5 ms."""

    address: str
    start_s: float
    end_s: float
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingChange:
    """A switch learnt where a virtual MAC or a host's MAC is, or forgot it (empty port)."""

    at_s: float
    switch: str
    mac: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourChange:
    """A router or client came to believe that an address has a MAC, or forgot it (empty MAC)."""

    at_s: float
    machine: str
    interface: str
    address: str
    mac: str
    is_right: bool
    """Whether it is a right MAC of the address's group; true for addresses of no group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A kernel message in the words of the BSDs that an operator would see, by the capture."""

    at_s: float
    machine: str
    text: str
    count: int = 1
    """Equal ones that followed are counted, not repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A TCP transfer that ran through everything."""

    client: str
    server: str
    received: int
    """Bytes."""
    longest_stall_ms: float
    is_complete: bool
    """Whether it went on to the end without a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPort:
    """The capture at one port of a switch."""

    machine: str
    port: str
    file: str
    """Relative to the result; the merged file of the run if single ones were not kept."""
    frames: int
    dropped: int
    """Frames that the kernel could not give to the capture: what was in them is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A file or command line that a host's implementation was given; secrets are masked."""

    machine: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Forged frames sent on purpose before and after the events, which the judge had to see."""

    sent: int
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """How well could be observed."""

    probe_hz: int
    flood_hz: int
    """ARP requests, and as many neighbour solicitations, a second, for each address."""
    flood_sent: int
    prober_late_ms: tuple[float, float, float]
    """Median, 99th percentile, maximum of its pauses beyond the interval."""
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    neighbours_refused: int = 0
    """How often this kernel, all of its namespaces together, had no room for a neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run, judged."""

    schema: int = SCHEMA
    outcome: Outcome
    scenario: ScenarioFacts
    started: str
    """ISO 8601, UTC."""
    started_ns: int
    """The same in ns since 1970, to find a time in the capture."""
    duration_s: float
    """From the first event to the end of the last."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Kernel, tools and implementations."""
    topology: Topology
    events: tuple[Event, ...]
    problems: tuple[str, ...] = ()
    """All of them, those of events included, each with its event."""
    remarks: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    adverts: tuple[SeenAdvert, ...] = ()
    wrong_claims: tuple[SeenClaim, ...] = ()
    claim_density: tuple[ClaimDensity, ...] = ()
    silences: tuple[Silence, ...] = ()
    forwarding: tuple[ForwardingChange, ...] = ()
    neighbours: tuple[NeighbourChange, ...] = ()
    router_table: str = ""
    """What `sh ip arp` of a router would show at the end."""
    messages: tuple[Message, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    captures: tuple[CapturedPort, ...] = ()
    capture_file: str = ""
    """All ports in one pcapng file, relative to the result; empty when it was not kept."""
    configurations: tuple[Configuration, ...] = ()
    commands: tuple[str, ...] = ()
    """To play it again and to look at the capture."""
    proof: Proof
    observers: Observers

    @property
    def dropped(self) -> int:
        """Frames that the captures lost."""
        return sum(port.dropped for port in self.captures)

    def count(self, *verdicts: str, traffic: bool = False) -> int:
        """Return how many claims, or other packets, got one of the verdicts in all events."""
        return sum(
            claim.count
            for event in self.events
            for claim in event.claims
            if claim.verdict in verdicts and (claim.kind == "traffic") == traffic
        )


def write_result(result: Result, path: Path) -> None:
    """Write the document."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read_result(path: Path) -> Result:
    """Read a document.

    Raises:
        CarpioError: it is none, or of another schema.
    """
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError) as error:
        raise CarpioError(f"{path}: not a result of the lab: {error}") from error
    if result.schema != SCHEMA:
        raise CarpioError(
            f"{path}: schema {result.schema}, this carpio reads {SCHEMA}; play the scenario again"
        )
    return result
