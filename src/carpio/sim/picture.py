"""The timeline of a report as one SVG, and as a page with the text. Needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from carpio.config.problems import printable
from carpio.core.model import State
from carpio.sim.report import GroupReport, Report
from carpio.sim.text import as_text

__all__ = ["as_html", "as_svg"]

_LEFT, _WIDTH, _RIGHT = 140, 960, 20
_LANE, _GAP, _TOP = 18, 34, 46
_LEAST: Final = 1.5
"""Pixels of the shortest stretch, so that a moment with two masters can be seen."""
_COLOURS: Final = {State.INIT: "#d0d0d0", State.BACKUP: "#cfe3f7", State.MASTER: "#9ec5ec"}
_ANSWERS, _TWO, _FAULT, _BROKEN, _FOUND = "#1f6fb5", "#d62728", "#8c6d31", "#d62728", "#e6a100"
_LEGEND: Final = (
    ("answers", _ANSWERS),
    ("more than one answers", _TWO),
    ("BACKUP", _COLOURS[State.BACKUP]),
    ("INIT", _COLOURS[State.INIT]),
)


def as_html(report: Report) -> str:
    """Return a page with picture and text."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>carpio sim</title></head>\n<body>\n"
        f"{as_svg(report)}\n<pre>{escape(as_text(report))}</pre>\n</body></html>\n"
    )


def as_svg(report: Report) -> str:
    """Return the picture."""
    lanes = sum(len(group.hosts) for group in report.groups)
    height = _TOP + lanes * (_LANE + 4) + len(report.groups) * _GAP + 20
    width = _LEFT + _WIDTH + _RIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *_legend(),
            *_body(report, height),
            "</svg>",
        ]
    )


def _legend() -> Iterator[str]:
    x = _LEFT
    for name, colour in _LEGEND:
        yield f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 16}" y="18">{name}</text>'
        x += 28 + 7 * len(name)


def _body(report: Report, height: int) -> Iterator[str]:
    y = _TOP
    for group in report.groups:
        yield f'<text x="4" y="{y + 10}" font-weight="bold">{_escaped(group.name)}</text>'
        y += 16
        for host in group.hosts:
            yield f'<text x="20" y="{y + 13}">{_escaped(host.host)}</text>'
            yield from _lane(group, host.host, report.duration, y)
            y += _LANE + 4
        y += _GAP - 16
    yield from _marks(report, height)
    for tenth in range(11):
        x = _LEFT + _WIDTH * tenth / 10
        seconds = report.duration / 1e9 * tenth / 10
        yield f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{seconds:g} s</text>'


def _lane(group: GroupReport, host: str, duration: int, y: int) -> Iterator[str]:
    states = [(0, State.INIT), *((one.at, one.new) for one in group.changes if one.host == host)]
    ends = [*(at for at, _ in states[1:]), duration]
    for (at, state), end in zip(states, ends, strict=True):
        yield _bar(at, end, duration, y, _COLOURS[state], f"{host} {state.value}")
    ends = [*(at for at, _ in group.speakers[1:]), duration]
    for (at, who), end in zip(group.speakers, ends, strict=True):
        if host in who and end > at:
            colour = _ANSWERS if len(who) == 1 else _TWO
            yield _bar(at, end, duration, y, colour, f"answers: {', '.join(who)}")


def _bar(begin: int, end: int, duration: int, y: int, colour: str, title: str) -> str:
    x = _x(begin, duration)
    width = max(_x(end, duration) - x, _LEAST)
    title = f"{title}, {begin / 1e9:.6f} to {end / 1e9:.6f} s"
    return (
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_LANE}" fill="{colour}">'
        f"<title>{_escaped(title)}</title></rect>"
    )


def _marks(report: Report, height: int) -> Iterator[str]:
    """Draw faults as dashed lines and findings as lines, with their text."""
    marks = [(at, _FAULT, text, "4 3") for at, text in report.faults_at]
    marks += [
        (one.first, _BROKEN if one.is_violation else _FOUND, one.kind.value, "none")
        for one in report.findings
    ]
    for at, colour, text, dashes in marks:
        x = _x(at, report.duration)
        yield (
            f'<line x1="{x:.2f}" y1="{_TOP - 16}" x2="{x:.2f}" y2="{height - 20}" '
            f'stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dashes}">'
            f"<title>{_escaped(text)}</title></line>"
        )


def _escaped(text: str) -> str:
    return escape(printable(text))


def _x(at: int, duration: int) -> float:
    return _LEFT + _WIDTH * at / max(duration, 1)
