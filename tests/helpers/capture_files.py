"""Capture files as bytes, block by block, so that a test can bend each of them."""

from __future__ import annotations

import struct

__all__ = [
    "block",
    "enhanced_packet",
    "interface_block",
    "obsolete_packet",
    "option",
    "pcap",
    "section",
    "simple_packet",
]


def pcap(
    *frames: tuple[int, int, bytes],
    order: str = "<",
    link_type: int = 1,
    magic: int = 0xA1B2C3D4,
) -> bytes:
    """Return a pcap file of (seconds, fraction, data); nanoseconds with magic a1b23c4d."""
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    return header + b"".join(
        struct.pack(f"{order}IIII", seconds, fraction, len(data), len(data)) + data
        for seconds, fraction, data in frames
    )


def padded(data: bytes) -> bytes:
    """Return `data` filled up to a multiple of 4."""
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a pcapng block."""
    total = 12 + len(padded(body))
    return struct.pack(f"{order}II", kind, total) + padded(body) + struct.pack(f"{order}I", total)


def section(order: str = "<", major: int = 1) -> bytes:
    """Return the header that opens a section."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, major, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """Return an option of a block."""
    return struct.pack(f"{order}HH", code, len(value)) + padded(value)


def interface_block(
    link_type: int = 1, options: bytes = b"", order: str = "<", snap_length: int = 0
) -> bytes:
    """Return the description of an interface; options end by themselves."""
    return block(1, struct.pack(f"{order}HHI", link_type, 0, snap_length) + options, order)


def enhanced_packet(units: int, data: bytes, interface: int = 0, order: str = "<") -> bytes:
    """Return a frame at a time in the units of its interface."""
    times = (units >> 32, units & 0xFFFFFFFF)
    head = struct.pack(f"{order}IIIII", interface, *times, len(data), len(data))
    return block(6, head + data, order)


def obsolete_packet(units: int, data: bytes, interface: int = 0, order: str = "<") -> bytes:
    """Return the same in the form before enhanced packets."""
    times = (units >> 32, units & 0xFFFFFFFF)
    head = struct.pack(f"{order}HHIIII", interface, 0xFFFF, *times, len(data), len(data))
    return block(2, head + data, order)


def simple_packet(data: bytes, length: int | None = None, order: str = "<") -> bytes:
    """Return a frame without time; `length` on the wire may be longer than `data`."""
    return block(3, struct.pack(f"{order}I", len(data) if length is None else length) + data, order)
