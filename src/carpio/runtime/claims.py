"""Foreign claims: who says with which MAC that one of our addresses is theirs (R-102).

Counted, shown in status, and logged in the BSDs' words, at most once in ten seconds for one MAC
and address. A claim with the virtual MAC is a rival master's and no lie.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carpio.core.model import InstanceConfig, InstanceKey, IpAddress, Nanoseconds
from carpio.wire.ethernet import format_mac, virtual_mac

__all__ = ["Claim", "Claims"]

log = logging.getLogger("carpio")

_LOG_INTERVAL = Nanoseconds(10_000_000_000)
_MAX_CLAIMANTS = 64
"""Claimants remembered; of a flood with changing MACs the rest is only counted."""
_STALE = Nanoseconds(60_000_000_000)
"""A claimant who was silent for so long makes room for a new one."""


@dataclass(slots=True, kw_only=True)
class Claim:
    """How often `mac` claimed `address`, and when last."""

    instance: InstanceKey
    address: IpAddress
    mac: bytes
    count: int
    heard_at: Nanoseconds
    logged_at: Nanoseconds


class Claims:
    """The claims heard on all carpdevs of one stack."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, bytes], InstanceConfig] = {}
        self._found: dict[tuple[str, bytes, bytes], Claim] = {}
        """In the order in which they were heard last."""
        self.unlisted = 0
        """Claims by more MACs than are remembered."""

    def configure(self, instances: Iterable[InstanceConfig]) -> None:
        """Watch the addresses of `instances`; what was heard of them is kept."""
        self._owners = {
            (config.carpdev, a.address.packed): config
            for config in instances
            for a in config.addresses
        }
        self._found = {k: c for k, c in self._found.items() if (k[0], k[1]) in self._owners}

    def hear(self, carpdev: str, address: bytes, mac: bytes, now: Nanoseconds) -> None:
        """Note that `mac` spoke for `address` (4 or 16 bytes) on `carpdev`."""
        owner = self._owners.get((carpdev, address))
        if owner is None or mac == virtual_mac(owner.vhid):
            return
        place = (carpdev, address, mac)
        claim = self._found.pop(place, None)
        if claim is None:
            if not self._has_room(now):
                self.unlisted += 1
                return
            ip = IPv4Address(address) if len(address) == 4 else IPv6Address(address)
            long_ago = Nanoseconds(now - _LOG_INTERVAL)
            claim = Claim(
                instance=owner.instance,
                address=ip,
                mac=mac,
                count=0,
                heard_at=now,
                logged_at=long_ago,
            )
        self._found[place] = claim
        claim.count += 1
        claim.heard_at = now
        if now - claim.logged_at >= _LOG_INTERVAL:
            claim.logged_at = now
            log.warning(
                "arp: %s is using my IP address %s on %s!", format_mac(mac), claim.address, carpdev
            )

    def _has_room(self, now: Nanoseconds) -> bool:
        """True when a claimant can be added; the one silent for longest may have to go."""
        if len(self._found) < _MAX_CLAIMANTS:
            return True
        place, oldest = next(iter(self._found.items()))
        if now - oldest.heard_at < _STALE:
            return False
        del self._found[place]
        return True

    def of(self, instance: InstanceKey) -> list[Claim]:
        """Claims for addresses of one group."""
        return [claim for claim in self._found.values() if claim.instance == instance]
