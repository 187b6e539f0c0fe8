"""Runs of tests side by side: namespaces of others are not seen, nothing is left of the dead."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.helpers.lab import need
from tests.helpers.seclusion import OWNER, end_orphans, name_of_process

from carpio.lab.namespaces import NAMESPACE_DIRECTORY
from carpio.lab.topology import Lab


def test_namespaces_of_a_test_are_seen_by_its_own_processes(lab: Lab) -> None:
    name = lab["b"].namespace
    assert (NAMESPACE_DIRECTORY / name).exists()
    assert name in lab["a"].run("ip", "netns").stdout


@pytest.mark.lab
def test_two_processes_of_tests_do_not_see_each_other_s_namespaces() -> None:
    need("ip")
    script = (
        "import subprocess; from tests.helpers.seclusion import seclude; assert seclude();"
        "subprocess.run(('ip', 'netns', 'add', 'same-name'), check=True); input();"
        "print(subprocess.check_output(('ip', 'netns'), text=True))"
    )
    command = (sys.executable, "-c", script)
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate("\n")[0] for one in both]
    assert [text.split() for text in said] == [["same-name"]] * 2


@pytest.mark.lab
def test_processes_of_a_dead_run_are_ended_and_those_of_a_living_one_are_not() -> None:
    need()
    dead = f"{os.getpid()}@1"  # the number is taken again, by somebody who began later
    owners = dead, name_of_process(os.getpid())
    children = [
        subprocess.Popen(("sleep", "60"), env={**os.environ, OWNER: owner}) for owner in owners
    ]
    try:
        ended = end_orphans()
        assert (children[0].pid in ended, children[1].pid in ended) == (True, False)
        assert children[0].wait(5) != 0
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()
