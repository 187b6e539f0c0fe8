"""Results of runs as tables for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from carpio.lab.result import SCHEMA, Event, GapSeen, Outcome, Result

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
            console.print(result.outcome.value.upper(), markup=False)
    if len(results) > 1:
        console.print(_spread_table(results))
    console.print(_last_words(results), markup=False)


def _last_words(results: Sequence[Result]) -> str:
    bad = [result for result in results if result.outcome is not Outcome.RIGHT]
    if not bad:
        return "Nothing wrong."
    word = "WRONG" if any(one.outcome is Outcome.WRONG for one in bad) else "NOT PROVED"
    where = f" in {len(bad)} of {len(results)} runs" if len(results) > 1 else ""
    return f"{word}: {sum(len(one.problems) for one in bad)} problem(s){where}, see above."


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
    for text in _facts(result, directory):
        console.print(text, markup=False, soft_wrap=True)


def _facts(result: Result, directory: Path) -> Iterable[str]:
    frames = sum(port.frames for port in result.captures)
    observers = result.observers
    _, high, longest = observers.prober_late_ms
    cpu = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in observers.cpu_s.items())
    yield (
        f"{frames:,} frames captured, {result.dropped} lost; {observers.flood_sent:,} flood"
        f" requests; of {result.proof.sent} forged claims the judge saw {result.proof.seen}"
    )
    yield f"prober late by {high:.1f} ms (99 %), {longest:.1f} ms (worst); processor time: {cpu}"
    files = ("result.json", *((result.capture_file,) if result.capture_file else ()))
    yield f"in {directory}: {' and '.join(files)}"


def _new_table(title: str = "") -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def _table(result: Result) -> Table:
    table = _new_table()
    for heading in ("event", "gap v4 / v6", "limit"):
        table.add_column(heading)
    table.add_column("who claimed addresses,\nwith which MAC", no_wrap=True)
    for heading in ("wrong", "master", "advert\nafter limit"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for event in result.events:
        after = [o.after_limit_ms for o in event.outcomes if o.after_limit_ms is not None]
        gaps = list(dict.fromkeys(_gap_texts(event)))
        table.add_row(
            event.title,
            "\n".join(gap for gap, _ in gaps) or "-",
            "\n".join(limit for _, limit in gaps) or "-",
            "\n".join(_speakers(event)),
            str(_wrong(event)),
            "\n".join(dict.fromkeys(" ".join(o.masters) or "nobody" for o in event.outcomes)),
            f"{max(after):+.1f} ms" if after else "-",
            "WRONG" if event.problems else "remark" if event.remarks else "ok",
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


def _gap_texts(event: Event) -> Iterable[tuple[str, str]]:
    """Yield gaps and their limits as text, an address of each family in a line."""
    for pair in zip_longest(*_by_family(event)):
        gaps = [gap for gap in pair if gap is not None]
        limits = dict.fromkeys(_limit_text(gap) for gap in gaps)
        yield " / ".join(_gap_text(gap) for gap in gaps), " / ".join(limits)


def _by_family(event: Event) -> tuple[list[GapSeen], list[GapSeen]]:
    """Return the gaps of IPv4 addresses, and of IPv6 ones."""
    return (
        [gap for gap in event.gaps if ":" not in gap.address],
        [gap for gap in event.gaps if ":" in gap.address],
    )


def _gap_text(gap: GapSeen) -> str:
    return _time_text(gap.gap_ms) if gap.is_over else "no answer"


def _limit_text(gap: GapSeen) -> str:
    return "-" if gap.limit_ms is None else _time_text(gap.limit_ms)


def _time_text(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _spread_table(results: Sequence[Result]) -> Table:
    table = _new_table(f"{len(results)} repetitions: median / maximum")
    table.add_column("event")
    for heading in ("gap v4", "gap v6", "advert after limit", "claims", "wrong", "problems"):
        table.add_column(heading, justify="right")
    for column in zip(*(result.events for result in results), strict=True):
        families = zip(*map(_by_family, column), strict=True)
        gaps = [[gap.gap_ms for of_run in family for gap in of_run] for family in families]
        after = [
            outcome.after_limit_ms
            for event in column
            for outcome in event.outcomes
            if outcome.after_limit_ms is not None
        ]
        claims = [c.count for event in column for c in event.claims if c.kind != TRAFFIC]
        table.add_row(
            column[0].title,
            *(_spread(values) for values in (*gaps, after)),
            f"{sum(claims):,}",
            str(sum(map(_wrong, column))),
            str(sum(bool(event.problems) for event in column)),
        )
    return table


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f} ms" if values else "-"
