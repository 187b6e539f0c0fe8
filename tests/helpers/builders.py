"""Short ways to make the values that tests feed to engines."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from random import Random

from carpio.core.engine import Engine
from carpio.core.events import DatagramReceived, LinkWentUp, Started
from carpio.core.model import (
    EngineConfig,
    InstanceConfig,
    InstanceKey,
    Nanoseconds,
    Vhid,
    VirtualAddress,
)
from carpio.wire.auth import Authenticator, Key
from carpio.wire.constants import CARP_TTL, Family
from carpio.wire.header import encode_advertisement

__all__ = [
    "FixedEntropy",
    "advert",
    "engine_config",
    "group",
    "key_of",
    "payload_of",
    "running_engine",
    "seconds",
]


class FixedEntropy:
    """Gives the numbers it was told, then counts up from the last."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)
        self._last = 1000

    def getrandbits(self, k: int, /) -> int:
        """Return the next number."""
        self._last = self._numbers.pop(0) if self._numbers else self._last + 7
        return self._last % (1 << k)


def seconds(value: float) -> Nanoseconds:
    """Return `value` seconds; exact for multiples of 1/256 s."""
    return Nanoseconds(round(value * 1_000_000_000))


def key_of(name: str) -> InstanceKey:
    """Return the key written as `1@eth0`."""
    vhid, carpdev = name.split("@")
    return InstanceKey(Vhid(int(vhid)), carpdev)


def group(
    name: str = "1@eth0",
    *addresses: str,
    advbase: int = 1,
    advskew: int = 0,
    passphrase: str = "secret",
    preempt: bool | None = None,
) -> InstanceConfig:
    """Return the settings of the group `name`; without addresses it holds 10.0.0.1/24."""
    key = key_of(name)
    interfaces = [ip_interface(text) for text in addresses or ("10.0.0.1/24",)]
    return InstanceConfig(
        vhid=key.vhid,
        carpdev=key.carpdev,
        key=Key.from_passphrase(passphrase),
        advbase=advbase,
        advskew=advskew,
        addresses=tuple(VirtualAddress(it.ip, it.network.prefixlen) for it in interfaces),
        preempt=preempt,
    )


def engine_config(*groups: InstanceConfig, **policy: bool | int) -> EngineConfig:
    """Return the settings of an engine; without groups it has `group()`."""
    return EngineConfig(instances=groups or (group(),), **policy)  # type: ignore[arg-type]  # checked by use


def running_engine(config: EngineConfig, *, entropy: FixedEntropy | Random | None = None) -> Engine:
    """Return an engine that was started at 0 and whose links went up at 0."""
    engine = Engine(entropy or FixedEntropy())
    engine.handle(Started(config=config), Nanoseconds(0))
    for carpdev in dict.fromkeys(settings.carpdev for settings in config.instances):
        engine.handle(LinkWentUp(carpdev), Nanoseconds(0))
    return engine


def payload_of(
    settings: InstanceConfig,
    *,
    advbase: int = 1,
    advskew: int = 0,
    counter: int = 1,
    demote: int = 0,
) -> bytes:
    """Return what a peer with the same settings but another rank sends."""
    authenticator = Authenticator(
        settings.key, settings.vhid, [virtual.address for virtual in settings.addresses]
    )
    raw = counter.to_bytes(8, "big")
    digest = authenticator.digest(raw)
    return encode_advertisement(settings.vhid, advskew, advbase, raw, digest, demote)


def advert(
    settings: InstanceConfig | None = None,
    *,
    advbase: int = 1,
    advskew: int = 0,
    counter: int = 1,
    demote: int = 0,
    family: Family = Family.IPV4,
    source: str = "10.0.0.12",
    ttl: int = CARP_TTL,
    payload: bytes | None = None,
    is_own_source: bool = False,
) -> DatagramReceived:
    """Return a datagram from a peer of the group (`group()` unless given)."""
    settings = settings or group()
    if payload is None:
        payload = payload_of(
            settings, advbase=advbase, advskew=advskew, counter=counter, demote=demote
        )
    return DatagramReceived(
        carpdev=settings.carpdev,
        family=family,
        source=ip_address(source),
        ttl=ttl,
        payload=payload,
        is_own_source=is_own_source,
    )
