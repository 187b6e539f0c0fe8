"""Results of runs as tables for people and as JSON for programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from carpio.lab.result import SCHEMA, Event, GapSeen, Outcome, Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_results", "results_as_json"]

FILE_WIDTH: Final = 100
"""Where the output goes to no terminal."""
UNBOUNDED: Final = 10_000
EVENT_WIDTH: Final = 14
"""Of an event's title at least, before columns are left out."""
RIGHT: Final = "right"
TRAFFIC: Final = "traffic"
MOST_SPEAKERS: Final = 4
MOST_PROBLEMS: Final = 12


def results_as_json(results: Sequence[Result]) -> str:
    """Return all results as one document."""
    document = {"schema": SCHEMA, "runs": results}
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def print_results(results: Sequence[Result], directory: Path, width: int | None = None) -> None:
    """Print a table for each run, what is wrong, and where the rest is.

    `width` is that of the terminal, or COLUMNS, unless it is given.
    """
    from rich.console import Console

    console = Console(highlight=False, width=width)
    if width is None and not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console = Console(highlight=False, width=FILE_WIDTH)
    for number, result in enumerate(results, 1):
        _print_one(console, result, directory / f"run-{number}")
        if len(results) > 1:
            console.print(result.outcome.value.upper(), markup=False)
    if len(results) > 1:
        title = f"{len(results)} repetitions: median / maximum"
        console.print(_fitting(console, title, _spread_columns(results)))
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
    console.print(_fitting(console, "", _columns(result)))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of a table, with a cell for each event."""

    heading: str
    cells: tuple[str, ...]
    weight: int
    """The lightest are left out first where there is no room for all; 0 for the title."""
    justify: Literal["left", "right"] = "left"

    @property
    def width(self) -> int:
        """That of its longest line."""
        return max(map(len, "\n".join((self.heading, *self.cells)).splitlines()))


def _fitting(console: Console, title: str, columns: Sequence[_Column]) -> Table:
    """Return a table of as many columns as there is room for; only titles of events are folded."""
    left = list(columns)
    table = _table(title, left)
    unbounded = console.options.update(width=UNBOUNDED)
    while len(left) > 2 and console.measure(table, options=unbounded).minimum > console.width:
        left.remove(min(left[1:], key=lambda column: column.weight))
        table = _table(title, left)
    return table


def _table(title: str, columns: Sequence[_Column]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    first, *others = columns
    least = min(EVENT_WIDTH, first.width) if len(others) > 1 else 1
    table.add_column(first.heading, min_width=least, overflow="fold")
    for column in others:
        table.add_column(column.heading, justify=column.justify, min_width=column.width)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _columns(result: Result) -> tuple[_Column, ...]:
    events = result.events
    gaps = [list(dict.fromkeys(_gap_texts(event))) for event in events]
    lines: Mapping[str, Iterable[Iterable[str]]] = {
        "gap v4 / v6": ((gap for gap, _ in pairs) for pairs in gaps),
        "limit": ((limit for _, limit in pairs) for pairs in gaps),
        "who claimed addresses,\nwith which MAC": map(_speakers, events),
    }
    gap, limit, speakers = (
        _Column(heading=heading, cells=tuple("\n".join(one) or "-" for one in cells), weight=weight)
        for (heading, cells), weight in zip(lines.items(), (5, 3, 1), strict=True)
    )
    return (
        _Column(heading="event", cells=tuple(event.title for event in events), weight=0),
        gap,
        limit,
        speakers,
        _numbers("wrong", (str(_wrong(event)) for event in events), 6),
        _numbers("master", map(_masters, events), 4),
        _numbers("advert\nafter\nlimit", map(_after_limit, events), 2),
        _Column(heading="verdict", cells=tuple(map(_verdict, events)), weight=7),
    )


def _numbers(heading: str, cells: Iterable[str], weight: int) -> _Column:
    return _Column(heading=heading, cells=tuple(cells), weight=weight, justify="right")


def _masters(event: Event) -> str:
    return "\n".join(dict.fromkeys(" ".join(o.masters) or "nobody" for o in event.outcomes))


def _after_limit(event: Event) -> str:
    after = [o.after_limit_ms for o in event.outcomes if o.after_limit_ms is not None]
    return f"{max(after):+.1f} ms" if after else "-"


def _verdict(event: Event) -> str:
    return "WRONG" if event.problems else "remark" if event.remarks else "ok"


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


def _spread_columns(results: Sequence[Result]) -> tuple[_Column, ...]:
    """Return the columns of a table of all runs: an event of all of them in each row."""
    events = tuple(zip(*(result.events for result in results), strict=True))
    title, *numbers = zip(*map(_spread_row, events), strict=True)
    headings = ("gap v4", "gap v6", "advert\nafter limit", "claims", "wrong", "problems")
    return (
        _Column(heading="event", cells=title, weight=0),
        *map(_numbers, headings, numbers, (4, 3, 2, 1, 5, 6)),
    )


def _spread_row(events: Sequence[Event]) -> tuple[str, ...]:
    families = zip(*map(_by_family, events), strict=True)
    gaps = [[gap.gap_ms for of_run in family for gap in of_run] for family in families]
    after = [
        outcome.after_limit_ms
        for event in events
        for outcome in event.outcomes
        if outcome.after_limit_ms is not None
    ]
    claims = [claim.count for event in events for claim in event.claims if claim.kind != TRAFFIC]
    return (
        events[0].title,
        *(_spread(values) for values in (*gaps, after)),
        f"{sum(claims):,}",
        str(sum(map(_wrong, events))),
        str(sum(bool(event.problems) for event in events)),
    )


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f} ms" if values else "-"
