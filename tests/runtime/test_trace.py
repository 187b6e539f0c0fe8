"""Where a trace is written, and that it is never in the way."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.helpers.builders import advert, engine_config
from tests.helpers.traced import GROUP, TracedLife, writer

from carpio.core.engine import Engine
from carpio.core.events import LinkWentUp, Started
from carpio.core.memory import remember
from carpio.core.model import Nanoseconds
from carpio.errors import PlatformError
from carpio.runtime.trace import TraceFile, TraceWriter
from carpio.trace.beginning import Trace
from carpio.trace.records import Datagram, End, Lost, Record, parse


def records(path: Path) -> list[Record]:
    return [parse(line) for line in path.read_bytes().splitlines(keepends=True)]


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_it_begins_with_what_the_engine_is_and_ends_with_why(tmp_path: Path):
    life = TracedLife()
    life.live(10)
    life.use(writer(tmp_path / "trace"))
    life.live(5)
    life.stop()
    first, *_, last = records(tmp_path / "trace")
    assert isinstance(first, Trace)
    assert first.netns == "blue"
    assert first.memory().instances[0].instance == GROUP.instance
    assert last == End(at=life.now, why="the daemon left")


def test_only_the_caller_may_read_it(tmp_path: Path):
    TraceFile(tmp_path / "trace", 0).close()
    assert stat.S_IMODE((tmp_path / "trace").stat().st_mode) == 0o600


def test_keys_and_passphrases_are_not_in_it(tmp_path: Path):
    life = TracedLife()
    life.use(writer(tmp_path / "trace"))
    life.live(50)
    life.stop()
    written = (tmp_path / "trace").read_bytes()
    assert b"1@eth0" in written
    assert b"secret" not in written
    assert GROUP.key.raw.hex().encode() not in written
    assert GROUP.key.raw.hex()[:12].encode() not in written


@pytest.mark.parametrize("name", ["trace", "trace.1"])
def test_a_file_that_is_there_is_left_alone(tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(PlatformError, match="File exists; name a file that is not there"):
        TraceFile(tmp_path / "trace", 0)
    assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, target: str):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "trace").symlink_to(tmp_path / target)
    with pytest.raises(PlatformError):
        TraceFile(tmp_path / "trace", 0)
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_caller_who_is_not_root_names_directories_of_his_own_only(tmp_path: Path):
    other = os.getuid() + 4321
    with pytest.raises(PlatformError, match="Operation not permitted"):
        TraceFile(tmp_path / "trace", other)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(PlatformError, match="No such file or directory"):
        TraceFile(tmp_path / "none" / "trace", 0)


def test_a_full_file_becomes_the_first_of_two(tmp_path: Path):
    life = TracedLife(1)
    life.use(writer(tmp_path / "trace", limit=10_000))
    life.live(800)
    life.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"trace", "trace.1"}
    assert (tmp_path / "trace.1").stat().st_size < 15_000
    assert isinstance(records(tmp_path / "trace")[0], Trace)
    assert records(tmp_path / "trace.1")[-1] == End(
        at=records(tmp_path / "trace.1")[-2].at, why="it goes on in a new file"
    )


def test_a_file_that_was_exchanged_meanwhile_is_not_renamed(tmp_path: Path):
    life = TracedLife(1)
    made = writer(tmp_path / "trace", limit=10_000)
    life.use(made)
    (tmp_path / "trace").unlink()
    (tmp_path / "trace").write_text("mine")
    life.live(200)
    eventually(lambda: made.failure)
    life.live(20)
    assert (tmp_path / "trace").read_text() == "mine"
    assert not (tmp_path / "trace.1").exists()


def test_a_disk_that_is_full_ends_the_trace_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    life = TracedLife()
    file = TraceFile(tmp_path / "trace", 0)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._file)
    os.close(full)
    made = TraceWriter(file, 1 << 20, None)
    life.use(made)
    eventually(lambda: made.failure)
    life.live(10)
    assert "the trace ends" in caplog.text
    assert "No space left on device" in caplog.text
    life.live(10)
    assert caplog.text.count("the trace ends") == 1


class SlowFile(TraceFile):
    """A disk that takes nothing until it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 0)
        self.is_stuck = True

    def write(self, data: bytes) -> None:
        eventually(lambda: not self.is_stuck)
        super().write(data)


def test_what_a_slow_disk_does_not_take_is_lost_and_told_and_a_new_beginning_follows(
    tmp_path: Path,
):
    file = SlowFile(tmp_path / "trace")
    made = TraceWriter(file, 1 << 30, None)
    config = engine_config(GROUP)
    engine = Engine(TracedLife().tracer.entropy)
    engine.handle(Started(config=config), Nanoseconds(0))
    engine.handle(LinkWentUp("eth0"), Nanoseconds(0))
    made.begin(Nanoseconds(0), config, remember(engine))
    heard = [(Nanoseconds(n), advert(GROUP), (), ()) for n in range(2000)]
    begin = time.monotonic()
    for _ in range(30):
        made.note(heard)
    assert time.monotonic() - begin < 5, "nobody waited for the disk"
    assert made.wants_beginning
    file.is_stuck = False
    eventually(lambda: made._queued == made._written)
    made.begin(Nanoseconds(5000), config, remember(engine))
    made.note(heard[:1])
    made.close(Nanoseconds(6000), "it was ended", wait=True)
    written = records(tmp_path / "trace")
    kinds = [type(one) for one in written]
    assert kinds[-4:] == [Lost, Trace, Datagram, End]
    lost = written[-4]
    assert isinstance(lost, Lost)
    assert lost.count > 1_000_000
    assert kinds.count(Datagram) < 30 * 2000
