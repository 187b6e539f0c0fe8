"""What configuration files of several hosts say about the election, without any fault.

Each rule looks at one group over all its hosts. Knows no world: nothing is simulated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Final, TypeAlias

from carpio.core.election import Rank, master_down_time
from carpio.core.model import InstanceConfig, IpAddress
from carpio.sim.node import HostSetup
from carpio.sim.premises import differences
from carpio.sim.world import segments_of

__all__ = ["Advice", "doubts", "lint"]

_MOST_SKEW: Final = 240
_REMEDIES: Final = (
    ("address lists differ", "give all hosts the same addresses; else all are MASTER"),
    ("passphrases differ", "give all hosts the same passphrase; else all are MASTER"),
    ("advbase differs", "give all hosts the same advbase; else two may answer after a kill"),
)


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing about a group, and what to do."""

    group: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.group}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class _Member:
    host: str
    config: InstanceConfig
    allow: bool
    rank: Rank
    ifdown: int | None
    """The least demotion when another interface of the host fails; None: it has one only."""

    def demoted(self, points: int) -> Rank:
        """Return the rank under a demotion."""
        config = self.config
        return Rank.of(config.advbase, config.advskew, points, preempt=self.rank.preempt)

    def can_be_master(self) -> bool:
        return self.allow and bool(self.config.addresses)


_Group: TypeAlias = Sequence[_Member]
_Rule: TypeAlias = Callable[[_Group], Iterator[tuple[str, str]]]


def lint(setups: Sequence[HostSetup]) -> list[Advice]:
    """Return all that the rules say, group by group."""
    groups = _groups_of(setups)
    return [*_idle(setups), *_two_groups(groups), *_obey(_RULES, groups)]


def doubts(setups: Sequence[HostSetup]) -> list[Advice]:
    """Return what makes a simulation say nothing of use, or blame carpio for the configuration."""
    groups = _groups_of(setups)
    return [*_idle(setups), *_two_groups(groups), *_obey((_alone,), groups)]


def _idle(setups: Sequence[HostSetup]) -> Iterator[Advice]:
    for setup in setups:
        if not setup.config.instances:
            remedy = "it takes no part; add [[vhid]], or leave its file out"
            yield Advice(setup.name, "has no group", remedy)


def _groups_of(setups: Sequence[HostSetup]) -> dict[str, list[_Member]]:
    """Return the members of each group, by VHID@SEGMENT."""
    wires = segments_of(setups)
    groups: dict[str, list[_Member]] = {}
    for setup in setups:
        for config in setup.config.instances:
            preempt = setup.config.preempt if config.preempt is None else config.preempt
            rank = Rank.of(config.advbase, config.advskew, 0, preempt=preempt)
            name = f"{config.vhid}@{wires[setup.name, config.carpdev]}"
            ifdown = _least_ifdown(setup, config.carpdev)
            member = _Member(setup.name, config, setup.config.allow, rank, ifdown)
            groups.setdefault(name, []).append(member)
    return groups


def _least_ifdown(setup: HostSetup, carpdev: str) -> int | None:
    """Return the least demotion that the failure of an interface other than `carpdev` makes."""
    lost = Counter(one.carpdev for one in setup.config.instances if one.carpdev != carpdev)
    return min(lost.values()) * setup.config.ifdown_demotion_factor if lost else None


def _obey(rules: Iterable[_Rule], groups: Mapping[str, _Group]) -> list[Advice]:
    return [
        Advice(name, what, remedy)
        for name, members in groups.items()
        for rule in rules
        for what, remedy in rule(members)
    ]


def _two_groups(groups: Mapping[str, _Group]) -> Iterator[Advice]:
    """An address has one virtual MAC; `groups` are named VHID@SEGMENT."""
    holders: dict[tuple[str, str], str] = {}
    for name, members in groups.items():
        wire = name.partition("@")[2]
        addresses = [one.address for member in members for one in member.config.addresses]
        for address in dict.fromkeys(map(str, addresses)):
            other = holders.setdefault((wire, address), name)
            if other != name:
                what = f"{address} is in {other}, too"
                yield Advice(name, what, "give it one vhid on all hosts; else it has two MACs")


