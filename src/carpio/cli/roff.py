"""Manual pages in the man(7) macros; knows the format, not what a page says."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["bold", "code_block", "escaped", "heading", "paragraph", "section", "tagged"]


def escaped(text: str) -> str:
    """Return `text` so that it stands for itself."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def heading(title: str, number: int, version: str, manual: str) -> list[str]:
    """Return the first line of a page."""
    return [f'.TH {title.upper()} {number} "" "carpio {version}" "{manual}"']


def section(title: str) -> list[str]:
    """Return the heading of a section, or of a subsection when it is not in capitals."""
    macro = "SH" if title.isupper() else "SS"
    return [f'.{macro} "{escaped(title)}"']


def paragraph(text: str) -> list[str]:
    """Return a paragraph of plain text."""
    return [".PP", escaped(text)]


def bold(text: str) -> str:
    """Return `text` in bold, within a line of its own."""
    return f'.B "{escaped(text)}"'


def tagged(tag: str, texts: Iterable[str]) -> list[str]:
    """Return an entry of a list: the tag in bold, texts indented below it."""
    lines = [".TP", bold(tag)]
    for number, text in enumerate(texts):
        lines += [".IP", escaped(text)] if number else [escaped(text)]
    return lines


def code_block(text: str) -> list[str]:
    """Return lines that are shown as they are."""
    shown = [f"\\&{escaped(line).removeprefix(chr(92) + '&')}" for line in text.splitlines()]
    return [".PP", ".RS 4", ".nf", *shown, ".fi", ".RE"]
