from __future__ import annotations

import fcntl
import logging
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from carpio.runtime.logs import LogWriter, level_for

PROGRAM = """
import logging, sys
from carpio.runtime.logs import LogWriter
writer = LogWriter()
log = logging.getLogger("carpio")
log.addHandler(writer)
log.setLevel(logging.DEBUG)
for number in range(int(sys.argv[1])):
    log.log(logging.DEBUG + 10 * (number % 4), "line %d", number)
print("done", flush=True)
if len(sys.argv) > 2:
    sys.stdin.read()
    log.info("last")
writer.close()
"""


def run(lines: int, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM, str(lines)),
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stderr


@pytest.mark.parametrize(
    ("log", "level"),
    [(0, logging.ERROR), (1, logging.INFO), (2, logging.DEBUG), (7, logging.DEBUG)],
)
def test_log_setting_chooses_what_is_told(log: int, level: int) -> None:
    assert level_for(log) == level


def test_lines_are_written_in_order_before_the_end() -> None:
    assert run(1000).splitlines() == [f"line {number}" for number in range(1000)]


def test_journal_is_told_the_level_of_each_line() -> None:
    assert run(4, JOURNAL_STREAM="8:1").splitlines() == [
        "<7>line 0",
        "<6>line 1",
        "<4>line 2",
        "<3>line 3",
    ]


def test_lines_that_nobody_reads_are_counted_and_told_when_somebody_does() -> None:
    child = subprocess.Popen(
        (sys.executable, "-c", PROGRAM, "20000", "wait"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "done\n", "a full pipe must not stop the program"
        first = [child.stderr.readline() for _ in range(2000)]
        child.stdin.close()
        told = "".join((*first, child.stderr.read()))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
    lines = told.splitlines()
    written = [line for line in lines if line.startswith("line ") or line == "last"]
    assert 2000 <= len(written) < 20000
    lost = re.findall(r"^carpio: (\d+) log lines were lost: nobody read them$", told, re.MULTILINE)
    assert sum(map(int, lost)) == 20001 - len(written)


def test_closing_takes_a_second_at_most_when_nobody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, stuck = os.pipe()
    os.write(stuck, bytes(fcntl.fcntl(stuck, fcntl.F_GETPIPE_SZ)))
    with os.fdopen(stuck, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        writer = LogWriter()
        writer.emit(logging.makeLogRecord({"msg": "waits"}))
        began = time.monotonic()
        writer.close()
        assert 0.9 < time.monotonic() - began < 2
        os.read(reader, 1 << 20)
        while not writer_is_done():
            assert time.monotonic() - began < 5
    os.close(reader)


def writer_is_done() -> bool:
    return "log" not in [thread.name for thread in threading.enumerate()]
