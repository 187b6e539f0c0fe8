from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.helpers.lab import NIC, VMAC, advert, arp, ipv4

from carpio.lab.court import Docket, group_of
from carpio.lab.forger import CANARY_ADDRESS, CANARY_MAC, claim_of
from carpio.lab.gaps import ProbeRecord
from carpio.lab.hearing import Heard, Port, apart_by_events, hear
from carpio.lab.outcomes import Findings, conclude
from carpio.lab.pcap import FILE_HEADER, FRAME_HEADER, NANOSECOND_MAGIC
from carpio.lab.result import Event as EventResult
from carpio.lab.result import NeighbourChange
from carpio.lab.scenario import Event
from carpio.lab.stage import Played

MS = 1_000_000
S = 1000 * MS
START = 100 * S
LIMIT = START + 3 * S + 100 * S // 256
"""After the last advert of a at START, for b with advskew 100."""
GROUP = group_of(1, "lan", ["10.77.0.100/24"])
VIP = "10.77.0.100"

Frame = tuple[int, str, bytes]


def event(
    *masters: str, apart: Sequence[str] = (), gap_ms: float | None = None, known: str = ""
) -> Event:
    return Event(
        title="it happens",
        actions=(),
        masters=masters,
        takeover=True,
        watch_s=0.0,
        gap_ms=gap_ms,
        has_service_before=True,
        apart=tuple(apart),
        known=known,
    )


def port(host: str) -> Port:
    return Port(
        machine=host,
        network="lan",
        switch="lan",
        port=f"port-{host}",
        interface="eth0",
        mac=NIC,
        own=frozenset(),
        is_host=True,
    )


def write_pcap(path: Path, frames: Sequence[Frame]) -> None:
    with path.open("wb") as sink:
        sink.write(FILE_HEADER.pack(NANOSECOND_MAGIC, 2, 4, 0, 0, 65535, 1))
        for time_ns, _, frame in frames:
            sink.write(FRAME_HEADER.pack(time_ns // S, time_ns % S, len(frame), len(frame)))
            sink.write(frame)


def heard(
    frames: Sequence[Frame], played: Sequence[Played], tmp_path: Path
) -> tuple[Heard, Docket]:
    files = {host: tmp_path / f"{host}.pcap" for host in ("a", "b")}
    for host, path in files.items():
        write_pcap(path, [frame for frame in frames if frame[1] == host])
    docket = Docket([GROUP], is_vrrp=False)
    ports = {host: port(host) for host in files}
    return hear(files, ports, [GROUP], docket, played, NIC), docket


def concluded(
    what: Event,
    frames: Sequence[Frame],
    tmp_path: Path,
    *,
    lost_ms: tuple[int, int] = (0, 0),
    believed: str = "",
) -> EventResult:
    """Conclude one event from START + 1 ms to START + 5 s."""
    played = Played(what, START + MS, START + MS, START + 5 * S)
    ears, docket = heard(frames, [played], tmp_path)
    sent = [START + at * MS for at in range(5000)]
    answered = [0 if lost_ms[0] <= at < lost_ms[1] else t + 1 for at, t in enumerate(sent)]
    change = NeighbourChange(
        at_s=1.0, machine="client", interface="eth0", address=VIP, mac=believed, is_right=False
    )
    findings = Findings(
        groups=[GROUP],
        bench=ears.bench,
        adverts=docket.adverts,
        heard=ears,
        records={VIP: ProbeRecord(sent, answered)},
        neighbours=[change] if believed else [],
        started_ns={},
        is_apart=apart_by_events([played]),
        zero_ns=START,
    )
    return conclude(findings, played, 1)


def from_a(at_ns: int = START) -> Frame:
    return at_ns, "a", advert()


def from_b(at_ns: int) -> Frame:
    return at_ns, "b", advert(advskew=100)


def test_takeover_in_time_has_no_problem_and_a_limit_for_the_gap(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT + 4 * MS), (LIMIT + 5 * MS, "b", arp())]
    found = concluded(event("b"), frames, tmp_path, lost_ms=(10, 3395))
    assert (found.problems, found.remarks) == ((), ())
    (outcome,) = found.outcomes
    assert (outcome.masters, outcome.took_over, outcome.after_limit_ms) == (("b",), "b", 4.0)
    (gap,) = found.gaps
    assert (gap.is_protocols_limit, gap.lost) == (True, 3385)
    assert gap.limit_ms is not None
    assert gap.gap_ms < gap.limit_ms


def test_wrong_claim_is_a_problem_that_names_the_first(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT), (LIMIT + MS, "b", arp(mac=NIC))]
    (problem,) = concluded(event("b"), frames, tmp_path).problems
    assert problem == (
        "1 wrong claims (1 wrong MAC), the first: wrong MAC: ARP reply by host b from"
        f" {VMAC.hex(':')}, inside {NIC.hex(':')}"
    )


