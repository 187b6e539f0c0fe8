import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carpio.jail.kernel import open_below


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("here")
    (tmp_path / "link").symlink_to("/a/file")
    root = os.open(tmp_path, os.O_PATH)
    yield root
    os.close(root)


def read(root: int, path: str, *, follows_links: bool = False) -> str:
    with os.fdopen(open_below(root, path, os.O_RDONLY, follows_links=follows_links)) as file:
        return file.read()


def test_paths_begin_at_the_root(root: int):
    assert read(root, "a/file") == read(root, "/a/file") == read(root, "../../a/file") == "here"


def test_links_are_an_error_or_stay_within(root: int):
    with pytest.raises(OSError, match="link") as caught:
        read(root, "link")
    assert caught.value.errno == errno.ELOOP
    assert read(root, "link", follows_links=True) == "here"


def test_a_descriptor_is_not_inherited_and_errors_name_the_path(root: int):
    opened = open_below(root, "a", os.O_PATH)
    assert not os.get_inheritable(opened)
    os.close(opened)
    with pytest.raises(FileNotFoundError, match="nosuch"):
        read(root, "nosuch")


def test_magic_links_lead_nowhere():
    root = os.open("/", os.O_PATH)
    try:
        with pytest.raises(OSError, match="symbolic links"):
            read(root, "proc/self/root/etc/passwd", follows_links=True)
    finally:
        os.close(root)
