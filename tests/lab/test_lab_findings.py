from __future__ import annotations

from tests.helpers.lab import NIC, VIP, advert, arp

from carpio.lab.findings import StepFindings, examine
from carpio.lab.gaps import ProbeRecord
from carpio.lab.judge import CapturedFrame, GroupAddresses, Judge, heard_adverts
from carpio.lab.story import STEPS, Played, Step

MS = 1_000_000
S = 1000 * MS
START = 100 * S
CRASH = next(step for step in STEPS if step.title == "a loses power")
STOP = next(step for step in STEPS if step.title == "a is stopped gracefully")
LIMIT = START + 3 * S + 100 * S // 256
"""After the last advert of a at START, for b with advskew 100."""


def found(
    step: Step, *frames: CapturedFrame, lost_ms: tuple[int, int] = (0, 0), end_ns: int = 5 * S
) -> StepFindings:
    """Examine one step from START + 1 ms on; probes in `lost_ms` after START go unanswered."""
    sent = [START + at * MS for at in range(5000)]
    answered = [0 if lost_ms[0] <= at < lost_ms[1] else t + 1 for at, t in enumerate(sent)]
    judge = Judge(GroupAddresses(1, frozenset((VIP,))), heard_adverts(frames, 1))
    played = Played(step, START + MS, START + end_ns)
    records = {"10.77.0.100": ProbeRecord(sent, answered)}
    (findings,) = examine([played], judge, frames, records, NIC)
    return findings


def from_a(at_ns: int = START) -> CapturedFrame:
    return CapturedFrame(at_ns, "a", advert())


def from_b(at_ns: int) -> CapturedFrame:
    return CapturedFrame(at_ns, "b", advert(advskew=100))


def test_takeover_in_time_without_wrong_claims_has_no_problem() -> None:
    step = found(CRASH, from_a(), from_b(LIMIT + 4 * MS), CapturedFrame(LIMIT + 5 * MS, "b", arp()))
    assert (step.problems, step.remarks, step.master) == ((), (), "b")
    assert step.after_limit_ms == 4.0


def test_wrong_claim_is_a_problem_that_names_the_first() -> None:
    lie = CapturedFrame(LIMIT + 5 * MS, "b", arp(mac=NIC))
    (problem,) = found(CRASH, from_a(), from_b(LIMIT), lie).problems
    assert problem.startswith("1 wrong claims, the first: wrong MAC: ARP reply by host b")


def test_wrong_master_at_the_end_is_a_problem() -> None:
    assert found(CRASH, from_a(), from_a(START + 4 * S)).problems == (
        "master at the end is a, not b",
    )


def test_no_master_at_the_end_is_a_problem() -> None:
    assert found(CRASH, from_a()).problems == ("master at the end is nobody, not b",)


def test_takeover_before_the_limit_is_a_problem() -> None:
    (problem,) = found(CRASH, from_a(), from_b(LIMIT - MS)).problems
    assert problem == "b took over 1.0 ms before the protocol's limit"


def test_late_takeover_is_a_remark_only() -> None:
    step = found(CRASH, from_a(), from_b(LIMIT + 30 * MS))
    assert step.problems == ()
    assert step.remarks == ("first advertisement 30.0 ms after the limit, target 10 ms",)


def test_gap_beyond_the_target_is_a_remark_only() -> None:
    bow_out = CapturedFrame(START + 2 * MS, "a", advert(advbase=255, advskew=255))
    step = found(STOP, from_a(), bow_out, from_b(START + 8 * MS), lost_ms=(2, 60), end_ns=3 * S)
    assert step.problems == ()
    assert step.remarks == ("gap of 10.77.0.100 is 59 ms, target 20 ms",)


def test_no_answer_at_the_end_is_a_problem() -> None:
    step = found(CRASH, from_a(), from_b(LIMIT), lost_ms=(10, 5000))
    assert step.problems == ("10.77.0.100 does not answer at the end",)


def test_probe_lost_just_before_the_next_step_belongs_to_that_step() -> None:
    step = found(CRASH, from_a(), from_b(LIMIT), lost_ms=(4985, 5000))
    assert (step.problems, step.gaps["10.77.0.100"].lost) == ((), 0)
