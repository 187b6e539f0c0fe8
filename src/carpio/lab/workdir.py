"""Where a lab's files go: a directory that was chosen, or a temporary one; a lab must see both."""

from __future__ import annotations

import tempfile
from pathlib import Path

from carpio.lab.hidden import check_seen

__all__ = ["check_out", "out_or_temporary", "temporary_directory"]


def check_out(directory: Path) -> None:
    """Check a directory that was chosen. Raises PlatformError where no lab sees it."""
    check_seen(directory, "choose another --out")


def temporary_directory(prefix: str) -> Path:
    """Make a directory. Raises PlatformError where no lab sees it."""
    check_seen(Path(tempfile.gettempdir()), "set TMPDIR to another directory, or choose an --out")
    return Path(tempfile.mkdtemp(prefix=prefix))


def out_or_temporary(out: Path | None, prefix: str) -> Path:
    """Return the directory that was chosen, or make one. Raises PlatformError as the others."""
    if out is None:
        return temporary_directory(prefix)
    check_out(out)
    return out
