"""The CARP version 2 advertisement: 36 bytes and what they mean (spec 2, 5.1)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from carpio.errors import DecodeError
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import (
    ADVERTISEMENT,
    AUTHLEN,
    CARP_LENGTH,
    CARP_VERSION,
    VRRP_MINIMUM,
    VRRP_VERSION,
    DropReason,
    Family,
)

__all__ = ["CarpHeader", "decode_advertisement", "encode_advertisement"]

_LAYOUT: Final = struct.Struct("!BBBBBBH8s20s")
_VERSION_TYPE: Final = CARP_VERSION << 4 | ADVERTISEMENT


class CarpHeader(NamedTuple):
    """A decoded advertisement. Of a VRRPv3 packet only `version`, `type` and `vhid` count.

    A tuple, as all that is made for every frame heard.
    """

    vhid: int
    advskew: int
    advbase: int
    counter: bytes
    digest: bytes
    demote: int = 0
    authlen: int = AUTHLEN
    type: int = ADVERTISEMENT
    version: int = CARP_VERSION


def encode_advertisement(
    vhid: int, advskew: int, advbase: int, counter: bytes, digest: bytes, demote: int = 0
) -> bytes:
    """Return the payload with its checksum; the mirror of `decode_advertisement`."""
    packed = _LAYOUT.pack(
        _VERSION_TYPE, vhid, advskew, AUTHLEN, demote, advbase, 0, counter, digest
    )
    return packed[:6] + internet_checksum(packed).to_bytes(2, "big") + packed[8:]


def decode_advertisement(payload: bytes, family: Family = Family.IPV4) -> CarpHeader:
    """Check length, version and checksum, in the order of spec 5.1, and take apart.

    The checksum must be right over the first 36 bytes or, with IPv4, over the whole payload
    (R-058). A VRRPv3 packet (version 3) passes with empty counter and digest, for the caller to
    say that there is no such vhid, or that it speaks another version. The texts are those of the
    debug log, without the routine in front and the interface behind.
    Raises DecodeError.
    """
    if len(payload) < VRRP_MINIMUM:
        raise DecodeError(
            DropReason.BADLEN, f"received len {len(payload)} < sizeof(struct vrrpv3_header)"
        )
    version = payload[0] >> 4
    if version != CARP_VERSION:
        return _decode_vrrp(payload, version)
    if len(payload) < CARP_LENGTH:
        raise DecodeError(DropReason.BADLEN, f"received len {len(payload)} < {CARP_LENGTH}")
    head = payload[:CARP_LENGTH]
    if internet_checksum(head) and (family is Family.IPV6 or internet_checksum(payload)):
        raise DecodeError(DropReason.BADSUM, "checksum failed")
    first, vhid, advskew, authlen, demote, advbase, _sum, counter, digest = _LAYOUT.unpack(head)
    kind = first & 0x0F
    # as CarpHeader(...), in a quarter of the time
    return tuple.__new__(
        CarpHeader, (vhid, advskew, advbase, counter, digest, demote, authlen, kind, version)
    )


def _decode_vrrp(payload: bytes, version: int) -> CarpHeader:
    if version != VRRP_VERSION:
        raise DecodeError(DropReason.BADVER, f"unsupported version {version}")
    return CarpHeader(
        vhid=payload[1],
        advskew=0,
        advbase=0,
        counter=b"",
        digest=b"",
        type=payload[0] & 0x0F,
        version=version,
    )
