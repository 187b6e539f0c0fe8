"""A host that does it wrong, as the booting BACKUP of FreeBSD bug 191832 did.

    python -m carpio.lab.naive [--delay SECONDS] INTERFACE=ADDRESS/LENGTH... [-- COMMAND...]
    python -m carpio.lab.naive INTERFACE ADDRESS/LENGTH...

It puts the shared addresses on the NIC, announces them as a kernel of the BSDs does, and only
after a delay (the DELAY of comment 3 in that bug) takes them off and becomes COMMAND, which ties
them to their group. SIGTERM ends it before that; without COMMAND nothing else does. The lab uses it
to prove that its judge can fail, and to show what that failure does to a network. Not for use
outside of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Interface, ip_interface
from pathlib import Path

from carpio.lab.namespaces import ip
from carpio.wire.constants import BROADCAST_MAC

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Hold the addresses, then become the command, if any."""
    ours, command = _split(argv)
    parser = argparse.ArgumentParser(prog="carpio.lab.naive")
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("places", nargs="+", metavar="INTERFACE=ADDRESS/LENGTH")
    options = parser.parse_args(ours)
    leaving = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, leaving)
    places = _places(options.places)
    for interface, address in places:
        ip("addr", "add", address, "dev", interface)
        _announce(interface, address)
    held = " ".join(address for _, address in places)
    print(f"naive: holding {held} on {' '.join({i: None for i, _ in places})}", flush=True)
    told = signal.sigtimedwait(leaving, options.delay) if command else signal.sigwait(leaving)
    for interface, address in places:
        ip("addr", "del", address, "dev", interface)
    if told is None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, leaving)
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    return 0


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def _places(words: Sequence[str]) -> list[tuple[str, str]]:
    if "=" in words[0]:
        return [(word.partition("=")[0], word.partition("=")[2]) for word in words]
    return [(words[0], address) for address in words[1:]]


def _announce(interface: str, address: str) -> None:
    """Send a gratuitous ARP from the NIC's own MAC."""
    vip = ip_interface(address)
    if not isinstance(vip, IPv4Interface):
        return
    text = Path(f"/sys/class/net/{interface}/address").read_text()
    mac = bytes.fromhex(text.strip().replace(":", ""))
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    body = head + mac + vip.ip.packed + bytes(6) + vip.ip.packed
    with (
        suppress(OSError),
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth,
    ):
        mouth.bind((interface, 0))
        mouth.send(BROADCAST_MAC + mac + b"\x08\x06" + body)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
