"""The captures of real kernels in tests/vectors, and what is known about each of their frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import dpkt

from carpio.wire.auth import Authenticator, Key

__all__ = ["CAPTURES", "VECTORS", "GroupSettings", "KnownCapture", "known_capture"]

VECTORS = Path(__file__).parent.parent / "vectors"
CAPTURES = tuple(sorted(path.stem for path in (VECTORS / "pcap").glob("*.pcap")))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """One way in which a peer was configured."""

    vhid: int
    key: Key
    addresses: tuple[IPv4Address | IPv6Address, ...]

    def authenticator(self) -> Authenticator:
        """Make what signs and verifies with these settings."""
        return Authenticator(self.key, self.vhid, self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCapture:
    """A capture file with its description; `frames` and `facts` go in parallel."""

    path: Path
    configs: tuple[GroupSettings, ...]
    frames: tuple[bytes, ...]
    facts: tuple[Mapping[str, Any], ...]
    """Per frame what the `.json` says about it."""
    cases: tuple[Mapping[str, Any], ...]


@cache
def known_capture(name: str) -> KnownCapture:
    """Read a capture and its description, with a reader that is not ours."""
    path = VECTORS / "pcap" / f"{name}.pcap"
    described = json.loads(path.with_suffix(".json").read_text())
    with path.open("rb") as source:
        frames = tuple(frame for _time, frame in dpkt.pcap.Reader(source))
    return KnownCapture(
        path=path,
        configs=tuple(_settings(config) for config in described["configs"]),
        frames=frames,
        facts=tuple(described["frames"]),
        cases=tuple(described.get("cases", ())),
    )


def _settings(config: Mapping[str, Any]) -> GroupSettings:
    raw = bytes.fromhex(config["keyhex"]) if "keyhex" in config else config["pass"].encode()
    addresses = (*config["v4"], *config.get("v6", ()))
    return GroupSettings(
        vhid=config["vhid"],
        key=Key.from_bytes(raw),
        addresses=tuple(ip_address(address) for address in addresses),
    )
