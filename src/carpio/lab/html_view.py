"""What the pages say, in words: verdicts, gaps, claims, outcomes. Pure; for HTML and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.lab.html_moments import Moment, group_to_show, moments_of, sequence_of
from carpio.lab.result import (
    ClaimCount,
    Event,
    GapSeen,
    GroupOutcome,
    NeighbourChange,
    Outcome,
    Result,
)

__all__ = [
    "MARKS",
    "ClaimRow",
    "EventView",
    "GapRow",
    "Mark",
    "View",
    "Word",
    "duration_text",
    "gap_row",
    "view_of",
    "word_of",
    "wrong_claims_of",
]

TRAFFIC: Final = "traffic"
RIGHT: Final = "right"
FULL_BAR: Final = 2.0
"""Bars end at twice the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An outcome for people; never told by colour alone."""

    css: str
    symbol: str
    short: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a verdict of a claim is drawn."""

    verdict: str
    css: str
    shape: str
    meaning: str


MARKS: Final = (
    Mark(
        verdict=RIGHT,
        css="right",
        shape="●",
        meaning="the master says the address is at the right MAC",
    ),
    Mark(
        verdict="wrong MAC",
        css="wrong-mac",
        shape="✕",
        meaning="a host says that an address is at a MAC that is not the group's",
    ),
    Mark(
        verdict="right MAC, not master",
        css="not-master",
        shape="◆",
        meaning="a host that is not master says the right MAC: the switch will send traffic to it",
    ),
    Mark(
        verdict="before first advert",
        css="early",
        shape="▲",
        meaning="a host speaks for the address shortly before its first advert",
    ),
    Mark(
        verdict="reverse lie",
        css="reverse",
        shape="■",
        meaning="the virtual MAC speaks for an address that is not of its group",
    ),
)


