"""The how-to of the lab does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.lab.implementation import carpio_command
from carpio.lab.scenario import read_scenario

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "lab.md"


def write_files(directory: Path) -> Path:
    """Write the files of the page where it says, return the scenario."""
    page = HOWTO.read_text()
    for name in ("mine.toml", "power.toml"):
        found = re.search(rf"`{name}`.*?\n```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        assert found, name
        (directory / name).write_text(found.group(1))
    return directory / "power.toml"


def test_files_of_the_page_are_valid(tmp_path: Path) -> None:
    scenario = read_scenario(write_files(tmp_path))
    assert [host.name for host in scenario.plan.hosts] == ["web1", "web2"]
    assert [event.title for event in scenario.events][1] == "web1 loses power"


@pytest.mark.lab
def test_lab_of_the_page_stays_until_it_is_taken_down(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    write_files(tmp_path)
    found = re.search(r"^```sh\n(.*?)^```$", HOWTO.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    *asked, down = found.group(1).splitlines()
    assert down == "carpio lab down"
    name = f"test{os.getpid()}h"
    environment = {**os.environ, "PATH": f"{carpio_command().parent}:{os.environ['PATH']}"}

    def do(line: str) -> None:
        done = subprocess.run(
            ("sh", "-c", line), cwd=tmp_path, env=environment, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr

    do(f"carpio lab up mine.toml --name {name}")
    try:
        do(f"until carpio lab shell --lab {name} web1 carpio status | grep MASTER; do :; done")
        for line in asked:
            if " ping " not in line or shutil.which("ping"):
                do(line.replace(" shell ", f" shell --lab {name} "))
    finally:
        do(f"{down} {name}")


@pytest.mark.lab
def test_scenario_of_the_page_ends_well(tmp_path: Path) -> None:
    need()
    file = write_files(tmp_path)
    done = subprocess.run(
        [str(carpio_command()), "lab", "run", str(file), "--no-capture", "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Nothing wrong.")
