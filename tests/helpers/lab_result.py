"""A result of the lab, made up, with something in every member: for tests of what reads results."""

from __future__ import annotations

from dataclasses import replace

from carpio.lab.result import (
    Cable,
    CapturedPort,
    ClaimCount,
    ClaimDensity,
    Configuration,
    Delivery,
    Event,
    ForwardingChange,
    GapSeen,
    Group,
    GroupOutcome,
    Kind,
    Machine,
    Message,
    NeighbourChange,
    Network,
    Observers,
    Outcome,
    Proof,
    Result,
    Role,
    ScenarioFacts,
    SeenAdvert,
    SeenClaim,
    Silence,
    Topology,
    Transfer,
    Trunk,
)

__all__ = ["a_long_result", "a_result", "named"]

VIP = "10.77.0.100"
VMAC = "00:00:5e:00:01:01"
NIC = "02:00:00:00:00:02"


def a_result() -> Result:
    """Return a run of two events in which host b lied three times."""
    return Result(
        outcome=Outcome.WRONG,
        scenario=ScenarioFacts(
            name="crash",
            title="The master loses power",
            why="Because it will happen.",
            form="short",
            command="carpio lab run crash",
        ),
        started="2026-01-02T03:04:05+00:00",
        started_ns=1_767_323_045_000_000_000,
        duration_s=9.0,
        versions={"kernel": "6.1", "carpio": "0.1"},
        topology=_topology(),
        events=_events(),
        problems=("a loses power: 3 wrong claims",),
        remarks=("a loses power: late",),
        roles=(
            Role(group="1@lan", host="a", start_s=3.0, end_s=6.0, ending="silent"),
            Role(group="1@lan", host="b", start_s=6.4, end_s=9.0, ending="end of run"),
        ),
        adverts=(_advert(3.0, "a", 0), _advert(4.0, "a", 0), _advert(6.4, "b", 100)),
        wrong_claims=(
            SeenClaim(
                at_s=6.5,
                event=2,
                group="1@lan",
                host="b",
                port="port-b",
                kind="ARP reply",
                address=VIP,
                mac=NIC,
                inner_mac=NIC,
                verdict="wrong MAC",
            ),
        ),
        claim_density=(
            _density("right", (401, 640), (60, 40)),
            _density("wrong MAC", (650,), (3,)),
        ),
        silences=(Silence(address=VIP, start_s=4.0, end_s=6.4, lost=2400),),
        forwarding=(
            ForwardingChange(at_s=3.0, switch="lan", mac=VMAC, port="port-a"),
            ForwardingChange(at_s=6.4, switch="lan", mac=VMAC, port="port-b"),
        ),
        neighbours=(_neighbour(3.1, VMAC, is_right=True), _neighbour(6.5, NIC, is_right=False)),
        router_table="Internet  10.77.0.100  0  0200.0000.0002  ARPA  eth0",
        messages=(
            Message(
                at_s=6.5, machine="client", text=f"arp: {VIP} moved from {VMAC} to {NIC} on eth0"
            ),
        ),
        transfers=(
            Transfer(
                client="client", server="a", received=10, longest_stall_ms=2.0, is_complete=True
            ),
        ),
        captures=(
            CapturedPort(machine="a", port="port-a", file="capture.pcapng", frames=100, dropped=0),
        ),
        capture_file="capture.pcapng",
        configurations=(Configuration(machine="a", name="carpio.toml", text="preempt = true"),),
        commands=("carpio lab run crash",),
        proof=Proof(sent=4, seen=4),
        observers=Observers(
            probe_hz=1000, flood_hz=100, flood_sent=900, prober_late_ms=(0.1, 0.5, 2.0)
        ),
    )


def named(text: str) -> Result:
    """Return a run in which every text that can come from outside is `text`."""
    result = a_result()
    event = replace(
        result.events[1], title=text, actions=(text,), problems=(text,), remarks=(text,)
    )
    machine = replace(result.topology.machines[0], name=text, implementation=text)
    topology = replace(
        result.topology,
        title=text,
        picture=text,
        machines=(machine, *result.topology.machines[1:]),
        groups=(replace(result.topology.groups[0], addresses=(text,), macs=(text,)),),
        trunks=(Trunk(name=text, between=("lan", text)),),
    )
    return replace(
        result,
        scenario=replace(result.scenario, name=text, title=text, why=text, variant=text),
        versions={text: text},
        topology=topology,
        events=(result.events[0], event),
        problems=(text,) * 7,
        remarks=(text,),
        wrong_claims=(replace(result.wrong_claims[0], port=text, mac=text, inner_mac=text),),
        neighbours=(replace(result.neighbours[1], machine=text, mac=text),),
        router_table=text,
        messages=(Message(at_s=5.0, machine=text, text=text, count=2),),
        captures=(replace(result.captures[0], machine=text),),
        capture_file=text,
        configurations=(Configuration(machine=text, name=text, text=text),),
        commands=(text,),
    )


