"""What an instance says and recognises: its payloads, its counter, what it sent (spec 4.4, 15)."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from carpio.core.model import InstanceConfig
from carpio.wire.auth import Authenticator
from carpio.wire.constants import Family
from carpio.wire.header import CarpHeader, encode_advertisement

__all__ = ["Entropy", "Signer"]

_SENT_KEPT: Final = 8
_COUNTER_BITS: Final = 64


class Entropy(Protocol):
    """Randomness; the initial counter and the turns after crossed adverts draw from it."""

    def getrandbits(self, k: int, /) -> int:
        """Return a random integer of `k` bits."""
        ...


class Signer:
    """Signs the advertisements of one instance and checks those of its peers."""

    __slots__ = ("_authenticator", "_counter", "_entropy", "_sent", "_vhid")

    def __init__(self, config: InstanceConfig, entropy: Entropy) -> None:
        self._vhid = config.vhid
        self._entropy = entropy
        self._counter: int | None = None
        self._sent: deque[tuple[bytes, int, int, Family]] = deque(maxlen=_SENT_KEPT)
        self.configure(config)

    def configure(self, config: InstanceConfig) -> None:
        """Use the key and addresses of `config` from the next packet on; the counter goes on."""
        addresses = [virtual.address for virtual in config.addresses]
        self._authenticator = Authenticator(config.key, config.vhid, addresses)

    def sign(self, advbase: int, advskew: int, family: Family) -> bytes:
        """Return the payload of a new advertisement."""
        counter = self._next_counter().to_bytes(8, "big")
        digest = self._authenticator.digest(counter)
        self._sent.append((digest, advbase, advskew, family))
        return encode_advertisement(self._vhid, advskew, advbase, counter, digest)

    def has_sent(self, header: CarpHeader, family: Family) -> bool:
        """Tell whether one of the last advertisements that we sent was the same.

        Rank and family are compared too: a peer that answers our advertisement at once continues
        our counter, and its digest is then the one of our next advertisement, if that left already.
        """
        return (header.digest, header.advbase, header.advskew, family) in self._sent

    def accepts(self, header: CarpHeader) -> bool:
        """Check the digest; when it is right take over the counter, in every state."""
        counter = header.counter
        if not self._authenticator.verify(counter, header.digest):
            return False
        self._counter = int.from_bytes(counter, "big")
        return True

    def _next_counter(self) -> int:
        if self._counter is None:
            return self._entropy.getrandbits(_COUNTER_BITS)
        self._counter = (self._counter + 1) % (1 << _COUNTER_BITS)
        return self._counter
