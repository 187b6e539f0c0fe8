"""When failed sends make an instance less eligible (spec 10.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["SendHealth"]

_THRESHOLD: Final = 3


class SendHealth:
    """Counts send errors and what came after them; each family's send counts by itself."""

    __slots__ = ("_errors", "_successes")

    def __init__(self) -> None:
        self._errors = 0
        self._successes = 0

    @property
    def is_condemned(self) -> bool:
        """Tell whether the errors so far demote."""
        return self._errors >= _THRESHOLD

    def fail(self) -> bool:
        """Count a failed send; tell whether it is the one that demotes."""
        self._errors += 1
        self._successes = 0
        return self._errors == _THRESHOLD

    def succeed(self) -> bool:
        """Count a good send; tell whether it is the one that undoes the demotion."""
        if not self._errors:
            return False
        self._successes += 1
        if self._successes < _THRESHOLD:
            return False
        recovered = self.is_condemned
        self._errors = 0
        return recovered
