"""tcpdump reads our advertisements and finds nothing wrong with them."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from tests.helpers.life import SHARED4, SHARED6, config, group, start

from carpio.lab.observe import Capture
from carpio.lab.pcap import read_pcap
from carpio.lab.topology import Lab

pytestmark = [pytest.mark.lab, pytest.mark.interop]

ADVERTS = "ip proto 112 or ip6 proto 112"
COMPLAINTS = ("bad", "invalid", "unknown", "truncated", "[|")


def read_as_carp(path: Path) -> str:
    """Return what `tcpdump -T carp` prints of a file; counters are written as N."""
    done = subprocess.run(
        ("tcpdump", "-n", "-t", "-vvv", "-T", "carp", "-r", str(path), ADVERTS),
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r"counter=\d+", "counter=N", done.stdout)


def expected(link_local: str, advbase: int, advskew: int) -> str:
    said = f"vhid=1 advbase={advbase} advskew={advskew} authlen=7 counter=N"
    return (
        "IP (tos 0xe0, ttl 255, id 0, offset 0, flags [DF], proto VRRP (112), length 56)\n"
        f"    10.77.0.1 > 224.0.0.18: CARPv2-advertise 36: {said}\n"
        "IP6 (class 0xe0, hlim 255, next-header VRRP (112) payload length: 36) "
        f"{link_local} > ff02::12: CARPv2-advertise 36: {said}\n"
    )


def test_tcpdump_prints_our_advertisements_without_complaint(lab: Lab, capture: Capture) -> None:
    shown = lab["a"].run("ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").stdout
    link_local = shown.split()[3].partition("/")[0]
    with capture:
        node = start(lab["a"], config(group(SHARED4, SHARED6, advskew=100)))
        node.become_master()
        time.sleep(0.1)
        assert node.daemon.terminate() == 0
    text = read_as_carp(capture.files["a"])
    assert text == expected(link_local, 1, 100) + expected(link_local, 255, 255)
    assert not [word for word in COMPLAINTS if word in text]


def test_tcpdump_complains_of_a_damaged_advertisement(lab: Lab, capture: Capture) -> None:
    with capture:
        node = start(lab["a"], config(group(SHARED4)))
        node.become_master()
        time.sleep(0.1)
    path = capture.files["a"]
    sent = next(f for _, _, f in read_pcap(path) if f[12:14] == b"\x08\x00" and f[23] == 112)
    whole = path.read_bytes()
    assert whole.count(sent) == 1
    path.write_bytes(whole.replace(sent, sent[:-1] + bytes((sent[-1] ^ 1,))))
    assert "bad carp cksum" in read_as_carp(path)