def a_long_result(groups: int = 8, duration_s: int = 60, rate: int = 5000) -> Result:
    """Return a run in which every group was asked `rate` times a second, all the time."""
    result = a_result()
    names = [f"{vhid}@lan" for vhid in range(1, groups + 1)]
    first = result.topology.groups[0]
    bins = tuple(range(duration_s * 100))
    wrong = result.wrong_claims[0]
    return replace(
        result,
        duration_s=float(duration_s),
        topology=replace(
            result.topology, groups=tuple(replace(first, name=name) for name in names)
        ),
        events=(
            replace(result.events[0], end_s=duration_s / 2),
            replace(result.events[1], start_s=duration_s / 2, end_s=float(duration_s)),
        ),
        adverts=tuple(
            replace(_advert(float(at), "a", 0), group=name)
            for name in names
            for at in range(duration_s)
        ),
        claim_density=tuple(
            ClaimDensity(
                group=name,
                host=host,
                verdict=verdict,
                bin_s=0.01,
                bins=bins,
                counts=(rate // 100,) * len(bins),
            )
            for name in names
            for host, verdict in (("a", "right"), ("b", "wrong MAC"))
        ),
        wrong_claims=tuple(
            replace(wrong, at_s=number * duration_s / 1000) for number in range(1000)
        ),
        silences=tuple(
            Silence(address=VIP, start_s=number / 10, end_s=number / 10 + 0.01, lost=10)
            for number in range(duration_s * 10)
        ),
        messages=tuple(
            Message(at_s=number / 10, machine="client", text=f"arp: {VIP} moved")
            for number in range(500)
        ),
    )


def _topology() -> Topology:
    return Topology(
        name="pair",
        title="Two hosts and a client on one switch",
        networks=(Network(name="lan", prefixes=("10.77.0.0/24",), switches=("lan",)),),
        trunks=(Trunk(name="trunk", between=("lan", "lan2")),),
        machines=tuple(
            Machine(
                name=name,
                kind=kind,
                cables=(
                    Cable(
                        interface="eth0",
                        switch="lan",
                        port=f"port-{name}",
                        mac=f"02:00:00:00:00:0{number}",
                        addresses=(f"10.77.0.{number}/24",),
                    ),
                ),
                implementation="carpio" if kind is Kind.HOST else "",
            )
            for number, (name, kind) in enumerate(
                (("a", Kind.HOST), ("b", Kind.HOST), ("client", Kind.CLIENT)), 1
            )
        ),
        groups=(
            Group(
                name="1@lan",
                vhid=1,
                network="lan",
                addresses=(f"{VIP}/24",),
                macs=(VMAC,),
                advbase=1,
                advskews={"a": 0, "b": 100},
            ),
        ),
        picture="a   b   client\n|   |   |\n+---lan---+",
    )


def _events() -> tuple[Event, ...]:
    return (
        Event(
            number=1,
            title="both start",
            actions=("start a", "start b"),
            start_s=0.0,
            end_s=4.0,
            outcomes=(GroupOutcome(group="1@lan", expected=("a",), masters=("a",), took_over="a"),),
        ),
        Event(
            number=2,
            title="a loses power",
            actions=("crash a",),
            start_s=4.0,
            end_s=9.0,
            outcomes=(
                GroupOutcome(
                    group="1@lan",
                    expected=("b",),
                    masters=("b",),
                    took_over="b",
                    after_limit_ms=0.7,
                ),
            ),
            gaps=(
                GapSeen(
                    address=VIP,
                    gap_ms=2400.0,
                    limit_ms=2390.6,
                    is_protocols_limit=True,
                    probes=5000,
                    lost=2400,
                ),
            ),
            claims=(
                _claims("ARP reply", VMAC, "right", 100),
                _claims("ARP reply", NIC, "wrong MAC", 3),
                _claims("traffic", NIC, "wrong MAC", 1),
            ),
            deliveries=(Delivery(address=VIP, machine="b", count=2600),),
            problems=("3 wrong claims",),
            remarks=("late",),
        ),
    )


def _claims(kind: str, mac: str, verdict: str, count: int) -> ClaimCount:
    return ClaimCount(group="1@lan", host="b", kind=kind, mac=mac, verdict=verdict, count=count)


def _density(verdict: str, bins: tuple[int, ...], counts: tuple[int, ...]) -> ClaimDensity:
    return ClaimDensity(
        group="1@lan", host="b", verdict=verdict, bin_s=0.01, bins=bins, counts=counts
    )


def _advert(at_s: float, host: str, skew: int) -> SeenAdvert:
    return SeenAdvert(
        at_s=at_s,
        group="1@lan",
        host=host,
        family=4,
        protocol="CARP",
        interval_s=1.0,
        skew=skew,
        mac=VMAC,
    )


def _neighbour(at_s: float, mac: str, *, is_right: bool) -> NeighbourChange:
    return NeighbourChange(
        at_s=at_s, machine="client", interface="eth0", address=VIP, mac=mac, is_right=is_right
    )
