"""From the capture files of a lab to a judge and its tally."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path

from carpio.lab.implementation import Group
from carpio.lab.judge import CapturedFrame, GroupAddresses, Judge, Tally, heard_adverts
from carpio.lab.pcap import read_pcap
from carpio.lab.sighting import Claim, sight
from carpio.lab.topology import ROUTER

__all__ = ["host_frames", "judge_of", "tally_of"]


def host_frames(files: Mapping[str, Path]) -> Iterator[CapturedFrame]:
    """Yield the frames of all hosts (not the router's) in order of time."""
    streams = [_frames_of(host, path) for host, path in files.items() if host != ROUTER]
    return heapq.merge(*streams, key=lambda frame: frame.time_ns)


def _frames_of(host: str, path: Path) -> Iterator[CapturedFrame]:
    return (CapturedFrame(time_ns, host, data) for time_ns, _, data in read_pcap(path))


def judge_of(files: Mapping[str, Path], group: Group) -> Judge:
    """Return the judge of a group who knows its role time line from the captures."""
    addresses = frozenset(address.ip.packed for address in group.addresses)
    heard = heard_adverts(host_frames(files), group.vhid)
    return Judge(GroupAddresses(group.vhid, addresses), heard)


def tally_of(files: Mapping[str, Path], group: Group, from_ns: int = 0) -> Tally:
    """Judge every claim that was captured at or after `from_ns`."""
    judge = judge_of(files, group)
    tally = Tally()
    for frame in host_frames(files):
        seen = sight(frame.data) if frame.time_ns >= from_ns else None
        if isinstance(seen, Claim) and (finding := judge.judge(frame.time_ns, frame.host, seen)):
            tally.add(finding)
    return tally
