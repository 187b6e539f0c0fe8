from __future__ import annotations

import socket

from tests.helpers.lab import arp

from carpio.lab.evidence import host_frames
from carpio.lab.namespaces import socket_in
from carpio.lab.observe import Capture
from carpio.lab.topology import Lab


def test_capture_holds_the_first_frame_that_a_host_sends(lab: Lab, capture: Capture) -> None:
    frame = arp()
    with (
        socket_in(lab["a"].namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth,
        capture,
    ):
        mouth.bind(("eth0", 0))
        mouth.send(frame)
    assert frame in [captured.data for captured in host_frames(capture.files)]
