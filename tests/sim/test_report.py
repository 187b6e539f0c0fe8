"""What is told of a run besides its findings."""

from __future__ import annotations

from tests.helpers.sim import SECOND, host, pair

from carpio.sim.faults import Fault, FaultKind
from carpio.sim.run import run
from carpio.sim.scenario import Scenario
from carpio.sim.text import as_text


def test_warnings_are_told_before_the_findings_and_in_json():
    idle = Fault(kind=FaultKind.LINK_DOWN, at=SECOND, host="a", interface="eth1")
    report = run(pair(), Scenario(faults=(idle,)), duration=20 * SECOND)
    told = "warning: fault 1 does nothing: a has no group on eth1\n\nNothing wrong."
    assert as_text(report).endswith(told)
    assert report.as_json()["warnings"] == ["fault 1 does nothing: a has no group on eth1"]


def test_json_has_no_warnings_when_there_are_none():
    assert "warnings" not in run(pair(), Scenario(), duration=20 * SECOND).as_json()


def test_a_group_that_never_had_a_master_is_warned_of():
    report = run([host("a", 0, advbase=255), host("b", 100, advbase=255)], Scenario())
    (warning,) = report.warnings
    assert warning.startswith("1@eth0 never had a master, so this run says nothing of it: its")
    assert warning.endswith("; simulate for longer")


def test_a_group_of_which_no_host_may_run_is_warned_of():
    report = run([host("a", 0, allow=False), host("b", 100, allow=False)], Scenario())
    (warning,) = report.warnings
    assert "look at allow" in warning
