"""What `--exhaustive` explores: hosts of its own making, or those of configuration files.

Each exploration is by itself, so that each can have a core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_interface
from multiprocessing import TimeoutError
from multiprocessing.pool import IMapIterator
from typing import Final, TypeAlias

from carpio.core.model import EngineConfig, InstanceConfig, Vhid, VirtualAddress
from carpio.sim.exhaustive import Horizon, Progress, Result, explore_all
from carpio.sim.node import HostSetup
from carpio.sim.premises import differences
from carpio.sim.workers import workers
from carpio.wire.auth import Key

__all__ = ["Task", "explore_tasks", "own_tasks", "task_of"]

_SKEWS: Final = (0, 80, 160)
"""Intervals that are multiples of 1/16 s apart: fewer different moments, as many orders."""
_MOST_HOSTS: Final = 3
_PATIENCE: Final = 20.0
"""Seconds without news after which a word is due."""
_Numbered: TypeAlias = tuple[int, Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One exploration."""

    title: str
    configs: tuple[EngineConfig, ...]
    horizon: Horizon


def own_tasks() -> list[Task]:
    """Return two and three hosts, with preempt and without; what takes longest comes first."""
    address = ip_interface("192.0.2.1/24")
    group = InstanceConfig(
        vhid=Vhid(1),
        carpdev="eth0",
        key=Key.from_passphrase("exhaustive"),
        addresses=(VirtualAddress(address.ip, address.network.prefixlen),),
    )
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
            (3, Horizon.of(3)),
            (2, Horizon.of(2)),
            (3, delayed_fault),
            (3, delayed),
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
    groups = [group for setup in setups if (group := _group(setup, first)) is not None]
    differing = differences(groups)
    if differing:
        raise ValueError(
            f"{first.instance}: {', '.join(differing)}; make equal what must be, or see what comes "
            "of it with `carpio sim` without --exhaustive"
        )
    family = first.addresses[0].family  # all have the same addresses
    configs = []
    for setup, group in zip(setups, groups, strict=True):
        kept = tuple(a for a in group.addresses if a.family is family)
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


def explore_tasks(
    tasks: Sequence[Task], *, cores: int, waiting: Callable[[], None] = lambda: None
) -> Iterator[tuple[Task, Result]]:
    """Yield each task with what was found, as soon as it is.

    Calls `waiting` about every 20 seconds in which nothing was.
    """
    if cores < 2 or len(tasks) < 2:
        for task in tasks:
            yield task, explore_all(task.configs, task.horizon, progress=_now_and_then(waiting))
        return
    with workers(min(cores, len(tasks))) as pool:
        explored = pool.imap_unordered(partial(_numbered, tasks), range(len(tasks)))
        for _ in tasks:
            number, result = _next(explored, waiting)
            yield tasks[number], result


def _next(explored: IMapIterator[_Numbered], waiting: Callable[[], None]) -> _Numbered:
    while True:
        try:
            return explored.next(_PATIENCE)
        except TimeoutError:
            waiting()


def _now_and_then(waiting: Callable[[], None]) -> Progress:
    last = time.monotonic()

    def progress(_states: int, _transitions: int, _waiting: int) -> None:
        nonlocal last
        if time.monotonic() - last > _PATIENCE:
            last = time.monotonic()
            waiting()

    return progress


def _numbered(tasks: Sequence[Task], number: int) -> _Numbered:
    task = tasks[number]
    return number, explore_all(task.configs, task.horizon)
