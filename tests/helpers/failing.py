"""What a failed test is told with: the last lines of each log of its daemons and observers."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from carpio.lab.topology import Lab

__all__ = ["pytest_runtest_makereport"]

MOST_BYTES = 4000
"""Of each log, the last ones."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test the logs in its directory and in those of its labs."""
    report = yield
    if report.failed:
        for path in sorted(set(_logs(getattr(item, "funcargs", {}).values()))):
            with suppress(OSError):  # gone meanwhile
                if text := _end_of(path):
                    report.sections.append((f"end of {path.parent.name}/{path.name}", text))
    return report


def _logs(arguments: Iterable[object]) -> Iterator[Path]:
    for argument in arguments:
        directory = getattr(argument, "directory", None) if isinstance(argument, Lab) else argument
        if isinstance(directory, Path):
            with suppress(OSError):  # it changes meanwhile, or cannot be read
                yield from [path for path in directory.rglob("*.log") if path.is_file()]


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_BYTES))
        return file.read().decode(errors="replace").strip()
