from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.helpers.lab import NIC, arp
from tests.helpers.one_wire import host_frames

from carpio.lab.namespaces import socket_in
from carpio.lab.observe import Capture
from carpio.lab.topology import Host, Lab


def test_capture_holds_the_first_frame_that_a_host_sends(lab: Lab, capture: Capture) -> None:
    frame = arp()
    with mouth_of(lab["a"]) as mouth, capture:
        mouth.send(frame)
    assert frame in [captured.data for captured in host_frames(capture.files)]


def test_capture_begun_amid_traffic_holds_the_first_frame_that_a_host_sends(lab: Lab) -> None:
    """With one frame sacrificed instead of as many as it takes, one capture in five lost it."""
    with mouth_of(lab["b"]) as mouth, noise_from(lab["a"]):
        for number in range(8):
            frame = arp(bytes((10, 78, 0, number)))
            with Capture(lab) as capture:
                mouth.send(frame)
            assert frame in [captured.data for captured in host_frames(capture.files)], number


def mouth_of(host: Host) -> socket.socket:
    mouth = socket_in(host.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
    mouth.bind((host.interface, 0))
    return mouth


@contextmanager
def noise_from(host: Host) -> Iterator[None]:
    """Broadcast some 20,000 frames a second, in bursts."""
    is_over = threading.Event()

    def make_noise() -> None:
        with mouth_of(host) as mouth:
            while not is_over.wait(0.002):
                for _ in range(50):
                    mouth.send(arp(source=NIC))

    thread = threading.Thread(target=make_noise)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
