"""What values of parameters are, once they are judged."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Setpoint"]

Setpoint: TypeAlias = bool | int | str | tuple[str, ...]
"""The value of a parameter by its kind; of a mode, one of its names."""
