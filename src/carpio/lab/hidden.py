"""What of this machine's files a lab cannot see: its place has a /run of its own (`cage`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from carpio.errors import PlatformError

__all__ = ["HIDDEN", "check_seen"]

HIDDEN: Final = Path("/run")


def check_seen(path: Path, remedy: str) -> None:
    """Check that a lab sees a path, which need not exist yet.

    Raises:
        PlatformError: it does not, and what is written there would be lost; carries the remedy.
    """
    resolved = path.resolve()
    if resolved.is_relative_to(HIDDEN.resolve()):
        where = f"{path} is {resolved}" if path != resolved else f"{path}"
        raise PlatformError(f"{where}: a lab does not see what is below {HIDDEN}", remedy=remedy)
