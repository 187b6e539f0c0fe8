import io
import os
import struct
import threading
from pathlib import Path

import dpkt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.helpers.capture_files import (
    block,
    enhanced_packet,
    interface_block,
    obsolete_packet,
    option,
    pcap,
    section,
    simple_packet,
)
from tests.helpers.captures import CAPTURES, known_capture

from carpio.errors import CarpioError
from carpio.insight.capture import CapturedFrame, read_capture

NANOSECONDS = 0xA1B23C4D
ONE, TWO = b"one" * 5, b"two"
ORDERS = pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])


@pytest.fixture
def file(tmp_path: Path):
    """Return a function that puts bytes into a file."""

    def write(content: bytes) -> Path:
        path = tmp_path / "some.pcap"
        path.write_bytes(content)
        return path

    return write


def read(path: Path) -> list[tuple[int, int | None, int, bytes]]:
    return [(it.number, it.time_ns, it.link_type, it.data) for it in read_capture(path)]


def read_until_damage(path: Path) -> tuple[list[CapturedFrame], str]:
    frames: list[CapturedFrame] = []
    with pytest.raises(CarpioError) as caught:
        frames.extend(read_capture(path))  # list.extend keeps what came before the error
    return frames, str(caught.value)


@ORDERS
@pytest.mark.parametrize(
    ("magic", "unit"), [(0xA1B2C3D4, 1000), (NANOSECONDS, 1)], ids=["microseconds", "nanoseconds"]
)
def test_pcap_is_read_in_both_byte_orders_and_resolutions(file, order, magic, unit):
    path = file(pcap((10, 5, ONE), (11, 999, TWO), order=order, magic=magic, link_type=113))
    assert read(path) == [
        (1, 10_000_000_000 + 5 * unit, 113, ONE),
        (2, 11_000_000_000 + 999 * unit, 113, TWO),
    ]


def test_flags_beside_the_link_type_of_pcap_are_ignored(file):
    assert read(file(pcap((0, 0, ONE), link_type=0x14000001)))[0][2] == 1


@ORDERS
def test_pcapng_is_read_in_both_byte_orders(file, order):
    content = section(order) + interface_block(order=order) + enhanced_packet(7, ONE, order=order)
    assert read(file(content)) == [(1, 7000, 1, ONE)]


def test_each_interface_has_its_own_link_type_and_clock(file):
    content = (
        section()
        + interface_block(1, option(9, b"\x09") + option(0, b""))
        + interface_block(101, option(9, b"\x83") + option(14, struct.pack("<q", 100)))
        + interface_block(113, option(2, b"eth0") + option(9, b"\x03"))
        + enhanced_packet(1_000_000_001, ONE, 0)
        + enhanced_packet(12, TWO, 1)
        + enhanced_packet(2**33, ONE, 2)
    )
    assert read(file(content)) == [
        (1, 1_000_000_001, 1, ONE),
        (2, 101_500_000_000, 101, TWO),
        (3, 2**33 * 1_000_000, 113, ONE),
    ]


def test_a_new_section_brings_its_own_byte_order_and_interfaces(file):
    content = (
        section("<")
        + interface_block(1)
        + enhanced_packet(1, ONE)
        + section(">")
        + interface_block(101, order=">")
        + enhanced_packet(2, TWO, order=">")
    )
    assert read(file(content)) == [(1, 1000, 1, ONE), (2, 2000, 101, TWO)]


def test_other_blocks_are_no_frames_and_simple_or_obsolete_packets_are(file):
    content = (
        section()
        + block(0x80000001, b"custom")
        + interface_block(1, snap_length=3)
        + block(5, b"statistics")
        + simple_packet(TWO, length=60)
        + simple_packet(TWO)
        + obsolete_packet(9, ONE)
    )
    assert read(file(content)) == [(1, None, 1, TWO), (2, None, 1, TWO), (3, 9000, 1, ONE)]


def test_an_interface_without_snap_length_keeps_simple_packets_whole(file):
    assert read(file(section() + interface_block() + simple_packet(ONE)))[0][3] == ONE


@pytest.mark.parametrize("content", [pcap(), section(), section() + interface_block()])
def test_a_capture_without_frames_is_no_error(file, content):
    assert read(file(content)) == []


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (b"\0" * 15, "the file ends within a frame header"),
        (struct.pack("<IIII", 1, 1, 100, 100) + b"x" * 99, "the file ends within a frame"),
        (struct.pack("<IIII", 1, 1, 2**31, 9), "a frame of 2147483648 bytes"),
    ],
)
def test_a_damaged_pcap_gives_its_frames_and_then_file_and_place(file, damage, text):
    intact = pcap((1, 1, ONE), (2, 2, TWO))
    path = file(intact + damage)
    frames, message = read_until_damage(path)
    assert [frame.data for frame in frames] == [ONE, TWO]
    place = len(intact) + (len(damage) if "ends" in text else 16)
    assert message == f"{path}: {text} (after frame 2, at byte {place})"


