"""What a host of a scenario is there for, as the implementation on it must know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from carpio.lab.plan import Interface

__all__ = ["Command", "Duty", "Post"]

Command: TypeAlias = tuple[str, ...]
DEFAULT_DELAY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """A host's part in one group."""

    vhid: int
    interface: str
    own: tuple[Interface, ...]
    """The host's own addresses on that interface."""
    addresses: tuple[Interface, ...]
    passphrase: str
    advbase: int
    advskew: int

    def of_version(self, version: int) -> tuple[Interface, ...]:
        """Return the shared addresses of a version of IP."""
        return tuple(address for address in self.addresses if address.version == version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """All that a peer must know to serve on a host."""

    directory: Path
    control: Path
    """The socket of a daemon that has one."""
    duties: tuple[Duty, ...]
    preempt: bool = True
    options: tuple[str, ...] = ()
    """Further top-level lines of carpio.toml."""
    delay_s: float = DEFAULT_DELAY_S
    """Of a naive peer, between address and attachment."""
