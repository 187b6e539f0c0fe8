"""Where this installation has its script, and the directory with the names of the BSDs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError

__all__ = ["links_directory", "provide_links", "script_of"]

_SCRIPT: Final = "carpio"
_DIRECTORY: Final = Path("libexec/carpio")


def script_of(program: Path) -> Path:
    """Return the installed script `carpio` of the program that runs, which may be a link to it.

    Raises PlatformError.
    """
    for beside in (program.resolve(), Path(sys.executable)):
        candidate = beside.with_name(_SCRIPT)
        if candidate.is_file():
            return candidate
    raise PlatformError("the installed script carpio is not found", remedy="call it by its path")


def links_directory(script: Path) -> Path:
    """Return where the links to a script are: PREFIX/libexec/carpio for PREFIX/bin/carpio."""
    return script.parent.parent / _DIRECTORY


def provide_links(script: Path, names: Sequence[str]) -> Path:
    """See to it that each name is a link to the script; return their directory.

    Changes nothing when all is there. Raises PlatformError.
    """
    directory = links_directory(script)
    target = os.path.relpath(script, directory)
    missing = [name for name in names if not _is_link(directory / name, target)]
    try:
        if missing:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in missing:
            _link(directory / name, target)
    except OSError as error:
        raise PlatformError(
            f"making {error.filename2 or error.filename or directory}",
            errno=error.errno or 0,
            remedy="call `carpio bsd-path` once as who installed carpio, or as root",
        ) from error
    return directory


def _is_link(path: Path, target: str) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(path) == target
    return False


def _link(path: Path, target: str) -> None:
    """Make a link, also in place of an older one. Raises OSError."""
    if path.is_symlink():
        path.unlink()
    path.symlink_to(target)
