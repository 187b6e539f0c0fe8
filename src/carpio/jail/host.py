"""All that the steps of jails need of the host, as one value, so that tests can give another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carpio.jail.addresses import Family
from carpio.jail.aliases import Interfaces
from carpio.jail.ports import Commands, Containers, Holder, Registry

__all__ = ["Host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Ports, and who is at work."""

    containers: Containers
    commands: Commands
    registry: Registry
    interfaces: Interfaces
    environ: Mapping[str, str]
    links: str | None
    """Directory with our commands by their names of the BSDs."""
    control: str
    """Socket of the daemon, absolute."""
    me: Holder
    """This process."""
    is_running: Callable[[Holder], bool]
    """Whether a process still is there."""
    resolve: Callable[[str], Sequence[tuple[Family, str]]]
    """Return all addresses of a host name. Raises OSError."""
