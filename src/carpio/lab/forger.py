"""Forged claims on purpose: the proof of each run, and the liar of the self-test.

`send_canaries` sends one wrong claim from every host into the switch. It is of an address that no
guard knows but the judge does, because what guards a host would not let a forged claim of a
shared address out. The judge must see all of them, or it is blind.

`python -m carpio.lab.forger INTERFACE OWN SHARED COUNT` sends COUNT frames as fast as it can: right
claims of the host's own address, and a single one of the shared address among them.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from carpio.lab.namespaces import socket_in
from carpio.lab.peers import Duty

__all__ = ["CANARY_ADDRESS", "CANARY_MAC", "claim_of", "forger_command", "main", "send_canaries"]

CANARY_MAC: Final = bytes.fromhex("02000000ca4a")
"""Sender of the claims that prove the judge; no NIC of the lab has it."""
CANARY_ADDRESS: Final = IPv4Address("192.0.0.170")
"""Of a prefix that no network of a lab may have (RFC 6890)."""
NOBODY: Final = bytes.fromhex("02000000fade")
NEIGHBOUR_ADVERTISEMENT: Final = 136
FULL_S: Final = 0.001
"""Given to the other end to empty its queue."""


def claim_of(address: IPv4Address | IPv6Address, mac: bytes) -> bytes:
    """Build a claim of `address` by `mac`, addressed to nobody."""
    if isinstance(address, IPv4Address):
        head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
        return NOBODY + mac + b"\x08\x06" + head + mac + address.packed + NOBODY + address.packed
    message = bytes((NEIGHBOUR_ADVERTISEMENT, 0, 0, 0)) + bytes(4) + address.packed
    message += b"\x02\x01" + mac  # its checksum is wrong: no kernel believes it
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + address.packed
    return NOBODY + mac + b"\x86\xdd" + header + address.packed + message


def send_canaries(places: Iterable[tuple[str, str]]) -> int:
    """Send one from each (namespace, interface); return how many went out."""
    sent = 0
    for namespace, interface in places:
        with (
            suppress(OSError),
            socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth,
        ):
            mouth.bind((interface, 0))
            mouth.send(claim_of(CANARY_ADDRESS, CANARY_MAC))
            sent += 1
    return sent


def forger_command(interface: str, duty: Duty, count: int) -> tuple[str, ...]:
    """Return the command line of the liar."""
    own, shared = str(duty.own[0].ip), str(duty.addresses[0].ip)
    return (sys.executable, "-m", "carpio.lab.forger", interface, own, shared, str(count))


def main(argv: list[str]) -> int:
    """Send the claims; the wrong one is in the middle."""
    interface, own, shared, number = argv
    count = int(number)
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().replace(":", ""))
    right, wrong = (claim_of(ip_address(address), mac) for address in (own, shared))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as mouth:
        mouth.bind((interface, 0))
        for place in range(count):
            _send(mouth, wrong if place == count // 2 else right)
    print(f"forger: sent {count}, one of them wrong", flush=True)
    return 0


def _send(mouth: socket.socket, frame: bytes) -> None:
    while True:
        try:
            mouth.send(frame)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            time.sleep(FULL_S)
            continue
        return


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
