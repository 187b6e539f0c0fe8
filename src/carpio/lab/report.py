"""Findings as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from carpio.lab.findings import StepFindings
from carpio.lab.gaps import Gap
from carpio.lab.judge import Verdict

if TYPE_CHECKING:
    from rich.table import Table

    from carpio.lab.demo import Run

__all__ = ["SCHEMA", "run_as_json", "run_table", "summary_table"]

SCHEMA: Final = 1
NS_PER_MS: Final = 1e6


def run_table(findings: Sequence[StepFindings], title: str) -> Table:
    """Return the table of one story, a row per step."""
    table = _table(title)
    for heading in ("event", "gap v4 / v6", "who claimed the address, with which MAC"):
        table.add_column(heading)
    for heading in ("wrong", "master", "advert after limit"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for found in findings:
        table.add_row(
            found.played.step.title,
            " / ".join(_gap_text(gap) for gap in found.gaps.values()) or "-",
            "\n".join(
                f"{host}  {mac.hex(':')}  {count:,}"
                for (host, mac), count in sorted(found.tally.speakers().items())
            ),
            str(found.tally.count_wrong()),
            found.master or "nobody",
            "-" if found.after_limit_ms is None else f"{found.after_limit_ms:+.1f} ms",
            _verdict_text(found),
        )
    return table


def summary_table(runs: Sequence[Run]) -> Table:
    """Return median and maximum over several stories, a row per step."""
    table = _table(f"{len(runs)} repetitions: median / maximum")
    table.add_column("event")
    for heading in ("gap v4", "gap v6", "advert after limit", "claims", "wrong", "problems"):
        table.add_column(heading, justify="right")
    for column in zip(*(run.findings for run in runs), strict=True):
        gaps = [[gap.gap_ns / NS_PER_MS for gap in found.gaps.values()] for found in column]
        by_family = [*zip(*gaps, strict=True), (), ()][:2]
        after_limit = [found.after_limit_ms for found in column if found.after_limit_ms is not None]
        table.add_row(
            column[0].played.step.title,
            *(_spread(values) for values in (*by_family, after_limit)),
            f"{sum(sum(found.tally.speakers().values()) for found in column):,}",
            str(sum(found.tally.count_wrong() for found in column)),
            str(sum(bool(found.problems) for found in column)),
        )
    return table


def run_as_json(findings: Sequence[StepFindings], capture: Path) -> dict[str, object]:
    """Return one story for programs; times in ms."""
    return {"capture": str(capture), "events": [_step_as_json(found) for found in findings]}


def _step_as_json(found: StepFindings) -> dict[str, object]:
    return {
        "act": found.played.step.act,
        "event": found.played.step.title,
        "start": found.played.start_ns / 1e9,
        "end": found.played.end_ns / 1e9,
        "expected_master": found.played.step.master,
        "master": found.master,
        "after_limit_ms": found.after_limit_ms,
        "gaps": {address: _gap_as_json(gap) for address, gap in found.gaps.items()},
        "claims": [
            {"host": host, "kind": kind.value, "mac": mac.hex(":"), "verdict": verdict.value,
             "count": count}
            for (host, kind, mac, verdict), count in sorted(
                found.tally.counts.items(),
                key=lambda item: (item[0][0], item[0][1].value, item[0][2], item[0][3].value),
            )
        ],
        "wrong": {
            verdict.value: found.tally.count(verdict)
            for verdict in Verdict
            if verdict is not Verdict.RIGHT
        },
        "wrong_traffic": found.tally.count_wrong(traffic=True),
        "probes_delivered_to": dict(sorted(found.delivered.items())),
        "problems": list(found.problems),
        "remarks": list(found.remarks),
    }  # fmt: skip


def _gap_as_json(gap: Gap) -> Mapping[str, object]:
    return {
        "gap_ms": gap.gap_ns / NS_PER_MS,
        "prober_paused_ms": gap.stall_ns / NS_PER_MS,
        "probes": gap.probes,
        "lost": gap.lost,
        "over": gap.is_over,
    }


def _table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def _gap_text(gap: Gap) -> str:
    milliseconds = gap.gap_ns / NS_PER_MS
    if not gap.is_over:
        return "no answer"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _verdict_text(found: StepFindings) -> str:
    if found.problems:
        return "WRONG"
    return "ok (slow)" if found.remarks else "ok"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f} ms" if values else "-"