def test_claim_by_a_host_that_is_not_master_is_a_problem(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT), (LIMIT + 6 * MS, "a", arp())]
    (problem,) = concluded(event("b"), frames, tmp_path).problems
    assert "right MAC, not master: ARP reply by host a" in problem


def test_packet_from_the_wrong_mac_is_a_problem_but_a_remark_in_a_known_window(
    tmp_path: Path,
) -> None:
    packet = ipv4(17, bytes((10, 77, 0, 100)), b"", source=NIC)
    frames = [from_a(), from_b(LIMIT), (LIMIT + MS, "b", packet)]
    (problem,) = concluded(event("b"), frames, tmp_path).problems
    assert problem.startswith("1 packets sent wrongly (1 wrong MAC)")
    known = concluded(event("b", known="the window"), frames, tmp_path)
    assert known.problems == ()
    assert known.remarks[0].endswith("a known window: the window")


def test_claim_in_a_known_window_stays_a_problem(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT), (LIMIT + MS, "b", arp(mac=NIC))]
    assert len(concluded(event("b", known="the window"), frames, tmp_path).problems) == 1


def test_takeover_before_the_limit_is_a_problem(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT - MS)]
    assert concluded(event("b"), frames, tmp_path).problems == (
        "b took over 1@lan 1.0 ms before the protocol's limit",
    )


def test_deposed_master_that_speaks_again_takes_over_too_early(tmp_path: Path) -> None:
    preempted = START + S
    frames = [from_b(START), from_a(preempted), from_b(preempted + 6 * MS), from_a(START + 2 * S)]
    found = concluded(event("a"), [*frames, from_a(START + 4 * S)], tmp_path)
    assert found.problems == ("b took over 1@lan 3384.6 ms before the protocol's limit",)


def test_wrong_master_or_none_is_a_problem(tmp_path: Path) -> None:
    (nobody,) = concluded(event("b"), [from_a()], tmp_path).problems
    assert nobody == "master of 1@lan at the end is nobody, not b"
    (both,) = concluded(
        event("a", apart=("a", "b")),
        [from_a(), from_b(LIMIT), from_a(START + 4 * S)],
        tmp_path,
    ).problems
    assert both == "master of 1@lan at the end is b and a, not a"


def test_two_masters_that_are_taken_apart_are_as_it_must_be(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT), from_a(START + 4 * S), (START + 4 * S + MS, "b", arp())]
    found = concluded(event("a", "b", apart=("a", "b")), frames, tmp_path)
    assert found.problems == ()


def test_no_answer_at_the_end_is_a_problem(tmp_path: Path) -> None:
    found = concluded(event("b"), [from_a(), from_b(LIMIT)], tmp_path, lost_ms=(10, 5000))
    (told,) = [text for text in found.problems if "at the end" in text]
    assert re.fullmatch(
        rf"{VIP} \(4,\d+ of [45],\d+ probes lost\) does not answer at the end", told
    )


def test_belief_in_a_wrong_mac_is_a_problem(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT)]
    found = concluded(event("b"), frames, tmp_path, believed=NIC.hex(":"))
    assert found.problems == (f"client came to believe that {VIP} is at {NIC.hex(':')}",)


def test_late_advert_and_long_gap_are_remarks_only(tmp_path: Path) -> None:
    frames = [from_a(), from_b(LIMIT + 30 * MS)]
    found = concluded(event("b", gap_ms=20.0), frames, tmp_path, lost_ms=(10, 60))
    assert found.problems == ()
    assert found.remarks == (
        f"gap of {VIP} is 51 ms, target 20 ms",
        "first advertisement of b for 1@lan 30.0 ms after the limit, target 10 ms",
    )


def test_canaries_are_counted_and_not_held_against_the_host(tmp_path: Path) -> None:
    played = Played(event("a"), START, START, START + S)
    canary = (START + MS, "a", claim_of(CANARY_ADDRESS, CANARY_MAC))
    ears, _ = heard([from_a(), canary], [played], tmp_path)
    assert ears.canaries == 1
    assert not ears.claims[0]


def test_hosts_that_the_last_event_took_apart_stay_so_while_the_captures_end(
    tmp_path: Path,
) -> None:
    first, last = event("a"), event("a", apart=("a", "b"))
    played = [
        Played(first, START, START, START + S),
        Played(last, START + S, START + S, START + 5 * S),
    ]
    is_apart = apart_by_events(played)
    assert not is_apart("a", "b", START + S - 1)
    assert is_apart("a", "b", START + S)
    assert is_apart("b", "a", START + 6 * S)
