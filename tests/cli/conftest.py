"""Whole commands, in this process, in a world of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.helpers.control import FakeDaemon, answering

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    exit_status: ExitStatus
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    def run_command(
        *argv: str, environ: dict[str, str] | None = None, tty: bool = False
    ) -> Outcome:
        environment = Environment(
            stdout=io.StringIO(),
            stderr=io.StringIO(),
            environ={"CARPIO_CONTROL": "control.sock"} | (environ or {}),
            cwd=tmp_path,
            stdout_is_tty=tty,
            now=lambda: datetime(2026, 1, 2, 3, 14, 5, tzinfo=UTC),
        )
        status = main(argv, environment)
        return Outcome(status, environment.stdout.getvalue(), environment.stderr.getvalue())

    return run_command


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with answering(tmp_path / "control.sock") as fake:
        yield fake
