"""Keys and digests of CARP: HMAC-SHA1 over version, type, vhid, addresses and counter (spec 4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from carpio.wire.constants import (
    ADVERTISEMENT,
    CARP_VERSION,
    KEY_LENGTH,
    PASSPHRASE_SIGNIFICANT,
)

__all__ = ["Authenticator", "Key"]

_BLOCK: Final = 64
"""Bytes of an SHA-1 block (FIPS 180-4)."""
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_NEVER_HASHED: Final = frozenset((bytes(4), b"\xff" * 4, bytes(16), b"\xff" * 16))
"""Addresses that the reference uses as search sentinels (spec 4.2)."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """The 20 bytes under the HMAC. Never shows itself."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LENGTH:
            raise ValueError(f"a key has {KEY_LENGTH} bytes, not {len(self.raw)}")

    def __repr__(self) -> str:
        return "Key(********)"

    @classmethod
    def from_passphrase(cls, passphrase: str) -> Key:
        """Make a key as ifconfig does: 19 bytes of UTF-8 count, up to the first NUL (R-025)."""
        significant = passphrase.encode().split(b"\0", 1)[0][:PASSPHRASE_SIGNIFICANT]
        return cls.from_bytes(significant)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Key:
        """Make a key of up to 20 raw bytes, zero padded (R-026). Raises ValueError beyond."""
        if len(raw) > KEY_LENGTH:
            raise ValueError(f"a key has at most {KEY_LENGTH} bytes, not {len(raw)}")
        return cls(raw.ljust(KEY_LENGTH, b"\0"))


class Authenticator:
    """Digests for one group. All that does not change is hashed once, here."""

    __slots__ = ("_inner", "_outer")

    def __init__(
        self,
        key: Key,
        vhid: int,
        addresses: Iterable[IPv4Address | IPv6Address],
        *,
        omit_scoped: bool = False,
        lladdr: bytes | None = None,
    ) -> None:
        """Prepare for a group's key and addresses, in any order, repeated or not.

        `omit_scoped` and `lladdr` (a MAC set by hand) give the OpenBSD variants of spec 20.2.
        """
        padded = key.raw.ljust(_BLOCK, b"\0")
        prefix = bytes((CARP_VERSION, ADVERTISEMENT)) + (lladdr or b"") + bytes((vhid,))
        hashed = prefix + _address_list(addresses, omit_scoped=omit_scoped)
        self._inner = hashlib.sha1(padded.translate(_INNER) + hashed, usedforsecurity=False)
        self._outer = hashlib.sha1(padded.translate(_OUTER), usedforsecurity=False)

    def digest(self, counter: bytes) -> bytes:
        """Return the 20-byte digest for the 8 counter bytes as on the wire."""
        inner = self._inner.copy()
        inner.update(counter)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def verify(self, counter: bytes, digest: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.digest(counter), digest)


def _address_list(addresses: Iterable[IPv4Address | IPv6Address], *, omit_scoped: bool) -> bytes:
    """IPv4 ascending, then IPv6 ascending, each once, scope slots cleared (spec 4.2)."""
    v4: set[bytes] = set()
    v6: set[bytes] = set()
    for address in addresses:
        packed = address.packed
        if len(packed) == 4:
            v4.add(packed)
            continue
        if _is_scoped(packed):
            if omit_scoped:
                continue
            packed = packed[:2] + b"\0\0" + packed[4:]
        v6.add(packed)
    return b"".join(sorted(v4 - _NEVER_HASHED)) + b"".join(sorted(v6 - _NEVER_HASHED))


def _is_scoped(packed: bytes) -> bool:
    """fe80::/10, ff?1::/16, ff?2::/16: bytes 2 and 3 hold an interface index on the BSDs."""
    if packed[0] == 0xFE and packed[1] & 0xC0 == 0x80:
        return True
    return packed[0] == 0xFF and packed[1] & 0x0F in (1, 2)
