"""Names that cost nothing to know."""

from collections.abc import Mapping
from typing import Final

__all__ = ["COMMANDS", "MODULES"]

MODULES: Final[Mapping[str, str]] = {
    "ifconfig": "carpio.bsd.ifconfig",
    "jail": "carpio.jail.command",
    "jexec": "carpio.jail.jexec",
    "jls": "carpio.jail.jls",
    "netstat": "carpio.bsd.netstat",
    "sysctl": "carpio.bsd.sysctl",
}
"""The commands, each with its module, which has `run(argv, world)`."""
COMMANDS: Final = tuple(MODULES)
