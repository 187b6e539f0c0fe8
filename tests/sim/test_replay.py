"""What the daemon traced, the engine does again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.traced import GROUP, TracedLife, writer

from carpio.sim.replay import replay
from carpio.trace.records import TraceError
from carpio.wire.auth import Key

KEYS = {GROUP.instance: GROUP.key}
OTHER = {GROUP.instance: Key.from_passphrase("another")}


def traced(path: Path, seed: int, *, before: int = 20, steps: int = 150) -> list[bytes]:
    life = TracedLife(seed)
    life.live(before)
    life.use(writer(path))
    life.live(steps)
    life.stop()
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("keys", [KEYS, {}, OTHER], ids=["keys", "no keys", "other keys"])
def test_the_engine_does_the_same_at_the_same_times(tmp_path: Path, keys):
    changes = 0
    for seed in range(20):
        lines = traced(tmp_path / f"{seed}.trace", seed, before=seed * 3)
        found = replay(lines, keys)
        assert found.differences == [], seed
        assert found.end == "the daemon left"
        changes += len(found.reports)
        written = sum(b'"kind":"transition"' in it or b'"kind":"demotion"' in it for it in lines)
        assert len(found.reports) == written
        assert (found.unverified == 0) == (keys is KEYS)
        assert (found.misjudged == 0) == (keys is not OTHER)
    assert changes > 200


def test_what_was_done_otherwise_is_told(tmp_path: Path):
    life = TracedLife()
    life.use(writer(tmp_path / "trace"))
    life.time_out()
    life.stop()
    lines = (tmp_path / "trace").read_bytes().splitlines(keepends=True)
    assert replay(lines, KEYS).is_same

    number = next(n for n, line in enumerate(lines) if b"BACKUP" in line and b"MASTER" in line)
    forged = [
        *lines[:number],
        lines[number].replace(b"timed out", b"went away"),
        *lines[number + 1 :],
    ]
    (difference,) = replay(forged, KEYS).differences
    assert difference.line == number + 1
    assert difference.traced == "1@eth0: BACKUP -> MASTER (master went away)"
    assert difference.replayed == "1@eth0: BACKUP -> MASTER (master timed out)"

    missing = [*lines[:number], *lines[number + 1 :]]
    assert [one.traced for one in replay(missing, KEYS).differences] == ["nothing"]
    without_cause = [*lines[: number - 1], *lines[number:]]
    assert replay(without_cause, KEYS).differences[0].replayed == "nothing"


def test_a_later_deadline_than_in_life_is_another_time(tmp_path: Path):
    lines = traced(tmp_path / "trace", 3, before=0)
    number = next(n for n, line in enumerate(lines) if b'"transition"' in line)
    at = lines[number].split(b'"at":')[1].split(b",")[0]
    forged = [*lines[:number], lines[number].replace(at, at + b"1"), *lines[number + 1 :]]
    assert not replay(forged, KEYS).is_same


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "the file is empty"),
        ([b"#!/bin/sh\n"], "line 1: "),
        ([b'{"kind":"deadline","at":1}\n'], "line 1: does not begin with what the engine was"),
        ([b'{"kind":"melody","at":1}\n'], "line 1: "),
    ],
)
def test_what_is_no_trace_is_refused(lines: list[bytes], problem: str):
    with pytest.raises(TraceError, match=problem):
        replay(lines, {})


def test_a_trace_of_another_format_is_refused(tmp_path: Path):
    first = traced(tmp_path / "trace", 1)[0].replace(b'"format":2', b'"format":3')
    with pytest.raises(TraceError, match="format 3, and this carpio knows 2"):
        replay([first], {})


def test_a_number_that_was_damaged_is_told_with_its_line(tmp_path: Path):
    lines = traced(tmp_path / "trace", 1)
    damaged = [line.replace(b'"advbase":1,', b'"advbase":70000,') for line in lines]
    with pytest.raises(TraceError, match=r"line \d+: a number is out of range"):
        replay(damaged, {})


def test_a_trace_that_is_cut_short_is_replayed_to_there(tmp_path: Path):
    lines = traced(tmp_path / "trace", 1)
    found = replay([*lines[:50], lines[50][:20]], {})
    assert found.end == "in the middle of a line"
    assert found.events > 20


def test_files_that_were_turned_over_are_replayed_each_by_itself(tmp_path: Path):
    life = TracedLife(5)
    life.use(writer(tmp_path / "trace", limit=20_000))
    life.live(600)
    life.stop()
    for name in ("trace", "trace.1"):
        found = replay((tmp_path / name).read_bytes().splitlines(keepends=True), {})
        assert found.is_same, name
        assert found.events
    assert found.end == "it goes on in a new file"
