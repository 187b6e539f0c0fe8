"""Runs a scenario once: builds the lab, observes, plays, judges, and writes the result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError
from carpio.lab.actions import Verb
from carpio.lab.assess import Evidence, Port, assess
from carpio.lab.belief import Beliefs
from carpio.lab.facts import (
    configurations_of,
    neighbours_refused,
    topology_of,
    versions_of,
)
from carpio.lab.flood import Flood
from carpio.lab.forger import send_canaries
from carpio.lab.gaps import lateness_percentiles
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.pages import write_pages
from carpio.lab.pcap import merge_to_pcapng
from carpio.lab.peers import Peer, peer_named
from carpio.lab.plan import Plan
from carpio.lab.ports import check_delay
from carpio.lab.probe import DEFAULT_RATE, Probe
from carpio.lab.result import (
    RESULT_FILE,
    CapturedPort,
    Kind,
    Observers,
    Result,
    ScenarioFacts,
    write_result,
)
from carpio.lab.scenario import Scenario
from carpio.lab.stage import Stage
from carpio.lab.topology import HARDENED, KERNEL_DEFAULTS, Lab, check_installed
from carpio.lab.transfer import TransferUnderWay

__all__ = ["CAPTURE_FILE", "Options", "check_tools", "peers_for", "run_scenario"]

CAPTURE_FILE: Final = "capture.pcapng"
MOST_PROBED: Final = 4
MOST_FLOODED: Final = 12
SCARCE: Final = 65_536
"""Free bytes of a disk that is as good as full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a scenario is run."""

    directory: Path
    implementations: Mapping[str, str]
    """By host; that of the empty name is for all others."""
    sysctls: str = "default"
    keep_capture: bool = True
    command: str = ""


def peers_for(scenario: Scenario, chosen: Mapping[str, str]) -> dict[str, Peer]:
    """Return the peer of each host: as chosen, else as the scenario says, else carpio.

    Raises:
        CarpioError: there is no such implementation, or they cannot hear each other.
    """
    peers = {}
    for host in scenario.plan.hosts:
        said = scenario.implementations.get(host.name)
        peers[host.name] = peer_named(chosen.get(host.name) or chosen.get("") or said or "carpio")
    if len({peer.is_vrrp for peer in peers.values()}) > 1:
        raise CarpioError("hosts with CARP and hosts with VRRP never hear each other; choose one")
    return peers


def check_tools(peers: Mapping[str, Peer]) -> None:
    """Check that what the lab and the peers need is installed. Raises PlatformError."""
    needs = (need for peer in peers.values() for need in peer.needs)
    check_installed(tuple(dict.fromkeys(("ip", "tcpdump", "nft", *needs))))


def run_scenario(scenario: Scenario, options: Options, say: Callable[[str], None]) -> Result:
    """Play a scenario in a new lab, judge it, and write the result beside the capture.

    Raises:
        CarpioError: it cannot run here.
    """
    peers = peers_for(scenario, options.implementations)
    if any(peer.name == "ucarp" for peer in peers.values()):
        scenario = scenario.without_ipv6()
        if not scenario.plan.groups:
            raise CarpioError("ucarp knows IPv4 only; choose a scenario with IPv4 addresses")
    check_tools(peers)
    sysctls = HARDENED if options.sysctls == "hardened" else KERNEL_DEFAULTS
    with _disk_explained(options.directory):
        with Lab(plan=scenario.plan, sysctls=sysctls, out=options.directory) as lab:
            if scenario.does(Verb.DELAY):
                check_delay(lab.switch, lab.router.port)
            evidence = _Observation(lab, scenario, peers, options).of_play(say)
        say("judging")
        result = assess(evidence)
        if options.keep_capture:
            merge_to_pcapng(evidence.files, options.directory / CAPTURE_FILE)
        for path in evidence.files.values():
            path.unlink()
        write_result(result, options.directory / RESULT_FILE)
        if write_pages(result, options.directory, say):
            say(f"report: {options.directory / 'report.html'}")
    return result


@contextmanager
def _disk_explained(directory: Path) -> Iterator[None]:
    """Raise CarpioError when a run fails because a file could not be written, or is not there."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or directory}: {error.strerror}"
        if directory.exists() and shutil.disk_usage(directory).free < SCARCE:
            what = f"the disk of {directory} is full"
        raise CarpioError(
            f"{what}; make room, or choose another --out, and run it again"
        ) from error


