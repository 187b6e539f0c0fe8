"""Capture files: read what tcpdump wrote, and merge several into one pcapng for people.

Only the form that the lab itself asks tcpdump for is read: Ethernet, nanoseconds, native byte
order. Formats: pcap(5) and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from carpio.errors import CarpioError

__all__ = ["merge_to_pcapng", "read_pcap"]

NANOSECOND_MAGIC = 0xA1B23C4D
ETHERNET = 1
FILE_HEADER = struct.Struct("=IHHiIII")
FRAME_HEADER = struct.Struct("=IIII")

SECTION_HEADER = struct.pack("=IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
INTERFACE_DESCRIPTION = 1
ENHANCED_PACKET = 6
IF_NAME = 2
IF_TSRESOL = 9


def read_pcap(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (time in ns since 1970, length on the wire, captured bytes) of each frame.

    A frame cut off at the end of the file, as a killed tcpdump leaves it, ends the reading.

    Raises:
        CarpioError: not a capture of the lab.
    """
    with path.open("rb") as source:
        header = source.read(FILE_HEADER.size)
        if len(header) < FILE_HEADER.size or FILE_HEADER.unpack(header)[0] != NANOSECOND_MAGIC:
            raise CarpioError(f"{path}: not a nanosecond capture file of this machine")
        if FILE_HEADER.unpack(header)[6] != ETHERNET:
            raise CarpioError(f"{path}: not a capture of Ethernet frames")
        while len(head := source.read(FRAME_HEADER.size)) == FRAME_HEADER.size:
            seconds, nanoseconds, captured, length = FRAME_HEADER.unpack(head)
            frame = source.read(captured)
            if len(frame) < captured:
                return
            yield seconds * 1_000_000_000 + nanoseconds, length, frame


def merge_to_pcapng(captures: Mapping[str, Path], target: Path) -> int:
    """Write one file with an interface per capture, ordered by time; return the frames written."""
    streams = [_numbered(index, path) for index, path in enumerate(captures.values())]
    count = 0
    with target.open("wb") as sink:
        sink.write(SECTION_HEADER)
        for name in captures:
            sink.write(_interface_block(name))
        for time_ns, index, length, frame in heapq.merge(*streams):
            sink.write(_packet_block(time_ns, index, length, frame))
            count += 1
    return count


def _numbered(index: int, path: Path) -> Iterable[tuple[int, int, int, bytes]]:
    for time_ns, length, frame in read_pcap(path):
        yield time_ns, index, length, frame


def _interface_block(name: str) -> bytes:
    options = _option(IF_NAME, name.encode()) + _option(IF_TSRESOL, b"\x09") + bytes(4)
    length = 20 + len(options)
    head = struct.pack("=IIHHI", INTERFACE_DESCRIPTION, length, ETHERNET, 0, 0)
    return head + options + struct.pack("=I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + bytes(-len(value) % 4)


def _packet_block(time_ns: int, interface: int, length: int, frame: bytes) -> bytes:
    padding = bytes(-len(frame) % 4)
    size = 32 + len(frame) + len(padding)
    head = struct.pack(
        "=IIIIIII",
        *(ENHANCED_PACKET, size, interface),
        *(time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), length),
    )
    return head + frame + padding + struct.pack("=I", size)
