"""Worlds for tests of the simulator, in few words."""

from __future__ import annotations

from tests.helpers.builders import engine_config, group

from carpio.core.model import EngineConfig
from carpio.sim.node import HostSetup
from carpio.sim.world import World, WorldSettings

__all__ = ["BOTH", "SECOND", "host", "pair", "world"]

SECOND = 1_000_000_000
BOTH = ("10.0.0.1/24", "2001:db8::1/64")


def host(
    name: str,
    advskew: int = 0,
    *addresses: str,
    groups: int = 1,
    advbase: int = 1,
    passphrase: str = "secret",
    **policy: bool | int,
) -> HostSetup:
    """Return a host that preempts, with groups 1, 2, ... of both families unless told."""
    members = [
        group(
            f"{number}@eth0",
            *(addresses or (f"10.0.{number}.1/24", f"2001:db8:{number}::1/64")),
            advskew=advskew,
            advbase=advbase,
            passphrase=passphrase,
        )
        for number in range(1, groups + 1)
    ]
    config: EngineConfig = engine_config(*members, **({"preempt": True} | policy))
    return HostSetup(name=name, config=config)


def pair(*, preempt: bool = True, senderr_demotion_factor: int = 240) -> list[HostSetup]:
    """Return host a, preferred, and host b."""
    return [
        host(name, skew, preempt=preempt, senderr_demotion_factor=senderr_demotion_factor)
        for name, skew in (("a", 0), ("b", 100))
    ]


def world(*hosts: HostSetup, seed: int = 0, naive: bool = False) -> World:
    """Return a world of these hosts, or of `pair()`."""
    return World(hosts or pair(), WorldSettings(seed=seed, naive=naive))
