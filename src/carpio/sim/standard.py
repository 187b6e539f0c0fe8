"""What `--exhaustive` explores: hosts of its own making, or those of configuration files.

Each exploration is by itself, so that each can have a core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_interface
from multiprocessing import get_context
from typing import Final

from carpio.core.model import EngineConfig, InstanceConfig, Vhid, VirtualAddress
from carpio.sim.exhaustive import Horizon, Result, explore_all
from carpio.sim.node import HostSetup
from carpio.wire.auth import Key
from carpio.wire.constants import Family

__all__ = ["Task", "explore_tasks", "own_tasks", "task_of"]

_SKEWS: Final = (0, 80, 160)
"""Intervals that are multiples of 1/16 s apart: fewer different moments, as many orders."""
_MOST_HOSTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One exploration."""

    title: str
    configs: tuple[EngineConfig, ...]
    horizon: Horizon


def own_tasks() -> list[Task]:
    """Return two and three hosts, with preempt and without."""
    address = ip_interface("192.0.2.1/24")
    group = InstanceConfig(
        vhid=Vhid(1),
        carpdev="eth0",
        key=Key.from_passphrase("exhaustive"),
        addresses=(VirtualAddress(address.ip, address.network.prefixlen),),
    )
    with_losses = Horizon(faults=1, delay=0, in_order=True)
    two_faults = Horizon(deadlines=1, delay=0, in_order=True, is_frugal=True)
    delayed = Horizon(faults=0, is_frugal=True)
    delayed_fault = Horizon(faults=1, deadlines=2, is_frugal=True)
    return [
        Task(
            title=f"{number} hosts {'with' if preempt else 'without'} preempt",
            configs=tuple(
                EngineConfig(instances=(replace(group, advskew=skew),), preempt=preempt)
                for skew in _SKEWS[:number]
            ),
            horizon=horizon,
        )
        for number, horizon in (
            (2, Horizon.of(2)),
            *((3, one) for one in (with_losses, two_faults, delayed_fault, Horizon.of(3), delayed)),
        )
        for preempt in (True, False)
    ]


def task_of(setups: Sequence[HostSetup]) -> Task:
    """Return the exploration of the first group that these hosts share, in one family.

    Raises ValueError with the remedy.
    """
    if not 2 <= len(setups) <= _MOST_HOSTS:
        raise ValueError(f"{len(setups)} hosts; give it 2 or {_MOST_HOSTS}, or no file")
    first = next(
        (
            config
            for config in setups[0].config.instances
            if all(_group(setup, config) is not None for setup in setups)
        ),
        None,
    )
    if first is None:
        raise ValueError("the hosts share no group; give it files with one group in common")
    families = [family for family in Family if any(a.family is family for a in first.addresses)]
    configs = []
    for setup in setups:
        group = _group(setup, first)
        assert group is not None  # noqa: S101 - it is shared
        kept = tuple(a for a in group.addresses if a.family in families[:1])
        configs.append(replace(setup.config, instances=(replace(group, addresses=kept),)))
    names = ", ".join(setup.name for setup in setups)
    return Task(
        title=f"{first.instance} of {names}",
        configs=tuple(configs),
        horizon=Horizon.of(len(setups)),
    )


def _group(setup: HostSetup, wanted: InstanceConfig) -> InstanceConfig | None:
    """Return the group of a host with that number and an address in common."""
    addresses = {a.address for a in wanted.addresses}
    for config in setup.config.instances:
        if config.vhid == wanted.vhid and any(a.address in addresses for a in config.addresses):
            return config
    return None


def explore_tasks(tasks: Sequence[Task], *, cores: int) -> Iterator[tuple[Task, Result]]:
    """Yield each task with what was found, as soon as it is."""
    if cores < 2 or len(tasks) < 2:
        for number, task in enumerate(tasks):
            yield tasks[number], _explored(task)
        return
    with get_context("spawn").Pool(min(cores, len(tasks))) as pool:
        explored = pool.imap_unordered(partial(_numbered, tasks), range(len(tasks)))
        for number, result in explored:
            yield tasks[number], result


def _numbered(tasks: Sequence[Task], number: int) -> tuple[int, Result]:
    return number, _explored(tasks[number])


def _explored(task: Task) -> Result:
    return explore_all(task.configs, task.horizon)
