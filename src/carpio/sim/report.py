"""What a run came to: who was master when, gaps, split brain, adverts, and what was wrong.

Made once of a world that has run; holds values only, so that it can be written as text, JSON or a
picture, and handed from one process to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from typing import Any, Final

from carpio.sim.findings import Finding
from carpio.sim.invariants import Change
from carpio.sim.units import shown
from carpio.sim.watch import GroupWatch
from carpio.sim.world import World

__all__ = ["SCHEMA", "GroupReport", "HostReport", "Report", "report_of"]

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """A host's part in one group. Times are in nanoseconds."""

    host: str
    mastered: int
    """How long it answered for the group."""
    adverts: int
    bow_outs: int
    failed_sends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """One group."""

    name: str
    addresses: tuple[str, ...]
    hosts: tuple[HostReport, ...]
    speakers: tuple[tuple[int, tuple[str, ...]], ...]
    """When those who answer changed, and to whom."""
    changes: tuple[Change, ...]
    gaps: tuple[tuple[int, int], ...]
    """(begin, length) of the times without anybody who answers, after the first master."""
    split: int
    """How long more than one answered."""
    probes_sent: int
    probes_answered: int
    uncounted: int
    """Changes beyond those that are kept."""

    @property
    def is_masterless(self) -> bool:
        """Whether nobody ever was master, so that nothing was proved of the group."""
        return not any(who for _, who in self.speakers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run."""

    seed: int
    duration: int
    hosts: tuple[str, ...]
    groups: tuple[GroupReport, ...]
    findings: tuple[Finding, ...]
    more_findings: int
    faults_at: tuple[tuple[int, str], ...] = ()
    """When something was done, and what."""
    warnings: tuple[str, ...] = ()
    """Why the run says less than it seems to."""
    receptions: int
    steps: int

    @property
    def faults(self) -> tuple[str, ...]:
        """What was done, in the order of time."""
        return tuple(text for _, text in self.faults_at)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints. Times are in seconds."""
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "duration_s": _s(self.duration),
            "hosts": list(self.hosts),
            "faults": list(self.faults),
            "groups": [_group_json(group, self.duration) for group in self.groups],
            "violations": [_finding_json(one) for one in self.findings if one.is_violation],
            "findings": [_finding_json(one) for one in self.findings if not one.is_violation],
            "more_findings": self.more_findings,
            "adverts_heard": self.receptions,
            "steps": self.steps,
            **({"warnings": list(self.warnings)} if self.warnings else {}),
        }


def report_of(
    world: World, faults: tuple[tuple[int, str], ...] = (), warnings: tuple[str, ...] = ()
) -> Report:
    """Return what `world` came to until now."""
    invariants = world.invariants
    groups = tuple(_group(world, watch) for watch in invariants.watches)
    return Report(
        seed=world.settings.seed,
        duration=world.now,
        hosts=tuple(node.name for node in world.nodes),
        groups=groups,
        findings=tuple(invariants.findings.all()),
        more_findings=invariants.findings.uncounted,
        faults_at=faults,
        warnings=(*warnings, *_masterless(world, groups)),
        receptions=world.receptions,
        steps=world.steps,
    )


def _masterless(world: World, groups: Sequence[GroupReport]) -> Iterator[str]:
    """Warn of groups about which the run says nothing."""
    for watch, group in zip(world.invariants.watches, groups, strict=True):
        if not group.is_masterless:
            continue
        if world.now <= watch.bounds.none:
            remedy = f"its first election can take {shown(watch.bounds.none)}; simulate for longer"
        else:
            remedy = "look at allow, its addresses, and what fails from the beginning"
        yield f"{watch.name} never had a master, so this run says nothing of it: {remedy}"


def _group(world: World, watch: GroupWatch) -> GroupReport:
    ends = [*(at for at, _ in watch.changes[1:]), world.now]
    stays = [
        (at, end - at, who) for (at, who), end in zip(watch.changes, ends, strict=True) if end > at
    ]
    mastered = dict.fromkeys(watch.member_of, 0)
    for _, length, who in stays:
        for name in who:
            mastered[name] += length
    first = next((n for n, (_, _, who) in enumerate(stays) if who), len(stays))
    sent, answered = world.probes_of(watch)
    return GroupReport(
        name=watch.name,
        addresses=tuple(str(ip_address(a)) for a in sorted(watch.addresses, key=_order)),
        hosts=tuple(
            HostReport(
                host=name,
                mastered=mastered[name],
                **world.invariants.sent(name, member.key),
            )
            for name, member in watch.member_of.items()
        ),
        speakers=tuple(watch.changes),
        changes=tuple(one for one in world.invariants.changes if one.group == watch.name),
        gaps=tuple((at, length) for at, length, who in stays[first:] if not who),
        split=sum(length for _, length, who in stays if len(who) > 1),
        probes_sent=sent,
        probes_answered=answered,
        uncounted=watch.uncounted + world.invariants.uncounted,
    )


def _order(address: bytes) -> tuple[int, bytes]:
    return len(address), address


def _s(nanoseconds: int) -> float:
    return nanoseconds / 1_000_000_000


def _group_json(group: GroupReport, duration: int) -> dict[str, Any]:
    return {
        "name": group.name,
        "addresses": list(group.addresses),
        "hosts": [
            {
                "host": host.host,
                "mastered_s": _s(host.mastered),
                "adverts": host.adverts,
                "bow_outs": host.bow_outs,
                "failed_sends": host.failed_sends,
            }
            for host in group.hosts
        ],
        "masters": [
            {"from_s": _s(at), "to_s": _s(end), "hosts": list(who)}
            for (at, who), (end, _) in pairwise((*group.speakers, (duration, ())))
            if end > at
        ],
        "transitions": [
            {
                "at_s": _s(one.at),
                "host": one.host,
                "old": one.old.value,
                "new": one.new.value,
                "reason": one.reason,
            }
            for one in group.changes
        ],
        "gaps": [{"at_s": _s(at), "length_s": _s(length)} for at, length in group.gaps],
        "split_brain_s": _s(group.split),
        "probes": {"sent": group.probes_sent, "answered": group.probes_answered},
        "more_changes": group.uncounted,
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "what": finding.kind.value,
        "group": finding.group,
        "host": finding.host,
        "first_s": _s(finding.first),
        "last_s": _s(finding.last),
        "count": finding.count,
        "cause": finding.cause,
        "evidence": finding.evidence,
    }
