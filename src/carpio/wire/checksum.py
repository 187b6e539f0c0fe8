"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

__all__ = ["internet_checksum"]


def internet_checksum(data: bytes) -> int:
    """Return the ones' complement of the ones' complement sum of 16-bit big-endian words.

    An odd last byte counts as followed by zero. 0 over data that carries its own checksum means
    that it is right.
    """
    number = int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big")
    if number == 0:
        return 0xFFFF
    return 0xFFFF - ((number - 1) % 0xFFFF + 1)
