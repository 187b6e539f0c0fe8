"""The moments of a run that decide it, in words and in order. Pure.

A report shows them as a sequence for each event and as the table beside the timeline. Adverts that
merely go on, and claims after the first of their kind, are left out or counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import Final

from carpio.lab.result import (
    Event,
    ForwardingChange,
    Kind,
    Result,
    Role,
    SeenAdvert,
    SeenClaim,
    Topology,
)

__all__ = [
    "EVERYONE",
    "Moment",
    "Tone",
    "group_to_show",
    "moments_of",
    "places_of_ports",
    "sequence_of",
]

EVERYONE: Final = "*"
MOST_IN_SEQUENCE: Final = 18
UNICAST: Final = ("ARP reply", "NA", "traffic")
"""What goes to a single machine, as a rule: to the one that asks all the time."""
FORWARDING: Final = 4
"""Weight of what a switch learns."""
MOST_MOVES_TOLD: Final = 4
RESTLESS_S: Final = 0.2
SILENCE_TOLD_S: Final = 0.02
CLOSE_S: Final = 0.000_001


@unique
class Tone(Enum):
    """What a moment means for the service."""

    PLAIN = "plain"
    ACTION = "action"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened at one machine or switch, or went from there to others."""

    at_s: float
    source: str
    """A machine or a switch."""
    text: str
    tone: Tone = Tone.PLAIN
    target: str = ""
    """A machine, EVERYONE, or empty when it stays where it is."""
    group: str = ""
    """Empty when it concerns all."""
    weight: int = 1
    """Heavier ones stay when there are too many."""


def moments_of(result: Result) -> tuple[Moment, ...]:
    """Return all moments in order."""
    found = (
        *_actions(result),
        *_roles(result),
        *_adverts(result),
        *_wrong_claims(result),
        *_forwarding(result),
        *_neighbours(result),
        *_silences(result),
        *_messages(result),
    )
    return tuple(sorted(found, key=lambda moment: moment.at_s))


def places_of_ports(topology: Topology) -> dict[str, str]:
    """Return what is at the other end of each port of a switch: a machine, or a trunk."""
    ends = {c.port: m.name for m in topology.machines for c in m.cables}
    for number, trunk in enumerate(topology.trunks):
        ends |= {f"trunk{number}-{side}": f"trunk {trunk.name}" for side in ("l", "r")}
    return ends


def group_to_show(result: Result, event: Event) -> str:
    """Return the group that has the most to tell in an event."""
    names = [group.name for group in result.topology.groups]

    def score(name: str) -> int:
        wrong = sum(
            claim.count
            for claim in event.claims
            if claim.group == name and claim.verdict != "right" and claim.kind != "traffic"
        )
        taken = any(o.group == name and o.took_over for o in event.outcomes)
        return wrong + taken

    return max(names, key=score) if names else ""


def sequence_of(
    result: Result, moments: Sequence[Moment], event: Event, group: str
) -> tuple[Moment, ...]:
    """Return the decisive moments of an event for one group, at most MOST_IN_SEQUENCE."""
    network = next((g.network for g in result.topology.groups if g.name == group), "")
    is_last = event is result.events[-1]
    found = [
        moment
        for moment in moments
        if event.start_s - CLOSE_S <= moment.at_s < event.end_s + is_last
        and moment.group in ("", group, network)
    ]
    keep = sorted(found, key=lambda moment: -moment.weight)[:MOST_IN_SEQUENCE]
    return tuple(moment for moment in found if moment in keep)


def _actions(result: Result) -> Iterator[Moment]:
    names = [machine.name for machine in result.topology.machines]
    for event in result.events:
        for action in event.actions:
            place = next((word for word in action.split()[1:] if word in names), "")
            yield Moment(at_s=event.start_s, source=place, text=action, tone=Tone.ACTION, weight=9)


def _roles(result: Result) -> Iterator[Moment]:
    for role in result.roles:
        if role.ending in ("silent",):
            yield Moment(
                at_s=role.end_s,
                source=role.host,
                text="has been silent for three intervals: a BACKUP may take over after its skew",
                group=role.group,
                weight=5,
            )


def _adverts(result: Result) -> Iterator[Moment]:
    starts = {(role.group, role.host, role.start_s): role for role in result.roles}
    ends = _last_adverts(result)
    for advert in result.adverts:
        role = starts.get((advert.group, advert.host, advert.at_s))
        text, weight, tone = "", 1, Tone.PLAIN
        if advert.is_bow_out:
            text, weight = "bows out: the last advert, so that nobody has to wait", 8
        elif role is not None:
            text, weight, tone = "advertises first: it is MASTER", 8, Tone.GOOD
        elif (advert.group, advert.host, advert.at_s) in ends:
            text, weight = "advertises for the last time", 6
        if text:
            yield Moment(
                at_s=advert.at_s,
                source=advert.host,
                target=EVERYONE,
                text=f"{text} ({_advert_facts(advert)})",
                tone=tone,
                group=advert.group,
                weight=weight,
            )


def _advert_facts(advert: SeenAdvert) -> str:
    skew = f"advskew {advert.skew}" if advert.protocol == "CARP" else f"rank {256 - advert.skew}"
    return f"{advert.protocol}, IPv{advert.family}, every {advert.interval_s:g} s, {skew}"


