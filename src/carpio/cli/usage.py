"""What a command line can be instead of a command."""

from __future__ import annotations

__all__ = ["TextRequested", "UsageError"]


class UsageError(Exception):
    """The command line is wrong."""


class TextRequested(Exception):
    """The command line asks for a text that the parser knows."""
