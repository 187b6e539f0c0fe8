"""The world of a BSD command as one value, so that tests can give it another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from carpio.control.client import ControlClient

__all__ = ["World"]

PATIENCE_S = 30.0
"""Long enough for the last of hundreds of callers who change something at the same time."""


def _no_links() -> Path | None:
    return None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Streams, variables, the daemon's socket, and ways to leave where the command was called."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    control: Path
    enter: Callable[[str], None]
    """Go into the network namespace of a jail or of ip-netns(8). Raises PlatformError."""
    start_daemon: Callable[[], None]
    """Start the daemon of this host unless it runs, and wait for it. Raises CarpioError."""
    links: Callable[[], Path | None] = _no_links
    """Return the directory with our commands by the names of the BSDs. Raises CarpioError."""
    root: Path = Path("/")
    """Where /proc and files to read are; another place in tests."""

    def client(self) -> ControlClient:
        """Return a connection to the daemon, made at the first request."""
        return ControlClient(self.control, timeout_s=PATIENCE_S)

    def say(self, text: str) -> None:
        """Print a line of output."""
        print(text, file=self.stdout)

    def remark(self, text: str) -> None:
        """Print a line about what went wrong."""
        print(text, file=self.stderr)
