"""Streams of chance, one per purpose: what one part draws changes nothing for another."""

from __future__ import annotations

from random import Random

__all__ = ["stream"]


def stream(*names: object) -> Random:
    """Return the stream of that name; its first part is the seed of the run."""
    # not for keys: a run must be repeatable, and text seeds it alike in every process
    name = "/".join(map(str, names)).encode(errors="surrogateescape")  # of a file, perhaps
    return Random(name)  # noqa: S311