def _last_adverts(result: Result) -> set[tuple[str, str, float]]:
    """Return the adverts after which a host fell silent."""
    silent: list[Role] = [role for role in result.roles if role.ending == "silent"]
    last: set[tuple[str, str, float]] = set()
    by_place: dict[tuple[str, str], list[float]] = {}
    for advert in result.adverts:
        by_place.setdefault((advert.group, advert.host), []).append(advert.at_s)
    for role in silent:
        times = by_place.get((role.group, role.host), [])
        before = [at for at in times if role.start_s < at <= role.end_s]
        if before:
            last.add((role.group, role.host, max(before)))
    return last


def _wrong_claims(result: Result) -> Iterator[Moment]:
    others = [m.name for m in result.topology.machines if m.kind is not Kind.HOST]
    told: set[tuple[int, str, str, str, str]] = set()
    for claim in result.wrong_claims:
        key = (claim.event, claim.group, claim.host, claim.verdict, claim.kind)
        if key in told:
            continue
        told.add(key)
        yield Moment(
            at_s=claim.at_s,
            source=claim.host,
            target=others[0] if others and claim.kind in UNICAST else EVERYONE,
            text=_claim_text(result, claim),
            tone=Tone.BAD,
            group=claim.group,
            weight=7 if claim.kind != "traffic" else 3,
        )


def _claim_text(result: Result, claim: SeenClaim) -> str:
    event = result.events[claim.event - 1]
    count = sum(
        one.count
        for one in event.claims
        if (one.group, one.host, one.verdict, one.kind)
        == (claim.group, claim.host, claim.verdict, claim.kind)
    )
    more = f", the first of {count:,}" if count > 1 else ""
    what = "sends from" if claim.kind == "traffic" else f"{claim.kind}:"
    return f"{what} {claim.address} is at {claim.mac} ({claim.verdict}{more})".replace(
        "sends from " + claim.address + " is at", f"sends from {claim.address} with"
    )


def _forwarding(result: Result) -> Iterator[Moment]:
    at_port = places_of_ports(result.topology)
    of_mac = {mac: group for group in result.topology.groups for mac in group.macs}
    for run in _restless(result.forwarding):
        first, last = run[0], run[-1]
        group = of_mac.get(first.mac)
        if group is None:
            continue
        base = Moment(
            at_s=first.at_s, source=first.switch, text="", group=group.name, weight=FORWARDING
        )
        changes = run if len(run) <= MOST_MOVES_TOLD else (first, last)
        for change in changes:
            where = at_port.get(change.port, change.port)
            text = f"learns that {change.mac} is at {where}" if where else f"forgets {change.mac}"
            yield replace(base, at_s=change.at_s, text=text)
        if len(changes) < len(run):
            places = sorted({at_port.get(change.port, change.port) or "nowhere" for change in run})
            text = f"moves {first.mac} {len(run) - 2} times, between {' and '.join(places)}"
            yield replace(base, at_s=run[1].at_s, text=text)


def _restless(changes: Iterable[ForwardingChange]) -> Iterator[Sequence[ForwardingChange]]:
    """Yield changes of one MAC in one switch, together as long as they follow each other fast."""
    runs: dict[tuple[str, str], list[ForwardingChange]] = {}
    for change in changes:
        place = (change.switch, change.mac)
        run = runs.get(place)
        if run and change.at_s - run[-1].at_s > RESTLESS_S:
            yield runs.pop(place)
            run = None
        runs.setdefault(place, run or []).append(change)
    yield from runs.values()


def _neighbours(result: Result) -> Iterator[Moment]:
    groups = {a.split("/")[0]: g for g in result.topology.groups for a in g.addresses}
    for change in result.neighbours:
        group = groups.get(change.address)
        if group is None:
            continue
        text = f"believes that {change.address} is at {change.mac}"
        yield Moment(
            at_s=change.at_s,
            source=change.machine,
            text=text if change.mac else f"forgets {change.address}",
            tone=Tone.PLAIN if not change.mac else Tone.GOOD if change.is_right else Tone.BAD,
            group=group.name,
            weight=4 if change.is_right else 8,
        )


def _silences(result: Result) -> Iterator[Moment]:
    groups = {a.split("/")[0]: g for g in result.topology.groups for a in g.addresses}
    client = next((m.name for m in result.topology.machines if m.kind is not Kind.HOST), "")
    for silence in result.silences:
        length_s = silence.end_s - silence.start_s
        if length_s < SILENCE_TOLD_S or silence.start_s < 0:
            continue
        group = groups.get(silence.address)
        start = Moment(
            at_s=silence.start_s,
            source=client,
            text=f"has the last answer from {silence.address}",
            tone=Tone.BAD,
            group=group.name if group else "",
            weight=6,
        )
        yield start
        if silence.end_s >= result.duration_s - CLOSE_S:
            text = f"{silence.address} has not answered for {length_s:.2f} s when the run ends"
            yield replace(start, at_s=silence.end_s, text=text)
            continue
        yield replace(
            start,
            at_s=silence.end_s,
            text=f"{silence.address} answers again after {length_s:.2f} s,"
            f" {silence.lost:,} probes lost",
            tone=Tone.GOOD,
        )


def _messages(result: Result) -> Iterable[Moment]:
    groups = {a.split("/")[0]: g.name for g in result.topology.groups for a in g.addresses}
    for message in result.messages:
        named = next((groups[word] for word in message.text.split() if word in groups), "")
        times = f" ({message.count} times)" if message.count > 1 else ""
        yield Moment(
            at_s=message.at_s,
            source=message.machine,
            text=f"kernel: {message.text}{times}",
            group=named,
            weight=3,
        )
