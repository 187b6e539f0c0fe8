import os
from pathlib import Path

import pytest

from carpio.jail.propagation import process_with_home_of

PLACE = "/run/netns"
ROOT = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw"
HOME = "42 22 8:1 /run/netns /run/netns rw shared:7 - ext4 /dev/sda1 rw"
SLAVE = "99 80 8:1 /run/netns /run/netns rw master:7 - ext4 /dev/sda1 rw"
NAMED = "43 42 0:4 net:[1] /run/netns/other rw shared:9 - nsfs nsfs rw"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return tmp_path


def process(proc: Path, pid: int, parent: int, *mounts: str, can_enter: bool = True) -> None:
    place = proc / str(pid)
    (place / "ns").mkdir(parents=True)
    if can_enter:
        (place / "ns/mnt").write_text("")
    (place / "stat").write_text(f"{pid} (a (b) c) S {parent} 1 1")
    (place / "mountinfo").write_text("\n".join(mounts))


def be(proc: Path, pid: int) -> None:
    (proc / "self").symlink_to(str(pid))


def test_a_process_whose_mounts_go_to_others_stays_where_it_is(proc: Path):
    process(proc, 1, 0, ROOT, HOME)
    process(proc, 50, 1, ROOT, HOME, NAMED)
    be(proc, 50)
    assert process_with_home_of(PLACE, proc) is None


def test_one_that_gets_its_mounts_from_another_finds_that(proc: Path):
    process(proc, 1, 0, ROOT, HOME)
    process(proc, 40, 1, ROOT, HOME)
    process(proc, 50, 40, SLAVE)
    be(proc, 50)
    assert process_with_home_of(PLACE, proc) == 40


def test_who_may_not_be_entered_is_passed_over(proc: Path):
    process(proc, 1, 0, ROOT, HOME, can_enter=False)
    process(proc, 30, 0, ROOT, HOME)
    process(proc, 50, 1, SLAVE)
    be(proc, 50)
    assert process_with_home_of(PLACE, proc) == 30


def test_mounts_of_other_places_do_not_count(proc: Path):
    process(proc, 1, 0, ROOT, "60 22 0:9 / /run/netnsx rw shared:7 - tmpfs tmpfs rw")
    process(proc, 50, 1, SLAVE)
    be(proc, 50)
    assert process_with_home_of(PLACE, proc) is None


def test_private_mounts_have_no_other_home(proc: Path):
    process(proc, 50, 0, "22 1 8:1 / / rw - ext4 /dev/sda1 rw")
    be(proc, 50)
    assert process_with_home_of(PLACE, proc) is None


def test_this_process_can_be_looked_at():
    found = process_with_home_of(PLACE)
    assert found is None or found != os.getpid()
