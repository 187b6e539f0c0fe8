"""What the kernels of the BSDs would have told their operators, derived from the ARP frames. Pure.

Linux says nothing when somebody uses its address or an address moves to another MAC; the BSDs do,
and these two lines are how operators find out. Each machine is taken to be such a kernel:

    arp: 00:00:5e:00:01:02 is using my IP address 10.10.10.12 on igb0!
    arp: 10.10.10.10 moved from 00:00:5e:00:01:01 to 00:25:90:79:67:9a on igb0

A host has an address as its own while it is master, and for a while after it claimed the address
itself, whatever MAC it used. IPv6 has no such messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from carpio.lab.sighting import Claim
from carpio.wire.constants import BROADCAST_MAC

__all__ = ["Kernel", "Said"]

OWN_FOR_NS: Final = 2_000_000_000
"""How long a claim of its own makes an address the host's own."""
MAC_START: Final = 6
MAC_END: Final = 12
TARGET: Final = slice(38, 42)


@dataclass(frozen=True, slots=True)
class Said:
    """A message of one machine."""

    time_ns: int
    machine: str
    text: str


@dataclass(slots=True)
class Kernel:
    """One interface of a machine, as a kernel of the BSDs would see the wire from there."""

    machine: str
    interface: str
    mac: bytes
    own: frozenset[bytes]
    """Its own addresses, packed."""
    is_master: Callable[[bytes, int], bool]
    """Whether it is master of the group of an address at a time."""
    learns_all: bool = False
    """Whether it has asked for every address already, as busy routers and clients have."""
    _table: dict[bytes, bytes] = field(default_factory=dict)
    _claimed: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    def sent(self, time_ns: int, claim: Claim) -> None:
        """Take note of what the machine itself said."""
        self._claimed[claim.address] = (time_ns, claim.payload_mac or claim.ethernet_source)

    def heard(self, time_ns: int, frame: bytes, claim: Claim) -> Said | None:
        """Take in an ARP frame of another port of the network; return what the kernel says."""
        mac, address = claim.payload_mac or claim.ethernet_source, claim.address
        to = frame[:MAC_START]
        if to != BROADCAST_MAC and to != self.mac:
            return None
        if self._has(address, time_ns):
            if mac == self._claimed.get(address, (0, self.mac))[1]:
                return None  # both speak with the virtual MAC: no BSD sees anything wrong
            return self._say(
                time_ns, f"{mac.hex(':')} is using my IP address {_text(address)}", "!"
            )
        before = self._table.get(address)
        if before is None:
            if self.learns_all or to == self.mac or frame[TARGET] in self.own:
                self._table[address] = mac
            return None
        self._table[address] = mac
        if before == mac:
            return None
        moved = f"{_text(address)} moved from {before.hex(':')} to {mac.hex(':')}"
        return self._say(time_ns, moved, "")

    def _has(self, address: bytes, time_ns: int) -> bool:
        claimed = self._claimed.get(address)
        return (
            address in self.own
            or self.is_master(address, time_ns)
            or (claimed is not None and time_ns - claimed[0] <= OWN_FOR_NS)
        )

    def _say(self, time_ns: int, what: str, end: str) -> Said:
        return Said(time_ns, self.machine, f"arp: {what} on {self.interface}{end}")


def _text(address: bytes) -> str:
    return str(IPv4Address(address))
