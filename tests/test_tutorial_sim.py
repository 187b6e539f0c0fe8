"""The tutorial of the simulator, done to the letter: its commands say what it says they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "tutorial" / "break-a-pair-in-the-simulator.md"
SEEDS_HERE = 4
"""Two hundred take their time."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """What each block of commands of the page came to, by the number of its section."""
    directory = tmp_path_factory.mktemp("tutorial")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        name: subprocess.run(
            ("sh", "-c", block),
            cwd=directory,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        for name, block in blocks()
    }


def blocks() -> Iterator[tuple[str, str]]:
    for section in PAGE.read_text().split("\n## ")[1:]:
        for number, block in enumerate(re.findall(r"```sh\n(.*?)```", section, re.S)):
            text = block.replace("--seeds 200", f"--seeds {SEEDS_HERE}")
            yield f"{section[0]}{'abc'[number]}", text


def test_nothing_is_said_on_the_side(told):
    assert {name: one.stderr for name, one in told.items() if name != "6a"} == dict.fromkeys(
        ("1a", "2a", "3a", "3b", "4a", "5a", "5b"), ""
    )


def test_a_calm_pair_and_a_killed_daemon_end_with_nothing_wrong(told):
    for name in ("1a", "2a"):
        assert told[name].returncode == 0
        assert told[name].stdout.endswith("\nNothing wrong.\n")
    assert "gaps 1, longest 490.7ms" in told["2a"].stdout


def test_the_mistake_is_found_in_the_words_of_the_page(told):
    (shown,) = re.findall(r"```\n(FOUND.*?)```", PAGE.read_text(), re.S)
    assert shown in told["3a"].stdout
    assert told["3a"].returncode == 1


def test_monday_flaps_until_the_preferred_host_is_dead(told):
    assert told["4a"].stdout.count("west  BACKUP -> MASTER  master timed out") > 5
    assert "more frequent advertisement received" in told["4a"].stdout
    assert told["4a"].stdout.endswith("\nNothing wrong.\n")


def test_the_bug_is_shown(told):
    assert told["5a"].returncode == 1
    broken = told["5a"].stdout.split("\nBROKEN", 1)[1]
    assert "wrong MAC: 1@eth0 west" in broken
    assert "client believes a wrong MAC" in broken
    assert "traffic at a host that is not master: 1@eth0 west" in broken


def test_the_same_faults_do_no_harm_to_the_real_datapath(told):
    assert told["5b"].returncode == 0
    assert told["5b"].stdout.endswith("\nNothing wrong.\n")


def test_the_search_breaks_nothing(told):
    assert told["6a"].stdout.endswith("\nNo invariant was broken.\n")
