"""Processes by number and start time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from carpio.jail.makers import is_confined, is_running, myself
from carpio.jail.ports import Holder


def test_this_process_runs() -> None:
    assert myself().started > 0
    assert is_running(myself())


def test_a_process_that_has_ended_does_not_run_whether_waited_for_or_not() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        started = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])
        holder = Holder(pid=child.pid, started=started)
        assert is_running(holder)
        assert not is_running(Holder(pid=child.pid, started=started + 1))
        assert child.stdin is not None
        child.stdin.close()
        while is_running(holder):
            pass
        assert Path(f"/proc/{child.pid}").exists()
    assert not is_running(holder)


def test_a_name_may_have_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(1, 40))
    (tmp_path / "7" / "stat").write_text(f"7 (a) S (b) S {fields}\n")
    assert is_running(Holder(pid=7, started=19), tmp_path)
    (tmp_path / "7" / "stat").write_text("7 (a) S 1\n")
    assert not is_running(Holder(pid=7, started=19), tmp_path)
    assert not is_running(Holder(pid=8, started=19), tmp_path)


@pytest.mark.parametrize(
    ("user", "capabilities", "confined"),
    [(0, 1 << 21, False), (0, 0x1FFFFF, True), (1000, 0, False)],
    ids=["root", "root of a jail", "nobody in particular"],
)
def test_root_of_a_jail_is_told_from_that_of_the_host(
    tmp_path: Path, user: int, capabilities: int, *, confined: bool
) -> None:
    (tmp_path / "self").mkdir()
    text = f"Name:\tx:y\nUid:\t9\t{user}\t9\t9\nCapEff:\t{capabilities:016x}\n"
    (tmp_path / "self" / "status").write_text(text)
    assert is_confined(tmp_path) == confined
