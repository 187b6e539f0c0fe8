"""The world of a command as one value, so that tests can give it another one."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

__all__ = ["DEFAULT_CONTROL", "Environment"]

DEFAULT_CONTROL: Final = Path("/run/carpio/control.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Streams, variables, directory and program of a command."""

    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    cwd: Path
    stdin: TextIO = field(default_factory=io.StringIO)
    stdout_is_tty: bool = False
    program: Path = Path("carpio")
    """The script as it was called; a link to it has the name of another command."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of_process(cls) -> Environment:
        """Return the environment of this process. Paths stay as they were typed."""
        stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - a closed stream is None
        return cls(
            stdout=stdout,
            stderr=sys.stderr or stdout,
            environ=os.environ,
            cwd=Path(),
            stdin=sys.stdin or io.StringIO(),
            stdout_is_tty=stdout.isatty(),
            program=Path(sys.argv[0]),
        )

    def path(self, text: str) -> Path:
        """Return the path that the user means by `text`."""
        return self.cwd / text

    def control_path(self, given: str | None) -> Path:
        """Return the daemon's socket: as given, or $CARPIO_CONTROL, or the default."""
        text = given or self.environ.get("CARPIO_CONTROL")
        return self.path(text) if text else DEFAULT_CONTROL

    def say(self, text: str) -> None:
        """Print a line of data."""
        print(text, file=self.stdout)

    def remark(self, text: str) -> None:
        """Print a line about the data, or about what went wrong."""
        print(text, file=self.stderr)
