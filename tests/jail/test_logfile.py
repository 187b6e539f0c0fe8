import os
import stat
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.logfile import open_log


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/var/log").mkdir(parents=True)
    return tmp_path / "root"


def test_output_is_appended(root: Path, tmp_path: Path):
    for place in (root / "var/log/console", tmp_path / "outside"):
        place.write_text("before\n")
        log = open_log(str(place), str(root))
        os.write(log, b"after\n")
        assert os.get_blocking(log)
        os.close(log)
        assert place.read_text() == "before\nafter\n"


def test_a_new_file_is_for_its_owner(root: Path):
    os.close(open_log(f"{root}/var/log/new", str(root)))
    assert stat.S_IMODE((root / "var/log/new").stat().st_mode) == 0o600


@pytest.mark.parametrize("link", ["var/log/console", "var/log", "var"])
def test_no_part_below_the_root_may_be_a_link(root: Path, tmp_path: Path, link: str):
    place = root / link
    if place.is_dir():
        place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    with pytest.raises(PlatformError, match="has a symbolic link"):
        open_log(f"{root}/var/log/console", str(root))
    assert not (tmp_path / "moved").is_file()


def test_a_link_of_the_host_is_followed(root: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.close(open_log(str(tmp_path / "link"), str(root)))
    assert (tmp_path / "real").is_file()


def test_a_trap_in_the_root_is_refused(root: Path, tmp_path: Path):
    os.mkfifo(root / "var/log/fifo")
    (tmp_path / "precious").write_text("")
    os.link(tmp_path / "precious", root / "var/log/hard")
    for name in ("fifo", "hard", "."):
        with pytest.raises(PlatformError, match=r"exec\.consolelog"):
            open_log(f"{root}/var/log/{name}", str(root))


def test_with_the_root_of_the_host_only_the_file_counts(tmp_path: Path):
    os.close(open_log(str(tmp_path / "log"), "/"))
    assert (tmp_path / "log").is_file()
