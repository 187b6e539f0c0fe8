"""Names that cost nothing to know."""

from typing import Final

__all__ = ["COMMANDS"]

COMMANDS: Final = ("ifconfig", "netstat", "sysctl")
"""The commands; each is a module of this package with `run(argv, world)`."""
