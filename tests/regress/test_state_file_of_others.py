"""A state file is followed nowhere and believed only when it is this user's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carpio.runtime.settings import StateFile

SAVED = '{"settings": {"ipv4/conf/eth0/arp_ignore": [0, 1]}, "groups": {}}'


def test_a_symbolic_link_in_the_place_of_the_new_file_is_not_written_through(
    tmp_path: Path,
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "state.new").symlink_to(victim)
    StateFile(tmp_path / "state.json").save()
    assert victim.read_text() == "precious"
    assert (tmp_path / "state.json").is_file()


def test_a_symbolic_link_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(SAVED)
    (tmp_path / "state.json").symlink_to(tmp_path / "real")
    assert StateFile(tmp_path / "state.json").settings == {}


def test_a_pipe_counts_as_empty_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.json")
    assert StateFile(tmp_path / "state.json").settings == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_the_file_of_another_user_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(SAVED)
    assert StateFile(path).settings != {}
    os.chown(path, 65534, 65534)
    assert StateFile(path).settings == {}