INTACT = section() + interface_block() + enhanced_packet(1, ONE)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (b"\x06\0", "the file ends within a block header"),
        (b"\x06\0\0\0\x40", "the file ends within a block header"),
        (enhanced_packet(1, ONE)[:-1], "the file ends within a block"),
        (struct.pack("<II", 6, 8), "a block of impossible length 8"),
        (struct.pack("<II", 6, 33), "a block of impossible length 33"),
        (struct.pack("<II", 6, 2**31), "a block of 2147483640 bytes"),
        (enhanced_packet(1, ONE)[:-4] + bytes(4), "the two lengths of a block differ"),
        (enhanced_packet(1, ONE, interface=1), "a block contradicts itself"),
        (block(6, bytes(19)[:16]), "a block contradicts itself"),
        (block(6, struct.pack("<IIIII", 0, 0, 0, 5, 5) + b"abcd"), "longer than its block"),
        (block(1, b""), "a block contradicts itself"),
        (interface_block(options=option(9, b"")), "a block contradicts itself"),
        (interface_block(options=option(14, b"12")), "a block contradicts itself"),
        (section(major=2), "pcapng version 2 is unknown"),
        (block(0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)), "pcapng version None is unknown"),
        (block(0x0A0D0D0A, bytes(16)), "a section without byte-order magic"),
        (b"\x0a\x0d\x0d\x0a\x1c\0", "the file ends within a section header"),
        (section() + simple_packet(ONE), "a block contradicts itself"),
    ],
)
def test_a_damaged_pcapng_gives_its_frames_and_then_file_and_place(file, damage, text):
    path = file(INTACT + damage)
    frames, message = read_until_damage(path)
    assert [frame.data for frame in frames] == [ONE]
    assert message.startswith(f"{path}: ")
    assert text in message
    assert "(after frame 1, at byte " in message


@pytest.mark.parametrize("content", [b"", b"\xd4\xc3", b"#!/bin/sh\necho no capture\n"])
def test_what_is_no_capture_is_called_so(file, content):
    frames, message = read_until_damage(file(content))
    assert frames == []
    assert "neither pcap nor pcapng" in message


def test_a_file_that_is_not_there_is_named(tmp_path):
    _, message = read_until_damage(tmp_path / "none.pcap")
    assert message == f"{tmp_path / 'none.pcap'}: No such file or directory"


def test_a_folder_is_no_capture(tmp_path):
    assert read_until_damage(tmp_path)[1] == f"{tmp_path}: Is a directory"


def test_a_pipe_can_be_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(INTACT,))
    writer.start()
    try:
        assert read(path) == [(1, 1000, 1, ONE)]
    finally:
        writer.join()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from((pcap((1, 1, ONE), (2, 2, TWO)), INTACT)), st.data())
def test_any_damage_gives_frames_or_an_error_of_ours(file, intact: bytes, data):
    damaged = bytearray(intact[: data.draw(st.integers(0, len(intact)))])
    for place in data.draw(st.lists(st.integers(0, len(intact) - 1), max_size=3)):
        if place < len(damaged):
            damaged[place] = data.draw(st.integers(0, 255))
    path = file(bytes(damaged))
    try:
        assert len(read(path)) <= 3
    except CarpioError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", CAPTURES)
def test_real_captures_are_read_as_another_reader_reads_them(name: str):
    capture = known_capture(name)
    frames = list(read_capture(capture.path))
    assert [frame.data for frame in frames] == list(capture.frames)
    assert [frame.number for frame in frames] == [facts["frame"] for facts in capture.facts]
    assert {frame.link_type for frame in frames} == {1}
    with capture.path.open("rb") as source:
        times = [time for time, _ in dpkt.pcap.Reader(source)]
    assert [frame.time_ns / 1e9 for frame in frames] == pytest.approx([float(t) for t in times])


def test_what_another_writer_writes_is_read(file):
    content = io.BytesIO()
    dpkt.pcapng.Writer(content, linktype=1).writepkt(ONE, ts=1.5)
    assert read(file(content.getvalue())) == [(1, 1_500_000_000, 1, ONE)]
