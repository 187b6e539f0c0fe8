"""What can be seen without root; real cgroups are in tests/lab/test_jail_containers.py."""

import os
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.cgroups import Cgroups, is_populated


@pytest.mark.parametrize(
    ("text", "answer"),
    [("populated 1\nfrozen 0\n", True), ("populated 0\nfrozen 0\n", False), ("", False)],
)
def test_a_cgroup_is_populated_as_its_events_say(tmp_path: Path, text: str, answer: bool):
    (tmp_path / "cgroup.events").write_text(text)
    assert is_populated(tmp_path) is answer


def test_a_cgroup_that_is_gone_is_empty(tmp_path: Path):
    assert not is_populated(tmp_path / "nosuch")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may mount")
def test_without_root_the_remedy_is_told():
    with pytest.raises(PlatformError, match="jails need root"):
        Cgroups("x").top()
