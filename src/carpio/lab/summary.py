"""Results of runs as tables for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from carpio.lab.result import SCHEMA, Event, GapSeen, Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_results", "results_as_json"]

TABLE_WIDTH: Final = 132
RIGHT: Final = "right"
TRAFFIC: Final = "traffic"
MOST_SPEAKERS: Final = 4
MOST_PROBLEMS: Final = 12


def results_as_json(results: Sequence[Result]) -> str:
    """Return all results as one document."""
    document = {"schema": SCHEMA, "runs": results}
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def print_results(results: Sequence[Result], directory: Path) -> None:
    """Print a table for each run, what is wrong, and where the rest is."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=TABLE_WIDTH)
    for number, result in enumerate(results, 1):
        _print_one(console, result, directory / f"run-{number}")
    if len(results) > 1:
        console.print(_spread_table(results))
        wrong = sum(bool(result.problems) for result in results)
        console.print(f"{wrong} of {len(results)} runs have problems.", markup=False)


def _print_one(console: Console, result: Result, directory: Path) -> None:
    scenario = result.scenario
    variant = f", {scenario.variant}" if scenario.variant else ""
    console.print(f"\n{scenario.name}{variant}: {scenario.title}", markup=False)
    console.print(result.topology.picture, markup=False)
    console.print(_table(result))
    for text in result.problems[:MOST_PROBLEMS]:
        console.print(f"  PROBLEM {text}", markup=False, soft_wrap=True)
    if len(result.problems) > MOST_PROBLEMS:
        console.print(f"  and {len(result.problems) - MOST_PROBLEMS} more", markup=False)
    for text in result.remarks:
        console.print(f"  remark: {text}", markup=False, soft_wrap=True)
    for message in result.messages[:MOST_PROBLEMS]:
        times = f" ({message.count} times)" if message.count > 1 else ""
        text = f"  {message.at_s:8.3f} s  {message.machine} kernel: {message.text}{times}"
        console.print(text, markup=False, soft_wrap=True)
    frames = sum(port.frames for port in result.captures)
    console.print(
        f"{frames:,} frames captured, {result.dropped} lost; of {result.proof.sent} forged claims"
        f" the judge saw {result.proof.seen}; {directory / 'result.json'}",
        markup=False,
        soft_wrap=True,
    )
    console.print(result.outcome.value.upper(), markup=False)


def _new_table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _table(result: Result) -> Table:
    table = _new_table()
    for heading in ("event", "gap / limit", "who claimed addresses, with which MAC"):
        table.add_column(heading)
    for heading in ("wrong", "master", "advert after limit"):
        table.add_column(heading, justify="right")
    for event in result.events:
        after = [o.after_limit_ms for o in event.outcomes if o.after_limit_ms is not None]
        table.add_row(
            event.title,
            "\n".join(dict.fromkeys(map(_gap_text, event.gaps))) or "-",
            "\n".join(_speakers(event)),
            str(_wrong(event)),
            "\n".join(dict.fromkeys(" ".join(o.masters) or "nobody" for o in event.outcomes)),
            f"{max(after):+.1f} ms" if after else "-",
        )
    return table


def _wrong(event: Event) -> int:
    return sum(
        claim.count for claim in event.claims if claim.verdict != RIGHT and claim.kind != TRAFFIC
    )


def _speakers(event: Event) -> Iterable[str]:
    found: Counter[tuple[str, str]] = Counter()
    for claim in event.claims:
        if claim.kind != TRAFFIC:
            found[claim.host, claim.mac] += claim.count
    for (host, mac), count in sorted(found.items())[:MOST_SPEAKERS]:
        yield f"{host}  {mac}  {count:,}"
    if len(found) > MOST_SPEAKERS:
        yield f"and with {len(found) - MOST_SPEAKERS} more"


def _gap_text(gap: GapSeen) -> str:
    if not gap.is_over:
        return "no answer"
    limit = "" if gap.limit_ms is None else f" / {gap.limit_ms:,.0f} ms"
    return f"{gap.gap_ms:,.0f} ms{limit}"


def _spread_table(results: Sequence[Result]) -> Table:
    table = _new_table()
    table.add_column(f"{len(results)} repetitions: median / maximum")
    for heading in ("gap", "advert after limit", "claims", "wrong", "problems"):
        table.add_column(heading, justify="right")
    for column in zip(*(result.events for result in results), strict=True):
        gaps = [gap.gap_ms for event in column for gap in event.gaps]
        after = [
            outcome.after_limit_ms
            for event in column
            for outcome in event.outcomes
            if outcome.after_limit_ms is not None
        ]
        claims = [c.count for event in column for c in event.claims if c.kind != TRAFFIC]
        table.add_row(
            column[0].title,
            _spread(gaps),
            _spread(after),
            f"{sum(claims):,}",
            str(sum(map(_wrong, column))),
            str(sum(bool(event.problems) for event in column)),
        )
    return table


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f} ms" if values else "-"
