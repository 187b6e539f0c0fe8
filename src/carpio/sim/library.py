"""The scenarios that come with carpio."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["find_scenario", "names", "path_of"]

_DIRECTORY: Final = Path(__file__).parent / "scenarios"


def names() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(path.stem for path in _DIRECTORY.glob("*.toml"))


def path_of(name: str) -> Path:
    """Return the file of a scenario."""
    return _DIRECTORY / f"{name}.toml"


def find_scenario(text: str, given: Path) -> Path | None:
    """Return the scenario called `text`, or the file `given`; None when there is neither."""
    if text in names():
        return path_of(text)
    return given if given.is_file() else None
