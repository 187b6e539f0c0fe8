from __future__ import annotations

from carpio.lab.gaps import ProbeRecord, gap_between, lateness_percentiles

MS = 1_000_000


def record(*probes: tuple[float, bool]) -> ProbeRecord:
    """Probes as (send time in ms, whether answered 0.1 ms later)."""
    sent = [int(at * MS) for at, _ in probes]
    return ProbeRecord(
        sent, [t + MS // 10 if ok else 0 for t, (_, ok) in zip(sent, probes, strict=True)]
    )


def test_no_loss_is_the_floor_of_one_interval() -> None:
    gap = gap_between(record((1, True), (2, True), (3, True)), 0, 10 * MS)
    assert (gap.gap_ns, gap.lost, gap.probes, gap.is_over) == (MS, 0, 3, True)


def test_gap_is_the_distance_of_the_answered_probes_around_the_lost_ones() -> None:
    gap = gap_between(record((1, True), (2, False), (3, False), (4, True)), 0, 10 * MS)
    assert (gap.gap_ns, gap.lost, gap.stall_ns) == (3 * MS, 2, 0)


def test_longest_of_several_gaps_counts() -> None:
    probes = [(t, t not in (2, 5, 6, 7)) for t in range(1, 10)]
    assert gap_between(record(*probes), 0, 10 * MS).gap_ns == 4 * MS


def test_pause_of_the_prober_is_no_gap_of_service() -> None:
    assert gap_between(record((1, True), (50, True)), 0, 100 * MS).gap_ns == MS


def test_pause_of_the_prober_within_a_gap_is_told() -> None:
    gap = gap_between(record((1, True), (2, False), (40, True)), 0, 100 * MS)
    assert (gap.gap_ns, gap.stall_ns) == (39 * MS, 37 * MS)


def test_probes_outside_the_window_do_not_count() -> None:
    probes = [(t, t not in (2, 3)) for t in range(1, 10)]
    gap = gap_between(record(*probes), 5 * MS, 10 * MS)
    assert (gap.lost, gap.probes) == (0, 5)


def test_gap_without_end_lasts_to_the_end_of_the_window_and_is_not_over() -> None:
    gap = gap_between(record((1, True), (2, False), (3, False)), 0, 10 * MS)
    assert (gap.gap_ns, gap.is_over) == (9 * MS, False)


def test_answer_that_comes_too_late_is_none() -> None:
    slow = ProbeRecord([MS, 2 * MS, 3 * MS], [MS + 1, 200 * MS, 3 * MS + 1])
    assert gap_between(slow, 0, 10 * MS).lost == 1


def test_lateness_of_the_prober_is_told_as_median_high_and_worst() -> None:
    probes = record(*((t, True) for t in (0, 1, 2, 3, 4, 14)))
    assert lateness_percentiles(probes) == (0, 9 * MS, 9 * MS)
    assert lateness_percentiles(record()) == (0, 0, 0)
