"""How long to wait after two equal masters spoke at once, so that they do not do it again.

BACKUPs of one rank heard the same last advert of their MASTER, so they take over at the same
moment, with the same continued counter. Their adverts cross, and each gives way to the other.
Chance decides who comes back first, over a stretch that doubles each time that they meet again:
it must become longer than the delay of the link, which nobody knows.
"""

from __future__ import annotations

from typing import Final

from carpio.core.model import Nanoseconds
from carpio.core.signer import Entropy

__all__ = ["Crossings"]

_LEAST: Final = 1_000_000
"""All that the other one had sent is heard by then."""
_BITS: Final = 24
"""The first stretch is 2**24 ns, 17 ms."""
_MOST_BITS: Final = 32
"""The longest is 4.3 s."""


class Crossings:
    """The crossings of one group since anything else was heard or said."""

    __slots__ = ("_bits", "_entropy")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._bits = _BITS

    def next_delay(self) -> Nanoseconds:
        """Note one more; return when to try again."""
        delay = _LEAST + self._entropy.getrandbits(self._bits)
        self._bits = min(self._bits + 1, _MOST_BITS)
        return Nanoseconds(delay)

    def end(self) -> None:
        """One of them is master for good, or it was not what it seemed."""
        self._bits = _BITS
