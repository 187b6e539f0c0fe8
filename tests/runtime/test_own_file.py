"""Files of one user: whole or not at all, and nobody else's is believed."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.runtime.own_file import read_own, write_own


def test_what_was_written_is_read_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_own(path, b"first")
    write_own(path, b"second")
    assert read_own(path) == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["file.json"]


def test_a_failure_leaves_the_former_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_own(path, b"first")
    (tmp_path / "file.new").mkdir()
    with pytest.raises(PlatformError, match=r"writing .*file\.json"):
        write_own(path, b"second")
    assert read_own(path) == b"first"
    with pytest.raises(PlatformError):
        write_own(path / "below.json", b"third")


def test_a_full_file_system_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_own(path, b"first")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, former[1]))
    try:
        with pytest.raises(PlatformError):
            write_own(path, bytes(1024 * 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)
    assert read_own(path) == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["file.json"]


def test_links_pipes_and_large_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**34)
    for name in ("link", "pipe", "large", "missing"):
        with pytest.raises(OSError, match=r".*"):
            read_own(tmp_path / name)
