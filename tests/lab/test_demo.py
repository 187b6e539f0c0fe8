from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.lab_result import a_result
from tests.lab.test_scenarios import eventually_gone

from carpio.lab.command import main
from carpio.lab.demo import is_blind, prove_the_judge
from carpio.lab.implementation import carpio_command
from carpio.lab.result import GapSeen, Proof, Result, read_result
from carpio.lab.scenario import read_scenario, scenario_path

STORY = read_scenario(scenario_path("demo"))
PROOF = scenario_path("bare-address")


def demo(*arguments: str) -> tuple[str, ...]:
    return (str(carpio_command()), "lab", "demo", *arguments)


def test_story_has_eight_events_and_can_be_told_in_parts_after_both_have_started() -> None:
    assert len(STORY.events) == 8
    assert STORY.acts == ("crash", "stop", "kill")
    titles = [event.title for event in STORY.only(["stop"]).events]
    assert titles == [
        "a starts, alone",
        "b boots beside a busy master",
        "a is stopped gracefully",
        "a is started again",
    ]


def test_gap_of_each_event_that_the_protocol_sets_no_limit_has_a_target() -> None:
    targets = {event.title: event.gap_ms for event in STORY.events}
    assert targets.pop("a's daemon is killed, link up") == 600.0
    assert targets.pop("a starts, alone") is targets.pop("a loses power") is None
    assert set(targets.values()) == {20.0}


def test_backup_that_boots_is_watched_longer_than_it_would_wait_for_a_master() -> None:
    (boot,) = (event for event in STORY.events if event.title.startswith("b boots"))
    assert not boot.takeover
    assert boot.watch_s > 3 + 100 / 256


@pytest.mark.parametrize(
    "argv",
    [["--events", "flood"], ["--repeat", "0"], ["--flood", "-1"], ["--daemon", "x"], ["--odd"]],
    ids=" ".join,
)
def test_wrong_use_ends_with_status_64(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["demo", *argv])
    assert raised.value.code == 64


def proof(*, lost: int = 10, wrong: str = "wrong MAC", seen: int = 4) -> Result:
    """Return a run of the proof as it must be, but for what is said."""
    silent, lying = a_result().events
    gap = GapSeen(address="10.77.0.100", gap_ms=10.0, probes=10, lost=lost, is_over=False)
    claims = tuple(replace(claim, verdict=wrong) for claim in lying.claims)
    events = (replace(silent, gaps=(gap,), claims=()), replace(lying, claims=claims))
    return replace(a_result(), events=events, proof=Proof(sent=4, seen=seen))


def test_judge_that_saw_all_is_not_blind() -> None:
    assert is_blind(proof()) == ""


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (proof(lost=9), "9 of 10 probes unanswered without a daemon (must be all)"),
        (proof(wrong="right"), "no wrong claims by a naive host (must be many)"),
        (proof(seen=3), "3 of 4 forged claims (must be all)"),
    ],
)
def test_judge_that_missed_something_is_blind(seen: Result, why: str) -> None:
    assert is_blind(seen) == why


@pytest.mark.lab
def test_missing_tool_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    need()
    for tool in ("unshare", "ip"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        demo(), capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends tcpdump nftables" in done.stderr


@pytest.mark.lab
def test_judge_is_shown_to_fail_a_naive_host(tmp_path: Path) -> None:
    need()
    scenario = read_scenario(PROOF)
    assert prove_the_judge(scenario, tmp_path / "proof").startswith("it can")
    result = read_result(tmp_path / "proof" / "result.json")
    assert {claim.host for claim in result.wrong_claims} == {"a"}
    assert any("came to believe" in problem for problem in result.problems)


@pytest.mark.lab
def test_demo_that_is_told_to_leave_leaves_nothing(tmp_path: Path) -> None:
    need()
    before = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    out = tmp_path / "out"
    told = subprocess.Popen(demo("--out", str(out)), stderr=subprocess.PIPE, text=True)
    try:
        assert told.stderr is not None
        while "a starts" not in told.stderr.readline():
            assert told.poll() is None
        told.send_signal(signal.SIGTERM)
        assert told.wait(30) == 128 + signal.SIGTERM
    finally:
        told.kill()
        told.wait()
        told.stderr.close()
    assert eventually_gone(tmp_path)
    assert (set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()) <= before


@pytest.mark.lab
def test_pair_of_carpio_daemons_tells_no_lie_when_one_is_stopped(tmp_path: Path) -> None:
    need()
    done = subprocess.run(
        demo("--events", "stop", "--flood", "200", "--json", "--out", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    masters = [outcome["masters"] for event in run["events"] for outcome in event["outcomes"]]
    assert masters == [["a"], ["a"], ["b"], ["a"]]
    claims = [claim for event in run["events"] for claim in event["claims"]]
    assert {claim["verdict"] for claim in claims} == {"right"}
    assert sum(port["dropped"] for port in run["captures"]) == 0
    assert run["observers"]["flood_hz"] == 200
    assert run["scenario"]["command"] == "carpio lab run demo --flood 200 --events stop"
    assert (tmp_path / "run-1" / run["capture_file"]).exists()


@pytest.mark.lab
@pytest.mark.interop
def test_pair_of_ucarps_is_found_wrong(tmp_path: Path) -> None:
    need("ip", "tcpdump", "ucarp")
    done = subprocess.run(
        demo("--daemon", "ucarp", "--events", "stop", "--out", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "wrong MAC" in done.stdout
    assert "WRONG: " in done.stdout.splitlines()[-1]
