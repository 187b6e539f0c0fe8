"""What the exit statuses of all commands mean."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

__all__ = ["EXIT_MEANINGS", "ExitStatus"]


@unique
class ExitStatus(IntEnum):
    """Exit status of a command; the numbers are part of the contract."""

    DONE = 0
    FAILED = 1
    INVALID = 2
    WARNINGS = 3
    UNREACHABLE = 4
    NOT_PERMITTED = 5
    USAGE = 64
    """EX_USAGE of <sysexits.h>."""
    INTERRUPTED = 130
    """As a shell says it of SIGINT."""


EXIT_MEANINGS: Final = {
    ExitStatus.DONE: "Done.",
    ExitStatus.FAILED: "Failed, or something was found (check --host, decode).",
    ExitStatus.INVALID: "A configuration file is not valid.",
    ExitStatus.WARNINGS: "Valid, with warnings (check only).",
    ExitStatus.UNREACHABLE: "The daemon cannot be reached.",
    ExitStatus.NOT_PERMITTED: "Not permitted.",
    ExitStatus.USAGE: "The command line is wrong.",
    ExitStatus.INTERRUPTED: "Interrupted with ^C (sim, lab).",
}
