"""What real daemons traced, the engine does again: the same changes at the same times."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.helpers.life import SHARED4, SHARED6, Node, config, group, start, wait_for

from carpio.lab.implementation import carpio_command
from carpio.lab.topology import Lab

WITHOUT_NET_ADMIN = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")


def start_pair(lab: Lab) -> tuple[Node, Node]:
    first, second = (
        start(lab[name], config(group(SHARED4, SHARED6, advskew=skew), preempt=True))
        for name, skew in (("a", 0), ("b", 100))
    )
    first.become_master()
    first.daemon.wait_for_log("BACKUP -> MASTER")
    second.wait_for_state("BACKUP")
    second.daemon.wait_for_log("INIT -> BACKUP")
    return first, second


def trace(node: Node, path: Path) -> None:
    done = node.carpio("trace", "on", str(path))
    assert (done.returncode, done.stderr) == (0, "")


def replayed(path: Path, *words: str) -> dict:
    command = [str(carpio_command()), "sim", "--replay", str(path), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def is_written(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


def test_a_failover_and_a_failback_are_replayed_as_they_were(lab: Lab, tmp_path: Path) -> None:
    first, second = start_pair(lab)
    paths = tmp_path / "a.trace", tmp_path / "b.trace"
    before = [len(node.transitions()) for node in (first, second)]
    for node, path in zip((first, second), paths, strict=True):
        trace(node, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.carpio("demote", "test", "+240").returncode == 0
    second.wait_for_state("MASTER")
    first.wait_for_state("BACKUP")  # it hears of that a moment later
    assert first.carpio("demote", "--clear", "test").returncode == 0
    first.wait_for_state("MASTER")
    second.wait_for_state("BACKUP")
    # both are written by threads, which the kill would end
    wait_for(lambda: is_written(paths[0], b'"new":"MASTER"'), "the failback is in the trace")
    wait_for(lambda: len(first.transitions()) == before[0] + 2, "the failback is in the log")
    os.kill(first.daemon.child.pid, 9)
    second.wait_for_state("MASTER")
    assert second.carpio("trace", "off").returncode == 0
    wait_for(lambda: is_written(paths[1], b'"kind":"end"'), "the trace has its end")

    logged = [node.transitions()[n:] for node, n in zip((first, second), before, strict=True)]
    keys = ("--config", str(lab["a"].directory / "carpio.toml"))
    for path, lines in zip(paths, logged, strict=True):
        for words in (keys, ()):
            found = replayed(path, *words)
            assert found["differences"] == []
            changes = [one["what"] for one in found["reports"] if " -> " in one["what"]]
            assert changes == [line.split("carp: ")[1] for line in lines]
            assert len(changes) >= 2
        assert found["adverts"] == found["unverified"] > 0
        assert replayed(path, *keys)["unverified"] == 0
        assert b"carpio life" not in path.read_bytes()
    assert found["end"] == "it was ended"


def test_a_trace_ends_in_good_order_with_the_daemon(lab: Lab, tmp_path: Path) -> None:
    first, _second = start_pair(lab)
    trace(first, tmp_path / "a.trace")
    assert first.daemon.terminate() == 0
    found = replayed(tmp_path / "a.trace")
    assert found["end"] == "the daemon left"
    assert found["reports"][-1]["what"] == "1@eth0: MASTER -> INIT (shutdown)"


def test_who_may_trace_and_where(lab: Lab, tmp_path: Path) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    done = node.carpio("trace", "on", str(tmp_path / "x"), through=WITHOUT_NET_ADMIN)
    assert done.returncode == 5
    assert "needs CAP_NET_ADMIN" in done.stderr
    assert not (tmp_path / "x").exists()

    (tmp_path / "x").write_text("mine")
    done = node.carpio("trace", "on", str(tmp_path / "x"))
    assert done.returncode == 1
    assert "File exists; name a file that is not there" in done.stderr
    assert (tmp_path / "x").read_text() == "mine"


def test_where_nothing_is_served_there_is_nothing_to_trace(lab: Lab, tmp_path: Path) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    other = Node(lab["b"], node.daemon)
    done = other.carpio("trace", "on", str(tmp_path / "x"))
    assert done.returncode == 1
    assert "there are no groups in your network namespace" in done.stderr


@pytest.mark.parametrize("size", ["0", "1025"])
def test_a_size_that_is_none_is_refused(lab: Lab, tmp_path: Path, size: str) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    assert node.carpio("trace", "on", str(tmp_path / "x"), "--size", size).returncode == 1
    assert not (tmp_path / "x").exists()
