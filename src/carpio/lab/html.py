"""Writes pages about results: one HTML file each, which needs nothing beside it. Uses jinja2."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from carpio.errors import PlatformError
from carpio.lab.html_timeline import timeline_data
from carpio.lab.html_topology import draw
from carpio.lab.html_view import duration_text, view_of
from carpio.lab.result import Result

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["REPORT_FILE", "page_of", "template_text", "templates", "write_page"]

REPORT_FILE: Final = "report.html"
MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_\[\]|])")
MISSING: Final = "the report needs the library jinja2"
REMEDY: Final = "pip install 'carpio[lab]', then carpio lab report DIRECTORY"


def page_of(result: Result) -> str:
    """Return the report of a run as an HTML document.

    Raises:
        PlatformError: jinja2 is not installed.
    """
    view = view_of(result)
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            view=view,
            result=result,
            marks={mark.verdict: mark for mark in view.marks},
            drawing=draw(result.topology),
            data=_as_script(timeline_data(result, view.moments)),
            style=template_text("report.css"),
            script=template_text("report.js"),
        )
    )


def write_page(result: Result, directory: Path) -> Path:
    """Write report.html into a directory; return its path.

    Raises:
        PlatformError: jinja2 is not installed.
    """
    path = directory / REPORT_FILE
    path.write_text(page_of(result), encoding="utf-8")
    return path


def _as_script(data: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _markdown_line(text: object) -> str:
    """Return text that stays one cell of a table, and is text, whatever is in it."""
    line = " ".join(str(text).split())
    return MARKDOWN_SPECIAL.sub(r"\\\1", line).replace("<", "&lt;")


@cache
def template_text(name: str) -> str:
    """Return a file of the package as it stands."""
    return resources.files("carpio.lab").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def templates() -> Environment:
    """Return the templates; those of HTML escape what they are given.

    Raises:
        PlatformError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise PlatformError(MISSING, remedy=REMEDY) from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["duration"] = duration_text
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["seconds"] = lambda value: f"{value:.3f}"
    environment.filters["line"] = _markdown_line
    environment.filters["code"] = lambda text: " ".join(text.replace("`", "'").split())
    environment.filters["fenced"] = lambda text: text.replace("```", "'''")
    return environment
