"""What the parameters of all methods have in common."""

from __future__ import annotations

from typing import ClassVar

import msgspec

__all__ = ["Params"]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of one method; the class is the method."""

    method: ClassVar[str]
