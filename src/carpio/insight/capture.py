"""Capture files: pcap and pcapng, as tcpdump, Wireshark and the BSDs write them.

Formats: pcap(5) and draft-ietf-opsawg-pcapng. Read here rather than through dpkt, which takes
the link type and the clock of the first interface for all, keeps silent about a file that ends
in the middle of a frame, and does not count simple packets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from carpio.errors import CarpioError

__all__ = ["CapturedFrame", "read_capture"]

_PCAP_MAGICS: Final = {
    bytes.fromhex("d4c3b2a1"): ("<", 1_000),
    bytes.fromhex("a1b2c3d4"): (">", 1_000),
    bytes.fromhex("4d3cb2a1"): ("<", 1),
    bytes.fromhex("a1b23c4d"): (">", 1),
}
"""First bytes of a file: its byte order, and the nanoseconds in a unit of the fraction."""
_BYTE_ORDERS: Final = {bytes.fromhex("4d3c2b1a"): "<", bytes.fromhex("1a2b3c4d"): ">"}
"""The byte-order magic of a pcapng section."""
_SECTION: Final = bytes.fromhex("0a0d0d0a")
_INTERFACE: Final = 1
_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
_END_OF_OPTIONS: Final = 0
_TIME_RESOLUTION: Final = 9
_TIME_OFFSET: Final = 14
_LINK_TYPE_BITS: Final = 0xFFFF
"""The upper half of the field of pcap tells about frame check sequences."""
_LONGEST: Final = 1 << 24
"""Bytes; what claims to be longer is damage, not a frame."""
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedFrame:
    """A frame as captured; `number` counts from 1 over all frames of the file."""

    number: int
    time_ns: int | None
    """Nanoseconds since 1970; None for a simple packet of pcapng, which carries no time."""
    link_type: int
    data: bytes


class _Damage(Exception):
    """The file is not what it should be; the text says how."""


class _Source:
    """A stream, a pipe for instance, that knows its place."""

    def __init__(self, stream: BinaryIO) -> None:
        self.place = 0
        self._stream = stream

    def read(self, count: int) -> bytes:
        """Return `count` bytes, fewer at the end of the file."""
        data = self._stream.read(count)
        self.place += len(data)
        return data

    def take(self, count: int, what: str) -> bytes:
        """Return exactly `count` bytes."""
        if count > _LONGEST:
            raise _Damage(f"{what} of {count} bytes")
        data = self.read(count)
        if len(data) < count:
            raise _Damage(f"the file ends within {what}")
        return data


@dataclass(frozen=True, slots=True)
class _Interface:
    """An interface of a pcapng section: what its frames are, and the unit of its clock."""

    link_type: int
    snap_length: int
    units_per_second: int
    offset_s: int


_Packet = tuple[int | None, int, bytes]
"""Time in nanoseconds, link type, data."""


def read_capture(path: Path) -> Iterator[CapturedFrame]:
    """Yield the frames of a file.

    Raises CarpioError with file and place when it cannot be read or is damaged: after all frames
    in front of the damage were yielded.
    """
    number = 0
    try:
        with path.open("rb") as stream:
            source = _Source(stream)
            try:
                for time_ns, link_type, data in _packets(source):
                    number += 1
                    yield CapturedFrame(
                        number=number, time_ns=time_ns, link_type=link_type, data=data
                    )
            except _Damage as damage:
                place = f"after frame {number}, at byte {source.place}"
                raise CarpioError(f"{path}: {damage} ({place})") from damage
    except OSError as error:
        raise CarpioError(f"{path}: {error.strerror}") from error


def _packets(source: _Source) -> Iterator[_Packet]:
    magic = source.read(4)
    if magic == _SECTION:
        return _pcapng_packets(source)
    if magic in _PCAP_MAGICS:
        return _pcap_packets(source, *_PCAP_MAGICS[magic])
    raise _Damage("not a capture file: neither pcap nor pcapng")


def _pcap_packets(source: _Source, order: str, unit_ns: int) -> Iterator[_Packet]:
    (link_field,) = struct.unpack(f"{order}16xI", source.take(20, "the file header"))
    header = struct.Struct(f"{order}IIII")
    while start := source.read(header.size):
        if len(start) < header.size:
            raise _Damage("the file ends within a frame header")
        seconds, fraction, captured, _length = header.unpack(start)
        data = source.take(captured, "a frame")
        yield seconds * _SECOND + fraction * unit_ns, link_field & _LINK_TYPE_BITS, data


def _pcapng_packets(source: _Source) -> Iterator[_Packet]:
    """Walk the blocks; the type of the first one was read already."""
    order = "<"
    interfaces: list[_Interface] = []
    kind_bytes = _SECTION
    while kind_bytes:
        if len(kind_bytes) < 4:
            raise _Damage("the file ends within a block header")
        if kind_bytes == _SECTION:
            order, interfaces = _open_section(source), []
        else:
            (kind,) = struct.unpack(f"{order}I", kind_bytes)
            body = _block_body(source, order, source.take(4, "a block header"))
            try:
                if kind == _INTERFACE:
                    interfaces.append(_interface(body, order))
                elif kind in (_ENHANCED_PACKET, _PACKET):
                    yield _timed_packet(body, order, interfaces, obsolete=kind == _PACKET)
                elif kind == _SIMPLE_PACKET:
                    yield _simple_packet(body, order, interfaces)
            except (struct.error, IndexError) as error:
                raise _Damage("a block contradicts itself") from error
        kind_bytes = source.read(4)


def _open_section(source: _Source) -> str:
    """Read a section header behind its type; return the byte order of the section."""
    length, magic = source.take(4, "a section header"), source.take(4, "a section header")
    order = _BYTE_ORDERS.get(magic)
    if order is None:
        raise _Damage("a section without byte-order magic")
    body = _block_body(source, order, length, consumed=12)
    major = struct.unpack(f"{order}H", body[:2])[0] if len(body) >= 2 else None
    if major != 1:
        raise _Damage(f"pcapng version {major} is unknown")
    return order


def _block_body(source: _Source, order: str, length: bytes, *, consumed: int = 8) -> bytes:
    """Read the rest of a block of which `consumed` bytes were read; return it without its end."""
    (total,) = struct.unpack(f"{order}I", length)
    if total < consumed + 4 or total % 4:
        raise _Damage(f"a block of impossible length {total}")
    rest = source.take(total - consumed, "a block")
    if struct.unpack(f"{order}I", rest[-4:]) != (total,):
        raise _Damage("the two lengths of a block differ")
    return rest[:-4]


def _interface(body: bytes, order: str) -> _Interface:
    link_type, snap_length = struct.unpack_from(f"{order}HxxI", body)
    options = dict(_options(body[8:], order))
    resolution = options.get(_TIME_RESOLUTION, b"\x06")[0]
    units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    (offset_s,) = struct.unpack(f"{order}q", options.get(_TIME_OFFSET, bytes(8)))
    return _Interface(link_type, snap_length, units, offset_s)


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        code, length = struct.unpack_from(f"{order}HH", data, offset)
        if code == _END_OF_OPTIONS:
            return
        yield code, data[offset + 4 : offset + 4 + length]
        offset += 4 + length + -length % 4


def _timed_packet(
    body: bytes, order: str, interfaces: list[_Interface], *, obsolete: bool
) -> _Packet:
    """Read an enhanced packet, or the packet block that was before it (16-bit interface)."""
    layout = struct.Struct(f"{order}HxxIIIxxxx" if obsolete else f"{order}IIIIxxxx")
    index, high, low, captured = layout.unpack_from(body)
    interface = interfaces[index]
    units = high << 32 | low
    time_ns = units * _SECOND // interface.units_per_second + interface.offset_s * _SECOND
    return time_ns, interface.link_type, _data(body, layout.size, captured)


def _simple_packet(body: bytes, order: str, interfaces: list[_Interface]) -> _Packet:
    (length,) = struct.unpack_from(f"{order}I", body)
    interface = interfaces[0]
    captured = min(length, interface.snap_length or length)
    return None, interface.link_type, _data(body, 4, captured)


def _data(body: bytes, start: int, captured: int) -> bytes:
    if start + captured > len(body):
        raise _Damage("a frame is longer than its block")
    return body[start : start + captured]
