"""The variables of commands: those of this process, and which jail it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["for_host", "for_jail"]

_USUAL_PATH: Final = "/sbin:/bin:/usr/sbin:/usr/bin"
_CLEAN_PATH: Final = "/bin:/usr/bin"


def for_host(
    environ: Mapping[str, str], links: str | None, about: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a command on the host: our commands come first in PATH."""
    path = environ.get("PATH") or _USUAL_PATH
    return {**environ, "PATH": f"{links}:{path}" if links else path, **about}


def for_jail(
    environ: Mapping[str, str], about: Mapping[str, str], *, is_clean: bool
) -> dict[str, str]:
    """Return the variables of a command in a jail; those of its user are not in it."""
    if is_clean:
        term = {"TERM": environ["TERM"]} if "TERM" in environ else {}
        return {"PATH": _CLEAN_PATH, **term}
    return {**environ, "PATH": environ.get("PATH") or _USUAL_PATH, **about}
