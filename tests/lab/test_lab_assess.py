from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.helpers.lab import NIC, advert, arp
from tests.helpers.lab_result import a_result

from carpio.lab.assess import Evidence, assess
from carpio.lab.belief import Learnt, Moved
from carpio.lab.forger import CANARY_ADDRESS, CANARY_MAC, claim_of
from carpio.lab.gaps import ProbeRecord
from carpio.lab.hearing import Port
from carpio.lab.pcap import FILE_HEADER, FRAME_HEADER, NANOSECOND_MAGIC
from carpio.lab.result import CapturedPort, Outcome, Transfer
from carpio.lab.scenario import SHORT, Event, Scenario, find_topology
from carpio.lab.stage import Played

MS = 1_000_000
S = 1000 * MS
START = 1_767_323_045 * S
VMAC = "00:00:5e:00:01:01"
CANARY = claim_of(CANARY_ADDRESS, CANARY_MAC)
ADVERTS = tuple((START + at * S, advert()) for at in range(3))


def event() -> Event:
    return Event(
        title="a starts",
        actions=(),
        masters=("a",),
        takeover=True,
        watch_s=0.0,
        gap_ms=None,
        has_service_before=False,
        apart=(),
        known="",
    )


def port(machine: str, *, is_host: bool) -> Port:
    return Port(
        machine=machine,
        network="lan",
        switch="lan",
        port=f"port-{machine}",
        interface="eth0",
        mac=NIC,
        own=frozenset(),
        is_host=is_host,
    )


def evidence(tmp_path: Path, *frames: tuple[int, bytes], canaries: int = 1) -> Evidence:
    """What was observed of three seconds in which a host a is alone; `frames` are what it sent."""
    file = tmp_path / "a.pcap"
    with file.open("wb") as sink:
        sink.write(FILE_HEADER.pack(NANOSECOND_MAGIC, 2, 4, 0, 0, 65535, 1))
        for time_ns, frame in sorted(frames):
            sink.write(FRAME_HEADER.pack(time_ns // S, time_ns % S, len(frame), len(frame)))
            sink.write(frame)
    result = a_result()
    sent = [START + at * MS for at in range(3000)]
    return Evidence(
        scenario=replace(Scenario.bare(find_topology("pair"), SHORT), events=(event(),)),
        facts=result.scenario,
        topology=result.topology,
        is_vrrp=False,
        played=(Played(event(), START, START, START + 3 * S),),
        started_ns={"a": [START]},
        ports={"a": port("a", is_host=True), "client": port("client", is_host=False)},
        files={"a": file},
        records={"10.77.0.100": ProbeRecord(sent, [t + 1 if t > START + S else 0 for t in sent])},
        prober_mac=NIC,
        moves=(Moved(time_ns=START + S, bridge="br0", mac=VMAC, port="port-a"),),
        learnt=(
            Learnt(
                time_ns=START + S,
                machine="client",
                interface="eth0",
                address="10.77.0.100",
                mac=VMAC,
            ),
        ),
        bridges={"br0": "lan"},
        versions={},
        configurations=(),
        captures=(CapturedPort(machine="a", port="port-a", file="", frames=9, dropped=0),),
        capture_file="",
        canaries_sent=canaries,
        transfers=(),
        observers=result.observers,
    )


def test_implementation_that_ended_by_itself_makes_a_run_wrong(tmp_path: Path) -> None:
    observed = evidence(tmp_path, *ADVERTS)
    (played,) = observed.played
    told = "a: carpio ended with status 2: no such key"
    result = assess(replace(observed, played=(replace(played, problems=(told,)),)))
    assert result.outcome is Outcome.WRONG
    assert result.events[0].problems[0] == told
    assert result.problems[0] == f"a starts: {told}"


def test_neighbours_for_whom_the_kernel_had_no_room_are_told(tmp_path: Path) -> None:
    observed = evidence(tmp_path, *ADVERTS, (START - S, CANARY))
    observers = replace(observed.observers, neighbours_refused=2628)
    result = assess(replace(observed, observers=observers))
    assert result.outcome is Outcome.RIGHT
    (remark,) = set(result.remarks) - set(assess(observed).remarks)
    assert "no room for a neighbour 2,628 times" in remark
    assert "net.ipv4.neigh.default.gc_thresh3" in remark


def test_run_without_problems_whose_canaries_were_seen_is_right(tmp_path: Path) -> None:
    result = assess(evidence(tmp_path, *ADVERTS, (START - S, CANARY), (START + S, arp())))
    assert (result.outcome, result.problems) == (Outcome.RIGHT, ())
    assert (result.proof.sent, result.proof.seen) == (1, 1)
    assert result.count("right") == 1


def test_run_whose_canaries_were_not_all_seen_proves_nothing(tmp_path: Path) -> None:
    result = assess(evidence(tmp_path, *ADVERTS, (START - S, CANARY), canaries=2))
    assert result.outcome is Outcome.UNPROVED
    assert "of 2 forged claims the judge saw 1" in result.problems[0]


def test_run_without_a_canary_proves_nothing(tmp_path: Path) -> None:
    assert assess(evidence(tmp_path, *ADVERTS, canaries=0)).outcome is Outcome.UNPROVED


def test_frames_that_the_kernel_dropped_are_told_and_prove_nothing(tmp_path: Path) -> None:
    seen = evidence(tmp_path, *ADVERTS, (START - S, CANARY))
    lossy = replace(seen, captures=(replace(seen.captures[0], dropped=3),))
    result = assess(lossy)
    assert (result.outcome, result.dropped) == (Outcome.UNPROVED, 3)
    assert result.problems == ("the captures lost 3 frames: nothing is proved",)


def test_wrong_claim_makes_a_run_wrong_whatever_else_there_is(tmp_path: Path) -> None:
    lie = (START + S, arp(mac=NIC, source=NIC))
    result = assess(evidence(tmp_path, *ADVERTS, lie, canaries=0))
    assert result.outcome is Outcome.WRONG
    (claim,) = result.wrong_claims
    assert (claim.at_s, claim.event, claim.host, claim.port) == (1.0, 1, "a", "port-a")
    assert (claim.mac, claim.verdict) == (NIC.hex(":"), "wrong MAC")


def test_transfer_that_broke_off_is_a_problem(tmp_path: Path) -> None:
    broken = Transfer(
        client="client", server="server", received=9, longest_stall_ms=1.0, is_complete=False
    )
    seen = replace(evidence(tmp_path, *ADVERTS, (START - S, CANARY)), transfers=(broken,))
    assert assess(seen).problems == ("the TCP transfer server to client broke off",)


def test_result_tells_roles_silences_and_what_switch_and_client_believed(tmp_path: Path) -> None:
    result = assess(evidence(tmp_path, *ADVERTS, (START - S, CANARY)))
    (role,) = result.roles
    assert (role.host, role.start_s, role.end_s, role.ending) == ("a", 0.0, 3.0, "end of run")
    (silence,) = result.silences
    assert (silence.start_s, silence.end_s, silence.lost) == (0.0, 1.001, 1001)
    assert [(c.switch, c.port) for c in result.forwarding] == [("lan", "port-a")]
    assert [(c.mac, c.is_right) for c in result.neighbours] == [(VMAC, True)]
    assert "0000.5e00.0101" in result.router_table
    assert [advert.at_s for advert in result.adverts] == [0.0, 1.0, 2.0]
