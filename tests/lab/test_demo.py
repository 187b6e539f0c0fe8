from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.lab.demo import main, prove_the_judge
from carpio.lab.namespaces import NAMESPACE_DIRECTORY
from carpio.lab.story import ACTS, steps_of

DEMO = (sys.executable, "-m", "carpio.lab.demo")


def test_chosen_acts_are_played_after_the_start_of_both_hosts() -> None:
    assert [step.act for step in steps_of(["stop"])] == ["start", "boot", "stop", "stop"]
    assert {step.act for step in steps_of(ACTS)} == {"start", "boot", *ACTS}


@pytest.mark.parametrize("argv", [["--events", "flood"], ["--repeat", "0"], ["--nonsense"]])
def test_wrong_use_ends_with_status_64(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 64


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_ordinary_user_is_told_to_be_root(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "root" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="must pass the check for root first")
def test_missing_tool_is_named_with_the_line_that_installs_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main([]) == 1
    assert "apt-get install --no-install-recommends iproute2 tcpdump" in capsys.readouterr().err


@pytest.mark.lab
def test_judge_is_shown_to_fail_a_naive_host(tmp_path: Path) -> None:
    need()
    assert prove_the_judge(tmp_path / "proof").startswith("it can")


@pytest.mark.lab
def test_demo_that_is_told_to_leave_removes_its_namespaces(tmp_path: Path) -> None:
    need()
    demo = subprocess.Popen((*DEMO, "--out", str(tmp_path)), stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stderr is not None
        while "a starts" not in demo.stderr.readline():
            assert demo.poll() is None
        time.sleep(1.0)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 128 + signal.SIGTERM
    finally:
        demo.kill()
        demo.wait()
        demo.stderr.close()
    left = [e.name for e in NAMESPACE_DIRECTORY.iterdir() if e.name.startswith(f"cl-{demo.pid}-")]
    assert left == []


@pytest.mark.lab
def test_pair_of_carpio_daemons_tells_no_lie_when_one_is_stopped(tmp_path: Path) -> None:
    need()
    done = subprocess.run(
        (*DEMO, "--events", "stop", "--json", "--out", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert [event["master"] for event in run["events"]] == ["a", "a", "b", "a"]
    assert all(not any(event["wrong"].values()) for event in run["events"])
    assert run["capture_lost"] == 0
    assert Path(run["capture"]).exists()


@pytest.mark.lab
@pytest.mark.interop
def test_pair_of_ucarps_is_found_wrong(tmp_path: Path) -> None:
    need("ip", "tcpdump", "ucarp")
    done = subprocess.run(
        (*DEMO, "--daemon", "ucarp", "--events", "stop", "--out", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "wrong MAC" in done.stdout
