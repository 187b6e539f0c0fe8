"""A pipe in the place of a file is told, and nobody waits for its writer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from carpio.config.load import load_config
from carpio.errors import ConfigError


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """A pipe that nobody writes to; who waits for it is interrupted after two seconds."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError("waited for the pipe")

    path = tmp_path / "pipe"
    os.mkfifo(path)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(2)
    yield path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_configuration_that_is_a_pipe_is_refused(pipe: Path) -> None:
    with pytest.raises(ConfigError, match="it is a pipe, not a file"):
        load_config(pipe)


def test_passphrase_file_that_is_a_pipe_is_refused(pipe: Path, tmp_path: Path) -> None:
    file = tmp_path / "carpio.toml"
    file.write_text(f'[[vhid]]\nid = 1\ninterface = "eth0"\npassphrase_file = "{pipe}"\n')
    with pytest.raises(ConfigError, match="it is a pipe, not a file"):
        load_config(file)
