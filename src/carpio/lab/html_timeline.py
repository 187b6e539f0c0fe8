"""The data of the timeline: short names and plain numbers, for the script of a report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from carpio.lab.html_moments import Moment, places_of_ports
from carpio.lab.result import Group, Kind, Result, Silence

__all__ = ["timeline_data"]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
LEAD_S: Final = 0.3
"""Time shown before the first event."""
PROBE_LEAD_S: Final = 0.02
MOST_MARKS: Final = 2000


def timeline_data(result: Result, moments: Iterable[Moment]) -> Json:
    """Return what the script draws."""
    machines = result.topology.machines
    return {
        "t0": -LEAD_S,
        "t1": result.duration_s,
        "events": [[e.start_s, e.end_s, e.title, bool(e.problems)] for e in result.events],
        "hosts": [[m.name, m.implementation] for m in machines if m.kind is Kind.HOST],
        "machines": [machine.name for machine in machines],
        "groups": [_group(result, group) for group in result.topology.groups],
        "messages": [[m.at_s, m.machine, m.text, m.count] for m in result.messages],
        "moments": [[m.at_s, m.source, m.text, m.tone.value, m.group] for m in moments][
            :MOST_MARKS
        ],
    }


def _group(result: Result, group: Group) -> Json:
    addresses = [address.split("/")[0] for address in group.addresses]
    names = [m.name for m in result.topology.machines if m.kind is Kind.HOST]
    on_network = [n for n in names if n in group.advskews] or names
    return {
        "name": group.name,
        "addresses": list(addresses),
        "macs": list(group.macs),
        "hosts": {name: _host(result, group.name, name) for name in on_network},
        "silences": {
            address: [
                [s.start_s, s.end_s, s.lost, _badness(result, s)]
                for s in result.silences
                if s.address == address
            ]
            for address in addresses
            if _is_probed(result, address)
        },
        "forwarding": _forwarding(result, group),
        "neighbours": _neighbours(result, addresses),
    }


def _badness(result: Result, silence: Silence) -> int:
    """Return 1 if it is longer than its limit, 2 if the event is wrong as well, else 0."""
    for event in result.events:
        if event.start_s - PROBE_LEAD_S <= silence.start_s < event.end_s:
            for gap in event.gaps:
                if gap.address == silence.address:
                    length_ms = (silence.end_s - silence.start_s) * 1000
                    is_last = not gap.is_over and silence.end_s >= event.end_s - PROBE_LEAD_S
                    is_late = gap.limit_ms is not None and length_ms > gap.limit_ms
                    return 2 if is_last or (is_late and event.problems) else int(is_late)
    return 0


def _is_probed(result: Result, address: str) -> bool:
    return any(d.address == address for event in result.events for d in event.deliveries) or any(
        silence.address == address for silence in result.silences
    )


def _host(result: Result, group: str, host: str) -> Json:
    return {
        "roles": [
            [role.start_s, role.end_s, role.ending]
            for role in result.roles
            if (role.group, role.host) == (group, host)
        ],
        "adverts": [
            [advert.at_s, advert.family, int(advert.is_bow_out), advert.skew, advert.interval_s]
            for advert in result.adverts
            if (advert.group, advert.host) == (group, host)
        ],
        "claims": {
            density.verdict: [density.bin_s, list(density.bins), list(density.counts)]
            for density in result.claim_density
            if (density.group, density.host) == (group, host)
        },
        "wrong": [
            [c.at_s, c.verdict, c.kind, c.address, c.mac, c.inner_mac]
            for c in result.wrong_claims
            if (c.group, c.host) == (group, host) and c.kind != "traffic"
        ],
    }


def _forwarding(result: Result, group: Group) -> Json:
    """Return by switch and MAC the times at which the port changed, with the machine there."""
    at_port = places_of_ports(result.topology)
    found: dict[str, list[Json]] = {}
    for change in result.forwarding:
        if change.mac in group.macs:
            moves = found.setdefault(f"{change.switch} {change.mac}", [])
            moves.append([change.at_s, at_port.get(change.port, change.port)])
    return found


def _neighbours(result: Result, addresses: Iterable[str]) -> Json:
    wanted = set(addresses)
    found: dict[str, list[Json]] = {}
    for change in result.neighbours:
        if change.address in wanted:
            moves = found.setdefault(f"{change.machine} {change.address}", [])
            moves.append([change.at_s, change.mac, change.is_right])
    return found