class _Observation:
    """One lab that is observed while its scenario is played."""

    def __init__(
        self, lab: Lab, scenario: Scenario, peers: Mapping[str, Peer], options: Options
    ) -> None:
        self._lab = lab
        self._scenario = scenario
        self._peers = peers
        self._options = options
        self._beliefs = Beliefs(lab)
        self._capture = Capture(lab)
        self._probe = Probe(lab, _probed(scenario))
        self._flood = Flood(lab, scenario.flood_hz, _flooded(scenario.plan))
        self._transfers: list[TransferUnderWay] = []
        if scenario.transfer:
            client, server = (lab[name] for name in scenario.transfer)
            address = ip_address(scenario.probes[0])
            self._transfers.append(TransferUnderWay(client, server, address))

    def of_play(self, say: Callable[[str], None]) -> Evidence:
        """Play; return all that was observed."""
        topology = topology_of(self._lab, self._scenario.plan, self._peers)
        ports = _ports(self._lab)
        refused_before = neighbours_refused()
        watch = AdvertWatch(self._lab)
        stage = Stage(self._lab, watch, self._scenario, self._peers)
        try:
            with ExitStack() as observers:
                observers.enter_context(self._beliefs)
                observers.enter_context(self._capture)
                sent = send_canaries(_canary_places(self._lab))
                observers.enter_context(self._probe)
                observers.enter_context(self._flood)
                for transfer in self._transfers:
                    observers.enter_context(transfer)
                played = stage.play(lambda event: say(event.title))
                sent += send_canaries(_canary_places(self._lab))
        finally:
            watch.close()
        return Evidence(
            scenario=self._scenario,
            facts=self._facts(),
            topology=topology,
            is_vrrp=any(peer.is_vrrp for peer in self._peers.values()),
            played=played,
            started_ns=stage.started_ns,
            ports=ports,
            files=self._capture.files,
            records=self._probe.records,
            prober_mac=self._lab.router.mac,
            moves=tuple(self._beliefs.moves()),
            learnt=tuple(self._beliefs.learnt()),
            bridges={bridge: switch for switch, bridge in self._lab.bridges.items()},
            versions=versions_of(self._peers.values()),
            configurations=tuple(configurations_of(self._lab)),
            captures=self._captures(ports),
            capture_file=CAPTURE_FILE if self._options.keep_capture else "",
            canaries_sent=sent,
            transfers=tuple(transfer.result() for transfer in self._transfers),
            observers=self._observers(neighbours_refused() - refused_before),
        )

    def _facts(self) -> ScenarioFacts:
        return ScenarioFacts(
            name=self._scenario.name,
            title=self._scenario.title,
            why=self._scenario.why,
            form=self._scenario.form,
            variant=self._scenario.variant,
            sysctls=self._options.sysctls,
            command=self._options.command,
        )

    def _captures(self, ports: Mapping[str, Port]) -> tuple[CapturedPort, ...]:
        return tuple(
            CapturedPort(
                machine=ports[key].machine,
                port=ports[key].port,
                file=CAPTURE_FILE if self._options.keep_capture else "",
                frames=port.captured,
                dropped=port.dropped,
            )
            for key, port in self._capture.ports.items()
        )

    def _observers(self, refused: int) -> Observers:
        lateness = [lateness_percentiles(record) for record in self._probe.records.values()]
        tcpdumps = {f"tcpdump {key}": port.cpu_s for key, port in self._capture.ports.items()}
        return Observers(
            probe_hz=DEFAULT_RATE,
            flood_hz=self._scenario.flood_hz,
            flood_sent=self._flood.sent,
            prober_late_ms=_worst(lateness),
            cpu_s={**tcpdumps, "probe": self._probe.cpu_s, "flood": self._flood.cpu_s},
            neighbours_refused=refused,
        )


def _worst(lateness: Sequence[tuple[int, int, int]]) -> tuple[float, float, float]:
    median, high, longest = (max(column) / 1e6 for column in zip(*lateness, strict=True))
    return median, high, longest


def _probed(scenario: Scenario) -> tuple[str, ...]:
    """Return what the client probes: as the scenario says, or addresses of its own networks."""
    if scenario.probes:
        return scenario.probes
    client = next(one for one in scenario.plan.machines if one.kind is not Kind.HOST)
    reachable = [group for group in scenario.plan.groups if client.cable_on(group.network)]
    if len(reachable) > MOST_PROBED:
        reachable = [reachable[0], reachable[-1]]
    addresses = [str(address.ip) for group in reachable for address in group.addresses]
    return tuple(addresses[:MOST_PROBED])


def _flooded(plan: Plan) -> tuple[str, ...]:
    """Return addresses of the first network, on which the flooder is."""
    addresses = [
        str(address.ip)
        for group in plan.groups
        if group.network == plan.networks[0].name
        for address in group.addresses
    ]
    return tuple(addresses[:MOST_FLOODED])


def _ports(lab: Lab) -> dict[str, Port]:
    return {
        cable.key: Port(
            machine=host.name,
            network=cable.plan.network,
            switch=cable.plan.switch,
            port=cable.port,
            interface=cable.plan.interface,
            mac=host.mac_of(cable.plan.interface),
            own=frozenset(address.ip.packed for address in cable.plan.addresses),
            is_host=host.plan.kind is Kind.HOST,
        )
        for host in lab.hosts.values()
        for cable in host.cables
    }


def _canary_places(lab: Lab) -> list[tuple[str, str]]:
    """Return where forged claims can be sent from now: interfaces with a carrier."""
    places = []
    for host in lab.hosts.values():
        for cable in host.cables if host.plan.kind is Kind.HOST else ():
            path = f"/sys/class/net/{cable.plan.interface}/carrier"
            if host.run("cat", path, check=False).stdout.strip() == "1":
                places.append((host.namespace, cable.plan.interface))
    return places
