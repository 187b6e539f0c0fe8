"""What a failed test is told with: the last lines of each log of its daemons and observers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from carpio.lab.topology import Lab

__all__ = ["add_logs"]

MOST_BYTES = 4000
"""Of each log, the last ones."""


def add_logs(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add to the report of a failed test the logs in its directory and in those of its labs."""
    if report.when == "call" and report.failed:
        arguments = getattr(item, "funcargs", {}).values()
        for path in sorted(set(_logs(arguments))):
            text = path.read_bytes()[-MOST_BYTES:].decode(errors="replace")
            if text.strip():
                report.sections.append((f"end of {path.parent.name}/{path.name}", text))


def _logs(arguments: Iterable[object]) -> Iterator[Path]:
    for argument in arguments:
        directory = argument.directory if isinstance(argument, Lab) else argument
        if isinstance(directory, Path) and directory.is_dir():
            yield from directory.rglob("*.log")
