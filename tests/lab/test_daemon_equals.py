"""Real daemons of one advskew that take over from the same MASTER at the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.helpers.lab import need
from tests.helpers.life import SECOND_NS, Film, config, group, start, wait_for

from carpio.lab.observe import Capture
from carpio.lab.topology import Lab


@pytest.fixture
def trio(lab: Lab) -> Iterator[Lab]:
    """Three hosts: `lab` is only asked for to be skipped where it cannot run."""
    need()
    with Lab(("a", "b", "c"), out=lab.directory / "trio") as three:
        yield three


def test_two_equal_backups_of_a_crashed_master_are_one_master_within_a_second(trio: Lab) -> None:
    with Capture(trio) as capture:
        first = start(trio["a"], config(group(advskew=0), preempt=True))
        first.become_master()
        equals = [start(trio[name], config(group(advskew=100), preempt=True)) for name in "bc"]
        for node in equals:
            wait_for(lambda n=node: n.view()["counters"]["ipackets"] > 1, "it heard the first")  # type: ignore[misc]
        trio["a"].crash()
        wait_for(lambda: "MASTER" in [node.state() for node in equals], "a MASTER", 8)
        time.sleep(2.5)
        states = sorted(node.state() for node in equals)
    film = Film(capture)
    assert states == ["BACKUP", "MASTER"]
    begin = min(host[0].time_ns for host in map(film.adverts, "bc") if host)
    speakers = {name for name in "bc" if film.adverts(name, after=begin + SECOND_NS)}
    assert len(speakers) == 1
    assert film.wrong == []
    for node in equals:
        print("\n".join(node.transitions()))
