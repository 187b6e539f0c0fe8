from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.sim import pair

from carpio.sim.findings import Kind
from carpio.sim.library import find_scenario, names, path_of
from carpio.sim.run import run
from carpio.sim.scenario import read_scenario

HOSTS = ("a", "b")
FOUND = {
    "different-addresses": {Kind.TWO_MASTERS},
    "different-passphrases": {Kind.TWO_MASTERS},
    "lagg": {Kind.DEMOTION},
    "multicast-filtered": {Kind.TWO_MASTERS},
    "one-way": {Kind.TWO_MASTERS},
    "partition": {Kind.TWO_MASTERS},
    "send-errors": {Kind.DEMOTION},
}


def test_there_are_twenty_at_least():
    assert len(names()) >= 20


@pytest.mark.parametrize("name", names())
def test_each_teaches_something_in_a_paragraph(name: str):
    scenario = read_scenario(path_of(name), HOSTS)
    assert scenario.title
    assert 100 < len(scenario.teaches) < 700
    assert scenario.duration is not None


@pytest.mark.parametrize("name", [name for name in names() if name != "bug-191832"])
def test_each_finds_what_it_tells_and_breaks_nothing(name: str):
    report = run(pair(), read_scenario(path_of(name), HOSTS))
    assert not [one for one in report.findings if one.is_violation]
    if name != "lossy-link":
        assert {one.kind for one in report.findings} == FOUND.get(name, set())


def test_bug_191832_shows_frame_cache_and_traffic():
    report = run(pair(), read_scenario(path_of("bug-191832"), HOSTS))
    found = {one.kind for one in report.findings if one.is_violation}
    assert {Kind.WRONG_MAC, Kind.CACHE, Kind.AT_BACKUP} <= found


def test_a_name_goes_before_a_file_and_what_is_neither_is_none(tmp_path: Path):
    assert find_scenario("calm", tmp_path / "calm") == path_of("calm")
    assert find_scenario("x", tmp_path / "x") is None
    (tmp_path / "x").touch()
    assert find_scenario("x", tmp_path / "x") == tmp_path / "x"
