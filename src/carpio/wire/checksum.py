"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

__all__ = ["internet_checksum"]


def internet_checksum(data: bytes) -> int:
    """Return the ones' complement of the ones' complement sum of 16-bit big-endian words.

    An odd last byte counts as followed by zero. 0 over data that carries its own checksum means
    that it is right.
    """
    number = int.from_bytes(data, "big")  # its remainder by 0xFFFF is that of the sum of its words
    if len(data) % 2:
        number <<= 8
    return -number % 0xFFFF if number else 0xFFFF
