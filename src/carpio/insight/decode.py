"""Judge every packet of protocol 112 in a capture as a receiver would (spec 5.1).

Knows packets and digests; not where the keys come from, nor how verdicts are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Final, TypeAlias

from carpio.errors import CarpioError, DecodeError
from carpio.insight.capture import CapturedFrame, read_capture
from carpio.wire.auth import Authenticator
from carpio.wire.constants import CARP_TTL, CARP_VERSION, Family
from carpio.wire.ethernet import ETHERTYPE_OFFSET, format_mac
from carpio.wire.header import decode_advertisement
from carpio.wire.packet import Datagram, Packet, dissect_ip, dissect_typed

__all__ = ["DecodedFrame", "KnownGroup", "KnownGroups", "Verdict", "decode_capture"]

_ETHERNET: Final = 1
_NULL: Final = 0
_LOOP: Final = 108
_RAW: Final = frozenset((12, 14, 101, 228, 229))
_LINUX_COOKED: Final = 113
_LINUX_COOKED_2: Final = 276
"""Link types of https://www.tcpdump.org/linktypes.html; 12 and 14 are raw IP of some systems."""
_MAC_LENGTH: Final = 6


@unique
class Verdict(Enum):
    """What a receiver makes of a packet; the names of the BSD counters where it is dropped."""

    OK = "ok"
    BADTTL = "badttl"
    BADLEN = "badlen"
    BADSUM = "badsum"
    BADVER = "badver"
    BADVHID = "badvhid"
    BADAUTH = "badauth"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGroup:
    """A configured group: its digest, and the families in which it has addresses."""

    authenticator: Authenticator
    families: frozenset[Family]


KnownGroups: TypeAlias = Mapping[int, Sequence[KnownGroup]]
"""All configured groups by vhid; several when a vhid is used on several interfaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedFrame:
    """One packet of protocol 112. What it is too short to hold is None.

    `time` is in seconds since 1970, rounded to microseconds. `vhid`, `advbase`, `advskew` and
    `counter` are the bytes at their places in an advertisement, whatever the verdict.
    """

    frame: int
    time: float | None
    family: int
    source: str
    ethernet_source: str | None
    """None where the link layer has none."""
    ttl: int
    vhid: int | None
    advbase: int | None
    advskew: int | None
    counter: int | None
    verdict: Verdict

    def as_json(self) -> dict[str, int | float | str | None]:
        """Return the object of `carpio decode --json`, keys in their documented order."""
        return asdict(self) | {"verdict": self.verdict.value}


def decode_capture(path: Path, groups: KnownGroups | None = None) -> Iterator[DecodedFrame]:
    """Yield every IPv4 and IPv6 packet of protocol 112, VLAN-tagged ones included.

    Without `groups` (no configuration) nothing is known about vhids and digests; what passes all
    other checks is UNVERIFIED. Raises CarpioError as `read_capture`, and for a link type that
    cannot be read.
    """
    for captured in read_capture(path):
        try:
            packet = _network_packet(captured)
        except _UnknownLinkType as error:
            text = f"frame {captured.number} has link type {captured.link_type}"
            raise CarpioError(f"{path}: {text}, which carpio cannot read") from error
        if isinstance(packet, Datagram):
            yield _decoded(captured, packet, groups)


class _UnknownLinkType(Exception):
    pass


def _network_packet(captured: CapturedFrame) -> Packet | None:
    """Read what lies behind the link layer; a cooked header has its EtherType somewhere else."""
    data, link_type = captured.data, captured.link_type
    if link_type == _ETHERNET:
        return dissect_typed(data, ETHERTYPE_OFFSET, data[6:12])
    if link_type in _RAW:
        return dissect_ip(data)
    if link_type in (_NULL, _LOOP):
        return dissect_ip(data, 4)
    if link_type == _LINUX_COOKED:
        return dissect_typed(data, 14, _cooked_source(data[4:6], data[6:14]))
    if link_type == _LINUX_COOKED_2:
        return dissect_typed(data[:2] + data[20:], 0, _cooked_source(data[11:12], data[12:20]))
    raise _UnknownLinkType


def _cooked_source(length: bytes, address: bytes) -> bytes:
    """Return the MAC of the sender, or nothing when the address is not a MAC."""
    if int.from_bytes(length, "big") != _MAC_LENGTH:
        return b""
    return address[:_MAC_LENGTH]


def _decoded(
    captured: CapturedFrame, datagram: Datagram, groups: KnownGroups | None
) -> DecodedFrame:
    payload, time_ns = datagram.payload, captured.time_ns
    return DecodedFrame(
        frame=captured.number,
        time=None if time_ns is None else (time_ns + 500) // 1000 / 1_000_000,
        family=int(datagram.family),
        source=str(datagram.source_address),
        ethernet_source=format_mac(datagram.ethernet_source) or None,
        ttl=datagram.ttl,
        vhid=_number(payload, 1, 1),
        advskew=_number(payload, 2, 1),
        advbase=_number(payload, 5, 1),
        counter=_number(payload, 8, 8),
        verdict=_verdict(datagram, groups),
    )


def _number(payload: bytes, offset: int, size: int) -> int | None:
    if len(payload) < offset + size:
        return None
    return int.from_bytes(payload[offset : offset + size], "big")


def _verdict(datagram: Datagram, groups: KnownGroups | None) -> Verdict:
    """Do the checks in the order of spec 5.1; what IP itself would not deliver comes before."""
    if datagram.defect is not None:
        return Verdict(datagram.defect.value)
    try:
        header = decode_advertisement(datagram.payload, datagram.family)
    except DecodeError as error:
        return Verdict(error.reason.value)
    matching = _groups_for(header.vhid, datagram.family, groups)
    if header.vhid == 0 or matching == ():
        return Verdict.BADVHID
    if header.version != CARP_VERSION:
        return Verdict.BADVER
    if datagram.ttl != CARP_TTL:
        return Verdict.BADTTL
    if matching is None:
        return Verdict.UNVERIFIED
    if any(group.authenticator.verify(header.counter, header.digest) for group in matching):
        return Verdict.OK
    return Verdict.BADAUTH


def _groups_for(
    vhid: int, family: Family, groups: KnownGroups | None
) -> tuple[KnownGroup, ...] | None:
    """Return the groups that the packet may be for; None when nothing is configured."""
    if groups is None:
        return None
    return tuple(group for group in groups.get(vhid, ()) if family in group.families)
