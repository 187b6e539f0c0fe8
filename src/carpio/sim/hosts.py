"""From the configuration files of the daemon to hosts of the invented world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from carpio.config.load import load_config
from carpio.config.model import DaemonConfig
from carpio.errors import ConfigError
from carpio.sim.node import HostSetup

__all__ = ["hosts_of", "load_hosts"]


def load_hosts(
    paths: Sequence[Path], environ: Mapping[str, str]
) -> tuple[list[HostSetup], list[str]]:
    """Read the files, one a host; return hosts and warnings. Raises ConfigError with all problems.

    A host is named after its file, with its directory where files are called alike.
    """
    problems: list[str] = []
    warnings: list[str] = []
    configs: list[DaemonConfig] = []
    for path in paths:
        try:
            config = load_config(path, secrets=False, environ=environ)
        except ConfigError as error:
            problems += error.problems
        else:
            configs.append(config)
            warnings += config.warnings
    if problems:
        raise ConfigError(problems)
    found = [
        setup
        for name, config in zip(_names(paths), configs, strict=True)
        for setup in hosts_of(name, config)
    ]
    warnings += [
        f"{other} is the same file as {path}: both hosts have one configuration"
        for path, other in combinations(paths, 2)
        if path.samefile(other)
    ]
    if not any(setup.config.instances for setup in found):
        raise ConfigError(["no file has a [[vhid]] table; there is nothing to simulate"])
    return found, warnings


def hosts_of(name: str, config: DaemonConfig) -> list[HostSetup]:
    """Return a host for each network namespace that has groups; others are `name/NAMESPACE`."""
    namespaces = list(dict.fromkeys(vhid.netns for vhid in config.vhids)) or [None]
    return [
        HostSetup(
            name=name if netns is None else f"{name}/{netns}", config=config.engine_config(netns)
        )
        for netns in namespaces
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    longer = [f"{path.resolve().parent.name}-{path.stem}" for path in paths]
    if len(set(longer)) == len(longer):
        return longer
    return [f"{name}-{number}" for number, name in enumerate(stems, 1)]
