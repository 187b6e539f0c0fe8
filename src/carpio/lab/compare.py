"""The same events with several implementations, side by side: runs them, writes the pages."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from carpio.errors import CarpioError
from carpio.lab.html import template_text, templates
from carpio.lab.html_view import GapRow, Word, duration_text, gap_row, word_of, wrong_claims_of
from carpio.lab.result import RESULT_FILE, Configuration, Event, Outcome, Result
from carpio.lab.scenario import scenario_names

__all__ = [
    "COMPARISON_FILE",
    "Cell",
    "Comparison",
    "Row",
    "Run",
    "Table",
    "as_json",
    "as_markdown",
    "as_page",
    "check_names",
    "place_of",
    "run_all",
    "scenario_and_variant",
    "tables_of",
    "write_comparison",
]

SCHEMA: Final = 1
COMPARISON_FILE: Final = "compare.json"
PAGE: Final = "compare.html"
SCALE_MS: Final = (1.0, 10_000.0)
"""Ends of the logarithmic scale on which gaps are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scenario with one implementation on all hosts."""

    scenario: str
    implementation: str
    directory: str
    """Relative to the comparison."""
    result: Result | None = None
    failure: str = ""
    """Why there is no result."""

    @property
    def word(self) -> Word | None:
        """The outcome for people, if it ran."""
        return word_of(self.result.outcome) if self.result else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of them, scenario by scenario."""

    command: str
    implementations: tuple[str, ...]
    runs: tuple[Run, ...]

    def of(self, implementation: str) -> tuple[Run, ...]:
        """Return the runs of an implementation."""
        return tuple(run for run in self.runs if run.implementation == implementation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one event with one implementation."""

    implementation: str
    is_right: bool
    wrong: int
    wrong_packets: int
    """Packets, not claims, that were sent from an address as they must not be."""
    gap: GapRow | None
    """The longest of the event, of addresses that answer at its end, if there are any."""
    silent: tuple[str, ...]
    """Addresses that do not answer at the end."""
    share: float
    """Percent of the bar, on a logarithmic scale."""
    after_limit: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event; None where the implementation did not run."""

    number: int
    title: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A scenario."""

    scenario: str
    title: str
    why: str
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]


def scenario_and_variant(text: str) -> tuple[str, str]:
    """Split SCENARIO/VARIANT; the variant is empty where none is named."""
    scenario, _, variant = text.rpartition("/")
    is_scenario = scenario in scenario_names() or os.path.isfile(scenario)
    return (scenario, variant) if is_scenario else (text, "")


def check_names(scenarios: Sequence[str], implementations: Sequence[str]) -> None:
    """Check that each run has a directory of its own.

    Raises:
        CarpioError: two would have the same; carries the remedy.
    """
    for texts, name_of in ((scenarios, _folder), (implementations, _stem)):
        seen: dict[str, str] = {}
        for text in texts:
            other = seen.setdefault(name_of(text), text)
            if texts.count(text) > 1:
                raise CarpioError(f"{text} is named twice; name it once")
            if other != text:
                what = f"{other} and {text} would both be called {name_of(text)}"
                raise CarpioError(f"{what}; rename one of the files")


def place_of(scenario: str, implementation: str) -> str:
    """Return the directory of a run, below that of the comparison."""
    return f"{_folder(scenario)}/{_stem(implementation)}"


def _stem(implementation: str) -> str:
    return Path(implementation).stem


def _folder(text: str) -> str:
    scenario, variant = scenario_and_variant(text)
    return "-".join(filter(None, (Path(scenario).stem, variant)))


def run_all(
    scenarios: Sequence[str],
    implementations: Sequence[str],
    play: Callable[[str, str, Path], Result],
    directory: Path,
    command: str,
) -> Comparison:
    """Play each scenario with each implementation; what cannot run is told and left out."""
    runs = []
    for scenario in scenarios:
        for implementation in implementations:
            place = place_of(scenario, implementation)
            result, failure = None, ""
            try:
                result = play(scenario, implementation, directory / place)
            except CarpioError as error:
                failure = str(error)
            runs.append(
                Run(
                    scenario=scenario,
                    implementation=implementation,
                    directory=place,
                    result=result,
                    failure=failure,
                )
            )
    return Comparison(command=command, implementations=tuple(implementations), runs=tuple(runs))


def tables_of(comparison: Comparison) -> tuple[Table, ...]:
    """Return a table for each scenario that at least one implementation ran."""
    tables = []
    for scenario in dict.fromkeys(run.scenario for run in comparison.runs):
        runs = tuple(run for run in comparison.runs if run.scenario == scenario)
        results = [run.result for run in runs if run.result is not None]
        if not results:
            continue
        longest = max(results, key=lambda result: len(result.events))
        tables.append(
            Table(
                scenario=scenario,
                title=longest.scenario.title,
                why=longest.scenario.why,
                runs=runs,
                rows=tuple(_row(runs, event) for event in longest.events),
            )
        )
    return tuple(tables)


def _row(runs: Sequence[Run], event: Event) -> Row:
    cells = []
    for run in runs:
        same = [e for e in run.result.events if e.number == event.number] if run.result else []
        cells.append(_cell(run.implementation, same[0]) if same else None)
    return Row(number=event.number, title=event.title, cells=tuple(cells))


def _cell(implementation: str, event: Event) -> Cell:
    longest = max(event.gaps, key=lambda gap: (gap.is_over, gap.gap_ms), default=None)
    after = [o.after_limit_ms for o in event.outcomes if o.after_limit_ms is not None]
    worst = max(after, key=abs, default=None)
    return Cell(
        implementation=implementation,
        is_right=not event.problems,
        wrong=wrong_claims_of(event),
        wrong_packets=sum(
            claim.count
            for claim in event.claims
            if claim.kind == "traffic" and claim.verdict != "right"
        ),
        gap=gap_row(event, longest) if longest else None,
        silent=tuple(gap.address for gap in event.gaps if not gap.is_over),
        share=_share(longest.gap_ms) if longest else 0.0,
        after_limit="" if worst is None else _after(worst),
        problems=event.problems,
    )


def _after(milliseconds: float) -> str:
    side = "after" if milliseconds >= 0 else "before"
    return f"{duration_text(abs(milliseconds))} {side}"


def _share(milliseconds: float) -> float:
    """Return the percent of a bar that a gap fills."""
    import math

    low, high = (math.log10(end) for end in SCALE_MS)
    share = (math.log10(max(milliseconds, SCALE_MS[0])) - low) / (high - low)
    return round(2 + 98 * min(share, 1.0), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Total:
    """An implementation over all scenarios."""

    implementation: str
    right: int
    ran: int
    wrong: int
    claims: int
    longest: str
    not_run: tuple[str, ...]
    neighbours_refused: int


def _total(comparison: Comparison, implementation: str) -> _Total:
    runs = comparison.of(implementation)
    results = [run.result for run in runs if run.result is not None]
    gaps = [gap for r in results for e in r.events for gap in e.gaps]
    claims = [c for r in results for e in r.events for c in e.claims if c.kind != "traffic"]
    longest_ms = max((gap.gap_ms for gap in gaps if gap.is_over), default=None)
    told = ["-"] if longest_ms is None else [duration_text(longest_ms)]
    told += [] if all(gap.is_over for gap in gaps) else ["some end without answers"]
    return _Total(
        implementation=implementation,
        right=sum(result.outcome is Outcome.RIGHT for result in results),
        ran=len(results),
        wrong=sum(wrong_claims_of(event) for result in results for event in result.events),
        claims=sum(claim.count for claim in claims),
        longest=", ".join(told),
        not_run=tuple(f"{run.scenario}: {run.failure}" for run in runs if run.failure),
        neighbours_refused=sum(result.observers.neighbours_refused for result in results),
    )


def _configurations(comparison: Comparison, implementation: str) -> tuple[Configuration, ...]:
    """Return what a host was given, from the first run."""
    for run in comparison.of(implementation):
        if run.result and run.result.configurations:
            first = run.result.configurations[0].machine
            return tuple(c for c in run.result.configurations if c.machine == first)
    return ()


def as_page(comparison: Comparison) -> str:
    """Return the comparison as one HTML document."""
    return (
        templates()
        .get_template("compare.html.j2")
        .render(**_context(comparison), style=template_text("report.css"))
    )


def as_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    return templates().get_template("compare.md.j2").render(**_context(comparison))


def _context(comparison: Comparison) -> dict[str, object]:
    versions: dict[str, str] = {}
    for run in comparison.runs:
        versions.update(run.result.versions if run.result else {})
    return {
        "comparison": comparison,
        "tables": tables_of(comparison),
        "totals": [_total(comparison, name) for name in comparison.implementations],
        "configurations": [
            (name, _configurations(comparison, name)) for name in comparison.implementations
        ],
        "versions": versions,
    }


def as_json(comparison: Comparison) -> bytes:
    """Return the comparison for programs; the results themselves are in files of their own."""
    document = {
        "schema": SCHEMA,
        "command": comparison.command,
        "runs": [
            {
                "scenario": run.scenario,
                "implementation": run.implementation,
                "outcome": run.result.outcome if run.result else None,
                "failure": run.failure,
                "result": f"{run.directory}/{RESULT_FILE}" if run.result else "",
            }
            for run in comparison.runs
        ],
        "tables": [
            {"scenario": table.scenario, "title": table.title, "events": table.rows}
            for table in tables_of(comparison)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def write_comparison(comparison: Comparison, directory: Path) -> Path:
    """Write compare.html, compare.md and compare.json; return the path of the page.

    Raises:
        PlatformError: jinja2 is not installed; the JSON is written nevertheless.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / COMPARISON_FILE).write_bytes(as_json(comparison))
    (directory / "compare.md").write_text(as_markdown(comparison), encoding="utf-8")
    path = directory / PAGE
    path.write_text(as_page(comparison), encoding="utf-8")
    return path
