"""The configuration once it is valid; every value holds by construction of `load_config`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carpio.core.model import EngineConfig, InstanceConfig
from carpio.wire.constants import DEFAULT_DSCP

__all__ = ["DaemonConfig", "VhidConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VhidConfig:
    """One `[[vhid]]` table. `name` is unique over all files; `netns` None is the daemon's own."""

    instance: InstanceConfig
    netns: str | None = None
    name: str


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
    files: tuple[Path, ...] = ()
    """Every configuration file that was read, the main one first."""
    warnings: tuple[str, ...] = ()
    """Finished lines, like those of `ConfigError.problems`."""

    def engine_config(self, netns: str | None) -> EngineConfig:
        """Return what the engine of one network namespace needs, groups in file order."""
        return EngineConfig(
            instances=tuple(vhid.instance for vhid in self.vhids if vhid.netns == netns),
            preempt=self.preempt,
            allow=self.allow,
            ifdown_demotion_factor=self.ifdown_demotion_factor,
            senderr_demotion_factor=self.senderr_demotion_factor,
            bow_out=self.bow_out,
            strict_freebsd=self.strict_freebsd,
        )
