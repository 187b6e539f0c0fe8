"""Where a lab's files go: a directory that was chosen, or a temporary one; a lab must see both."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from carpio.lab.cage import run_inside
from carpio.lab.hidden import check_seen

__all__ = ["check_out", "run_with_results", "temporary_directory"]

INTERRUPTED: Final = 128
"""From here on a status is that of a command which a signal ended."""


def check_out(directory: Path) -> None:
    """Check a directory that was chosen. Raises PlatformError where no lab sees it."""
    check_seen(directory, "choose another --out")


def temporary_directory(prefix: str) -> Path:
    """Make a directory. Raises PlatformError where no lab sees it."""
    check_seen(Path(tempfile.gettempdir()), "set TMPDIR to another directory, or choose an --out")
    return Path(tempfile.mkdtemp(prefix=prefix))


def run_with_results(words: Sequence[str], out: Path | None, prefix: str) -> int:
    """Run an action in a place of its own, with a directory for its results; return its status.

    Without `out` it is a temporary one, which stays only when there are results in it.

    Raises:
        PlatformError: no lab sees the directory, or the kernel does not let us.
    """
    if out is not None:
        check_out(out)
        return run_inside(words)
    directory = temporary_directory(prefix)
    status = INTERRUPTED
    try:
        status = run_inside((*words, "--out", str(directory)))
    finally:
        if not any(directory.rglob("result.json")):
            shutil.rmtree(directory, ignore_errors=True)
        elif status >= INTERRUPTED:
            print(f"what was done until then is in {directory}", file=sys.stderr)
    return status
