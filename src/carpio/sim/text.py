"""A report as text for people: a table and a compact timeline per group, then what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from carpio.config.problems import printable
from carpio.core.model import State
from carpio.sim.findings import Finding
from carpio.sim.report import GroupReport, Report
from carpio.sim.units import shown

__all__ = ["as_text"]

_WIDTH: Final = 64
_MOST_CHANGES: Final = 40
_LEGEND: Final = "# answers   - BACKUP   . INIT or off   ! more than one answers"


def as_text(report: Report) -> str:
    """Return the whole report."""
    hosts = f"{len(report.hosts)} hosts"
    lines = [
        f"{shown(report.duration)} with {hosts}, seed {report.seed}: "
        f"{report.receptions:,} adverts heard"
    ]
    if report.faults:
        lines += ["", *(f"fault {n}  {text}" for n, text in enumerate(report.faults, 1))]
    for group in report.groups:
        lines += ["", *_group(group, report.duration)]
    if report.warnings:
        lines += ["", *(f"warning: {text}" for text in report.warnings)]
    lines += ["", *_findings(report)]
    return "\n".join(map(printable, lines))


def _group(group: GroupReport, duration: int) -> Iterator[str]:
    yield f"{group.name}  {', '.join(group.addresses)}"
    rows: list[tuple[str, ...]] = [
        ("", "answered for", "share", "adverts", "bow-outs", "failed sends")
    ]
    for host in group.hosts:
        share = 100 * host.mastered / duration if duration else 0.0
        numbers = (host.adverts, host.bow_outs, host.failed_sends)
        rows.append(
            (host.host, shown(host.mastered), f"{share:.1f} %", *(f"{n:,}" for n in numbers))
        )
    yield from (f"  {line}" for line in _aligned(rows))
    longest = max((length for _, length in group.gaps), default=0)
    total = sum(length for _, length in group.gaps)
    yield (
        f"  gaps {len(group.gaps)}, longest {shown(longest)}, in all {shown(total)}; "
        f"two masters for {shown(group.split)}; "
        f"client {group.probes_answered:,} of {group.probes_sent:,} answered"
    )
    yield ""
    width = max(len(printable(host.host)) for host in group.hosts)
    for host in group.hosts:
        yield f"  {printable(host.host):{width}} |{_timeline(group, host.host, duration)}|"
    yield f"  {'':{width}}  {_LEGEND}"
    yield ""
    yield from _changes(group)


def _changes(group: GroupReport) -> Iterator[str]:
    rows = [
        (f"{one.at / 1e9:.6f}", one.host, f"{one.old.value} -> {one.new.value}", one.reason)
        for one in group.changes[:_MOST_CHANGES]
    ]
    yield from (f"  {line}" for line in _aligned(rows))
    more = len(group.changes) - len(rows) + group.uncounted
    if more > 0:
        yield f"  and {more:,} more changes"


def _timeline(group: GroupReport, host: str, duration: int) -> str:
    """Return one character per stretch of time; what is rarest in a stretch shows."""
    cells = ["."] * _WIDTH
    step = max(duration // _WIDTH, 1)
    states = [(0, State.INIT), *((c.at, c.new) for c in group.changes if c.host == host)]
    for number in range(_WIDTH):
        begin, end = number * step, (number + 1) * step
        present = {state for at, state in states if begin <= at < end}
        present.add([state for at, state in states if at <= begin][-1])
        if State.BACKUP in present or State.MASTER in present:
            cells[number] = "-"
    spans = [*(at for at, _ in group.speakers[1:]), duration]
    for (at, who), end in zip(group.speakers, spans, strict=True):
        if host in who and end > at:
            for number in range(
                min(at // step, _WIDTH - 1), min((end - 1) // step, _WIDTH - 1) + 1
            ):
                if len(who) > 1 or cells[number] != "!":
                    cells[number] = "!" if len(who) > 1 else "#"
    return "".join(cells)


def _findings(report: Report) -> Iterator[str]:
    if report.is_clean:
        yield "Nothing wrong."
        return
    broken = [one for one in report.findings if one.is_violation]
    excused = [one for one in report.findings if not one.is_violation]
    if broken:
        yield "BROKEN: what must never be"
        for one in broken:
            yield from _finding(one)
    if excused:
        yield "FOUND: because a premise did not hold"
        for one in excused:
            yield from _finding(one)
    if report.more_findings:
        yield f"and {report.more_findings:,} more findings"


def _finding(finding: Finding) -> Iterator[str]:
    place = " ".join(part for part in (finding.group, finding.host) if part)
    times = f"at {finding.first / 1e9:.6f}"
    if finding.count > 1:
        times += f", {finding.count:,} times until {finding.last / 1e9:.6f}"
    yield f"  {finding.kind.value}: {place} {times}"
    if finding.cause:
        yield f"    because {finding.cause}"
    if finding.evidence:
        yield f"    {finding.evidence}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    shown_rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown_rows, strict=True)]
    for row in shown_rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
