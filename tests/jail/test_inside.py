import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.inside import JailRoot


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    (place / "bin").mkdir(parents=True)
    (place / "bin/tool").write_text("")
    (place / "etc").mkdir()
    (place / "etc/passwd").write_text("one\ntwo\n")
    (tmp_path / "outside").write_text("secret\n")
    return place


@pytest.fixture
def root(place: Path) -> Iterator[JailRoot]:
    with JailRoot(place) as root:
        yield root


def test_links_are_followed_within_the_root_alone(root: JailRoot, place: Path):
    (place / "etc/good").symlink_to("/etc/passwd")
    (place / "etc/bad").symlink_to("../../outside")
    (place / "etc/worse").symlink_to("../../../../../../../../etc/passwd")
    assert root.lines("etc/good") == ["one", "two"]
    assert root.lines("etc/bad") == ()
    assert root.lines("etc/worse") == ["one", "two"]  # that of the root
    assert not root.has("/../outside")


def test_what_is_no_plain_file_has_no_lines(root: JailRoot, place: Path):
    assert root.lines("nosuch") == ()
    os.mkfifo(place / "etc/fifo")
    assert root.lines("etc") == root.lines("etc/fifo") == ()


def test_directories_are_told_from_files(root: JailRoot):
    assert root.is_directory("/bin")
    assert not root.is_directory("/bin/tool")
    assert not root.is_directory("/nosuch")


@pytest.mark.parametrize(
    ("word", "directory"),
    [("tool", "/"), ("/bin/tool", "/etc"), ("bin/tool", "/"), ("./tool", "/bin")],
)
def test_programs_are_found_as_execvp_does(root: JailRoot, word: str, directory: str):
    root.require_program(word, {"PATH": "/nosuch:/bin"}, directory)


@pytest.mark.parametrize("word", ["nosuch", "/bin/nosuch", "bin/tool/x", "./tool"])
def test_a_program_that_is_not_there_is_told(root: JailRoot, word: str):
    with pytest.raises(PlatformError, match=f"{word}: No such file or directory"):
        root.require_program(word, {}, "/etc")


def test_a_root_that_is_gone_is_told(tmp_path: Path):
    with pytest.raises(PlatformError, match="the jail is gone"):
        JailRoot(tmp_path / "nosuch")
