"""Writes what people read beside a result: report.html and report.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from carpio.errors import PlatformError
from carpio.lab.result import Result

__all__ = ["write_pages"]


def write_pages(result: Result, directory: Path, say: Callable[[str], None]) -> bool:
    """Write both, or say what is missing; return whether they were written."""
    from carpio.lab.html import write_page
    from carpio.lab.markdown import write_markdown

    try:
        write_page(result, directory)
        write_markdown(result, directory)
    except PlatformError as error:
        say(str(error))
        return False
    return True
