"""The configuration once it is valid; every value holds by construction of `load_config`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from carpio.core.model import EngineConfig, InstanceConfig
from carpio.wire.constants import DEFAULT_DSCP

__all__ = ["DaemonConfig", "NamespaceSettings", "Process", "StackSettings", "VhidConfig"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Process:
    """A process; no other one has the same number and beginning until the next boot."""

    number: int
    began: int
    """Ticks since the boot, as in proc(5)."""

    def __str__(self) -> str:
        return f"process {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VhidConfig:
    """One `[[vhid]]` table. `name` is unique over all files; `netns` None is the daemon's own."""

    instance: InstanceConfig
    netns: str | None = None
    name: str
    attach: str | Process | None = None
    """Where the addresses live when not beside the interface: a named network namespace, or (never
    from a file) that of a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceSettings:
    """One `[[netns]]` table; None is as at the top level."""

    preempt: bool | None = None
    allow: bool | None = None
    dscp: int | None = None
    log: int | None = None
    ifdown_demotion_factor: int | None = None
    senderr_demotion_factor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What holds in one network namespace."""

    preempt: bool
    allow: bool
    dscp: int
    log: int
    ifdown_demotion_factor: int
    senderr_demotion_factor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """All files together; the defaults are those of an empty file (`config.schema`)."""

    vhids: tuple[VhidConfig, ...] = ()
    preempt: bool = False
    allow: bool = True
    dscp: int = DEFAULT_DSCP
    log: int = 1
    ifdown_demotion_factor: int = 240
    senderr_demotion_factor: int = 240
    bow_out: bool = True
    strict_freebsd: bool = False
    backup_routes: bool = True
    resume: bool = True
    namespaces: tuple[tuple[str, NamespaceSettings], ...] = ()
    """By the name of the network namespace, unique, in file order."""
    files: tuple[Path, ...] = ()
    """Every configuration file that was read, the main one first."""
    digests: tuple[str, ...] = field(default=(), compare=False)
    """What tells the text of each of `files` from another one."""
    warnings: tuple[str, ...] = ()
    """Finished lines, like those of `ConfigError.problems`."""

    def settings(self, netns: str | None) -> StackSettings:
        """Return what holds in a network namespace; None is the daemon's own."""
        own = next((one for name, one in self.namespaces if name == netns), NamespaceSettings())
        return StackSettings(
            preempt=_first(own.preempt, self.preempt),
            allow=_first(own.allow, self.allow),
            dscp=_first(own.dscp, self.dscp),
            log=_first(own.log, self.log),
            ifdown_demotion_factor=_first(own.ifdown_demotion_factor, self.ifdown_demotion_factor),
            senderr_demotion_factor=_first(
                own.senderr_demotion_factor, self.senderr_demotion_factor
            ),
        )

    def engine_config(self, netns: str | None) -> EngineConfig:
        """Return what the engine of one network namespace needs, groups in file order."""
        settings = self.settings(netns)
        return EngineConfig(
            instances=tuple(vhid.instance for vhid in self.vhids if vhid.netns == netns),
            preempt=settings.preempt,
            allow=settings.allow,
            ifdown_demotion_factor=settings.ifdown_demotion_factor,
            senderr_demotion_factor=settings.senderr_demotion_factor,
            bow_out=self.bow_out,
            strict_freebsd=self.strict_freebsd,
        )


def _first(own: _T | None, otherwise: _T) -> _T:
    return otherwise if own is None else own
