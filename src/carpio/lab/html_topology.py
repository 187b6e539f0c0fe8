"""Where the machines of a topology stand in its picture. Pure: numbers for a template to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.lab.result import Kind, Machine, Network, Topology

__all__ = ["Bar", "Box", "Drawing", "Line", "draw"]

BOX_WIDTH: Final = 172
BOX_HEIGHT: Final = 76
GAP: Final = 20
MARGIN: Final = 8
CABLE: Final = 42
BAR_HEIGHT: Final = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A machine; x and y are its upper left corner."""

    machine: Machine
    x: float
    y: float
    width: float = BOX_WIDTH
    height: float = BOX_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A switch."""

    name: str
    network: str
    x: float
    y: float
    width: float
    height: float = BAR_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A cable, or a trunk."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""
    is_trunk: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The whole picture."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]


def draw(topology: Topology) -> Drawing:
    """Return the picture: switches as bars, a row for each network, machines between them."""
    rows = _rows(topology)
    width = _width(topology, rows)
    boxes: list[Box] = []
    bars: list[Bar] = []
    y: float = MARGIN
    for number, row in enumerate(rows):
        if row:
            boxes.extend(_row_of_boxes(topology, row, y, width))
            y += BOX_HEIGHT + CABLE
        if number < len(topology.networks):
            network = topology.networks[number]
            bars.extend(_row_of_bars(network, y, width))
            y += BAR_HEIGHT + CABLE
    bottoms = [box.y + box.height for box in boxes] + [bar.y + bar.height for bar in bars]
    bottom = max(bottoms, default=0)
    return Drawing(
        width=width,
        height=bottom + MARGIN,
        boxes=tuple(boxes),
        bars=tuple(bars),
        lines=(*_cables(boxes, bars), *_trunks(topology, bars)),
    )


def _rows(topology: Topology) -> list[list[Machine]]:
    """Return the machines above the first network, between it and the second, and so on."""
    place = {s: n for n, network in enumerate(topology.networks) for s in network.switches}
    rows: list[list[Machine]] = [[] for _ in range(len(topology.networks) + 1)]
    last = len(topology.networks)
    for machine in topology.machines:
        numbers = [place[cable.switch] for cable in machine.cables if cable.switch in place]
        if len(set(numbers)) > 1:
            rows[max(numbers)].append(machine)
        elif last == 1:
            rows[0 if machine.kind is Kind.HOST else 1].append(machine)
        else:
            rows[0 if max(numbers, default=0) == 0 else last].append(machine)
    return rows


def _width(topology: Topology, rows: Sequence[Sequence[Machine]]) -> float:
    most = max(*(len(row) for row in rows), *(len(n.switches) for n in topology.networks), 2)
    return most * (BOX_WIDTH + GAP) - GAP + 2 * MARGIN


def _row_of_boxes(
    topology: Topology, row: Sequence[Machine], y: float, width: float
) -> Iterator[Box]:
    order = [switch for network in topology.networks for switch in network.switches]
    row = sorted(row, key=lambda m: order.index(m.cables[0].switch) if m.cables else 0)
    pitch = (width - 2 * MARGIN + GAP) / len(row)
    for number, machine in enumerate(row):
        x = MARGIN + number * pitch + (pitch - GAP - BOX_WIDTH) / 2
        yield Box(machine=machine, x=x, y=y)


def _row_of_bars(network: Network, y: float, width: float) -> Iterator[Bar]:
    count = len(network.switches)
    gap = GAP * 4
    each = (width - 2 * MARGIN - gap * (count - 1)) / count
    for number, switch in enumerate(network.switches):
        yield Bar(
            name=switch,
            network=network.name,
            x=MARGIN + number * (each + gap),
            y=y,
            width=each,
        )


def _cables(boxes: Sequence[Box], bars: Sequence[Bar]) -> Iterator[Line]:
    by_name = {bar.name: bar for bar in bars}
    for box in boxes:
        count = len(box.machine.cables)
        for cable in box.machine.cables:
            bar = by_name.get(cable.switch)
            if bar is None:
                continue
            is_above = box.y < bar.y
            same = [c for c in box.machine.cables if _is_above(box, by_name, c.switch) == is_above]
            share = (same.index(cable) + 1) / (len(same) + 1) if count > 1 else 0.5
            x = box.x + box.width * share
            yield Line(
                x1=x,
                y1=box.y + box.height if is_above else box.y,
                x2=min(max(x, bar.x + 12), bar.x + bar.width - 12),
                y2=bar.y if is_above else bar.y + bar.height,
                label=cable.interface,
            )


def _is_above(box: Box, bars: dict[str, Bar], switch: str) -> bool:
    return switch in bars and box.y < bars[switch].y


def _trunks(topology: Topology, bars: Sequence[Bar]) -> Iterator[Line]:
    by_name = {bar.name: bar for bar in bars}
    for trunk in topology.trunks:
        ends = [by_name[name] for name in trunk.between if name in by_name]
        if len(ends) == 2 and ends[0] is not ends[1]:
            left, right = sorted(ends, key=lambda bar: bar.x)
            yield Line(
                x1=left.x + left.width,
                y1=left.y + left.height / 2,
                x2=right.x,
                y2=right.y + right.height / 2,
                label=trunk.name,
                is_trunk=True,
            )
