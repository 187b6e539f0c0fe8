"""Forged claims on purpose: the proof of each run, and the liar of the self-test.

`send_canaries` sends one wrong claim of a group's first address into every port, past every
guard, to a MAC that nobody has: the judge must see all of them, or it is blind. The process
`python -m carpio.lab.forger INTERFACE VHID ADDRESS COUNT` sends COUNT right claims as fast as it
can, with a single wrong one among them.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from carpio.lab.namespaces import socket_in
from carpio.lab.peers import Duty
from carpio.lab.sighting import virtual_mac

__all__ = ["CANARY_MAC", "canary", "forger_command", "main", "send_canaries"]

CANARY_MAC: Final = bytes.fromhex("02000000ca4a")
"""Sender of the claims that prove the judge; no NIC of the lab has it."""
LIAR_MAC: Final = bytes.fromhex("020000001ea4")
"""Sender of the liar's wrong claim."""
NOBODY: Final = bytes.fromhex("02000000fade")
SOL_PACKET: Final = 263
PACKET_QDISC_BYPASS: Final = 20
"""linux/if_packet.h. What is sent so passes no egress hook: no guard can stop the proof."""
NEIGHBOUR_ADVERTISEMENT: Final = 136


def canary(address: IPv4Address | IPv6Address, mac: bytes = CANARY_MAC) -> bytes:
    """Build a claim of `address` by `mac`, addressed to nobody."""
    if isinstance(address, IPv4Address):
        head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
        return NOBODY + mac + b"\x08\x06" + head + mac + address.packed + NOBODY + address.packed
    message = bytes((NEIGHBOUR_ADVERTISEMENT, 0, 0, 0)) + bytes(4) + address.packed
    message += b"\x02\x01" + mac  # its checksum is wrong: no kernel believes it
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + address.packed
    return NOBODY + mac + b"\x86\xdd" + header + address.packed + message


def send_canaries(places: Iterable[tuple[str, str, IPv4Address | IPv6Address]]) -> int:
    """Send one from each (namespace, interface) for an address; return how many went out."""
    sent = 0
    for namespace, interface, address in places:
        with (
            suppress(OSError),
            socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth,
        ):
            mouth.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
            mouth.bind((interface, 0))
            mouth.send(canary(address))
            sent += 1
    return sent


def forger_command(interface: str, duty: Duty, count: int) -> tuple[str, ...]:
    """Return the command line of the liar."""
    address = str(duty.addresses[0].ip)
    return (
        *(sys.executable, "-m", "carpio.lab.forger"),
        *(interface, str(duty.vhid), address, str(count)),
    )


def main(argv: list[str]) -> int:
    """Send the claims; the wrong one is in the middle."""
    interface, vhid, text, number = argv
    address, count = ip_address(text), int(number)
    right, wrong = canary(address, virtual_mac(int(vhid))), canary(address, LIAR_MAC)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
        mouth.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        mouth.bind((interface, 0))
        for place in range(count):
            _send(mouth, wrong if place == count // 2 else right)
    print(f"forger: sent {count}, one of them wrong", flush=True)
    return 0


def _send(mouth: socket.socket, frame: bytes) -> None:
    while True:
        try:
            mouth.send(frame)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno != 105:  # ENOBUFS: the ring is full, again
                raise
            continue
        return


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
