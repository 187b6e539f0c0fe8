"""Writes a result as Markdown, for issues and merge requests. Uses jinja2."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from carpio.lab.html import templates
from carpio.lab.html_view import view_of
from carpio.lab.result import Result

__all__ = ["MARKDOWN_FILE", "markdown_of", "write_markdown"]

MARKDOWN_FILE: Final = "report.md"


def markdown_of(result: Result) -> str:
    """Return the report of a run as Markdown.

    Raises:
        PlatformError: jinja2 is not installed.
    """
    return templates().get_template("report.md.j2").render(view=view_of(result), result=result)


def write_markdown(result: Result, directory: Path) -> Path:
    """Write report.md into a directory; return its path.

    Raises:
        PlatformError: jinja2 is not installed.
    """
    path = directory / MARKDOWN_FILE
    path.write_text(markdown_of(result), encoding="utf-8")
    return path