def word_of(outcome: Outcome) -> Word:
    """Return an outcome for people."""
    match outcome:
        case Outcome.RIGHT:
            return Word(
                css="right",
                symbol="✓",
                short="Right",
                sentence="Nothing wrong was seen, and the observers missed nothing.",
            )
        case Outcome.WRONG:
            return Word(
                css="wrong",
                symbol="✕",
                short="Wrong",
                sentence="Something happened that must not.",
            )
        case Outcome.UNPROVED:
            return Word(
                css="unproved",
                symbol="?",
                short="Not proved",
                sentence="Nothing wrong was seen, but the observers were blind for a while.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """A gap beside its limit."""

    number: int
    title: str
    address: str
    gap: str
    limit: str
    whose: str
    state: str
    """`within`, `late` (over the limit, for which no event is wrong), `over` (the event is wrong as
    well), `silent` (no answer at the end), `free` (no limit)."""
    words: str
    share: float
    """Percent of the bar; the limit stands at 50."""
    lost: int
    probes: int
    paused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """Claims of one host with one verdict."""

    host: str
    mark: Mark
    count: int
    kinds: str
    macs: str
    groups: int
    is_traffic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event in words."""

    event: Event
    word: Word
    outcomes: tuple[str, ...]
    gaps: tuple[GapRow, ...]
    claims: tuple[ClaimRow, ...]
    wrong: int
    deliveries: str
    group: str
    """The one whose sequence is shown."""
    lanes: tuple[str, ...]
    """Of the sequence: hosts, switches, others."""
    sequence: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A whole run in words."""

    result: Result
    word: Word
    events: tuple[EventView, ...]
    gaps: tuple[GapRow, ...]
    worst_gap: GapRow | None
    """The one that is worst beside its limit."""
    implementations: tuple[str, ...]
    wrong_beliefs: tuple[NeighbourChange, ...]
    claims: int
    wrong: int
    frames: int
    moments: tuple[Moment, ...]
    marks: tuple[Mark, ...] = MARKS


def view_of(result: Result) -> View:
    """Return all that a page says of a run."""
    moments = moments_of(result)
    events = tuple(_event(result, event, moments) for event in result.events)
    claims = [c for e in result.events for c in e.claims if c.kind != TRAFFIC]
    return View(
        result=result,
        word=word_of(result.outcome),
        events=events,
        gaps=tuple(row for event in events for row in event.gaps),
        worst_gap=_worst_gap(result),
        implementations=tuple(
            dict.fromkeys(m.implementation for m in result.topology.machines if m.implementation)
        ),
        wrong_beliefs=tuple(one for one in result.neighbours if not one.is_right),
        claims=sum(claim.count for claim in claims),
        wrong=sum(claim.count for claim in claims if claim.verdict != RIGHT),
        frames=sum(port.frames for port in result.captures),
        moments=moments,
    )


def _worst_gap(result: Result) -> GapRow | None:
    gaps = [(event, gap) for event in result.events for gap in event.gaps]
    if not gaps:
        return None

    def badness(pair: tuple[Event, GapSeen]) -> tuple[bool, bool, float]:
        gap = pair[1]
        is_over = gap.limit_ms is not None and gap.gap_ms > gap.limit_ms
        return not gap.is_over, is_over, gap.gap_ms

    return gap_row(*max(gaps, key=badness))


def duration_text(milliseconds: float) -> str:
    """Return a duration as people say it."""
    if abs(milliseconds) < 10:
        return f"{milliseconds:.1f} ms"
    if abs(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.2f} s"


def wrong_claims_of(event: Event) -> int:
    """Return how many claims of an event are not right."""
    return sum(c.count for c in event.claims if c.verdict != RIGHT and c.kind != TRAFFIC)


def gap_row(event: Event, gap: GapSeen) -> GapRow:
    """Return a gap beside its limit."""
    state, words = "free", "no limit applies"
    if not gap.is_over:
        state, words = "silent", "no answer at the end"
    elif gap.limit_ms is not None:
        state, words = "within", "within the limit"
        if gap.gap_ms > gap.limit_ms:
            state, words = "over" if event.problems else "late", "over the limit"
    share = 0.0
    if gap.limit_ms:
        share = min(gap.gap_ms / gap.limit_ms, FULL_BAR) / FULL_BAR * 100
    return GapRow(
        number=event.number,
        title=event.title,
        address=gap.address,
        gap=duration_text(gap.gap_ms),
        limit="none" if gap.limit_ms is None else duration_text(gap.limit_ms),
        whose=("protocol" if gap.is_protocols_limit else "target") if gap.limit_ms else "",
        state=state,
        words=words,
        share=round(share, 1),
        lost=gap.lost,
        probes=gap.probes,
        paused=duration_text(gap.prober_paused_ms) if gap.prober_paused_ms > 1 else "",
    )


def _event(result: Result, event: Event, moments: Sequence[Moment]) -> EventView:
    group = group_to_show(result, event)
    return EventView(
        event=event,
        word=word_of(Outcome.WRONG if event.problems else Outcome.RIGHT),
        outcomes=tuple(_outcomes(event)),
        gaps=tuple(gap_row(event, gap) for gap in event.gaps),
        claims=tuple(_claims(event)),
        wrong=wrong_claims_of(event),
        deliveries=_deliveries(event),
        group=group,
        lanes=_lanes(result, group),
        sequence=sequence_of(result, moments, event, group),
    )


def _lanes(result: Result, group: str) -> tuple[str, ...]:
    network_name = next((g.network for g in result.topology.groups if g.name == group), "")
    network = next((n for n in result.topology.networks if n.name == network_name), None)
    switches = network.switches if network else ()
    here = [m for m in result.topology.machines if any(c.switch in switches for c in m.cables)]
    hosts = [m.name for m in here if m.implementation]
    others = [m.name for m in here if not m.implementation]
    return (*hosts, *switches, *others)


def _outcomes(event: Event) -> Iterator[str]:
    found: dict[tuple[tuple[str, ...], tuple[str, ...], str], list[GroupOutcome]] = {}
    for outcome in event.outcomes:
        key = (outcome.masters, outcome.expected, outcome.took_over)
        found.setdefault(key, []).append(outcome)
    for (masters, expected, took_over), outcomes in found.items():
        text = f"{_of(outcomes)}: {_and(masters)} {'are' if len(masters) > 1 else 'is'} MASTER"
        if sorted(set(masters)) != sorted(expected):
            text += f", not {_and(expected)} as must be"
        after = [o.after_limit_ms for o in outcomes if o.after_limit_ms is not None]
        if took_over and after:
            worst = max(after, key=abs)
            side = "after" if worst >= 0 else "before"
            text += f"; {took_over} took over {duration_text(abs(worst))} {side} the limit"
        elif took_over and took_over not in masters:
            text += f"; {took_over} was it for a while"
        yield text


def _of(outcomes: Sequence[GroupOutcome]) -> str:
    first = f"group {outcomes[0].group}"
    return first if len(outcomes) == 1 else f"{first} and {len(outcomes) - 1} more"


def _and(hosts: Sequence[str]) -> str:
    return " and ".join(hosts) or "nobody"


def _claims(event: Event) -> Iterator[ClaimRow]:
    found: dict[tuple[bool, str, int], list[ClaimCount]] = {}
    order = [mark.verdict for mark in MARKS]
    for claim in event.claims:
        key = (claim.kind == TRAFFIC, claim.host, order.index(claim.verdict))
        found.setdefault(key, []).append(claim)
    for (is_traffic, host, place), claims in sorted(found.items()):
        yield ClaimRow(
            host=host,
            mark=MARKS[place],
            count=sum(claim.count for claim in claims),
            kinds=", ".join(dict.fromkeys(claim.kind for claim in claims)),
            macs=_some(dict.fromkeys(claim.mac for claim in claims)),
            groups=len({claim.group for claim in claims}),
            is_traffic=is_traffic,
        )


def _some(words: Iterable[str], most: int = 2) -> str:
    words = list(words)
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _deliveries(event: Event) -> str:
    found: dict[str, int] = {}
    for delivery in event.deliveries:
        found[delivery.machine] = found.get(delivery.machine, 0) + delivery.count
    total = sum(found.values())
    return ", ".join(
        f"{machine} {count:,} ({count / total:.0%})" for machine, count in found.items()
    )