def _alone(group: _Group) -> Iterator[tuple[str, str]]:
    if len(group) == 1:
        yield f"only {group[0].host} has it", "nobody takes over; configure it on another host"


def _differences(group: _Group) -> Iterator[tuple[str, str]]:
    found = differences([member.config for member in group])
    for what, remedy in _REMEDIES:
        if what in found:
            text = what
            if what == "address lists differ":
                text += f" ({_uncommon(group)})"
            yield text, remedy


def _uncommon(group: _Group) -> str:
    known: dict[IpAddress, list[str]] = {}
    for member in group:
        for address in dict.fromkeys(one.address for one in member.config.addresses):
            known.setdefault(address, []).append(member.host)
    return ", ".join(
        f"{address} only on {' and '.join(hosts)}"
        for address, hosts in known.items()
        if len(hosts) < len(group)
    )


def _ties(group: _Group) -> Iterator[tuple[str, str]]:
    for one, other in combinations(group, 2):
        if one.rank.interval == other.rank.interval:
            yield (
                f"{one.host} and {other.host} are equal (advskew {one.rank.advskew})",
                "give them different advskews; nothing breaks ties",
            )


def _never(group: _Group) -> Iterator[tuple[str, str]]:
    for member in group:
        if not member.allow:
            yield f"{member.host} can never be MASTER: allow = false", "remove allow = false"
        elif not member.config.addresses:
            yield f"{member.host} can never be MASTER: no addresses", "add the addresses"


def _preempt(group: _Group) -> Iterator[tuple[str, str]]:
    on = [member.host for member in group if member.rank.preempt]
    off = [member.host for member in group if not member.rank.preempt]
    if on and off:
        yield (
            f"preempt is on at {', '.join(on)} and off at {', '.join(off)}",
            "set it alike, unless the order of start shall decide for some",
        )


def _demotion(group: _Group) -> Iterator[tuple[str, str]]:
    for member in group:
        others = [it for it in group if it is not member and it.can_be_master()]
        best = min((it.rank.interval for it in others if it.rank.preempt), default=None)
        if others and best is None:
            yield (
                f"demotion of {member.host} moves nothing: no other host has preempt",
                "set preempt = true on the others, or stop the daemon to hand over",
            )
        elif best is not None and member.can_be_master():
            yield from _too_little(member, best)


def _too_little(member: _Member, best: int) -> Iterator[tuple[str, str]]:
    """`best`: the shortest interval of the others that preempt; an equal one takes nothing over."""
    most = member.demoted(_MOST_SKEW)
    if most.interval <= best:
        yield (
            f"demotion of {member.host} moves nothing: demoted it has advskew {most.advskew} at "
            "most, and no other host with preempt is better than that",
            f"give another host with preempt an advskew below {_MOST_SKEW}",
        )
    elif member.ifdown is not None and member.demoted(member.ifdown).interval <= best:
        skew = member.demoted(member.ifdown).advskew
        yield (
            f"it stays at {member.host} when another interface of {member.host} fails: demoted by "
            f"{member.ifdown} to advskew {skew}, and no other host with preempt is better",
            "raise ifdown_demotion_factor, default 240, unless groups shall move alone",
        )


def _skew(group: _Group) -> Iterator[tuple[str, str]]:
    for member in group:
        if member.config.advskew > _MOST_SKEW:
            yield (
                f"{member.host} has advskew {member.config.advskew}, advertised as {_MOST_SKEW}",
                f"use less than {_MOST_SKEW}: hosts differ on the wire then as they do here, and a "
                "demoted one is worse than all",
            )


def _one_lost(group: _Group) -> Iterator[tuple[str, str]]:
    """A BACKUP that stays one must survive the loss of one advert of this MASTER."""
    for master, backup in permutations(group, 2):
        if backup.rank.preempt and backup.rank.interval < master.rank.interval:
            continue  # it takes over in any case
        config = backup.config
        if 2 * master.rank.interval > master_down_time(config.advbase, config.advskew):
            yield (
                f"while {master.host} is MASTER one lost advert makes {backup.host} take over",
                f"lower the advskew of {master.host} or raise that of {backup.host}",
            )


_RULES: Final[tuple[_Rule, ...]] = (
    _alone,
    _differences,
    _ties,
    _never,
    _preempt,
    _demotion,
    _skew,
    _one_lost,
)
