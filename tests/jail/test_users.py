from collections.abc import Iterator
from pathlib import Path

import pytest

from carpio.errors import CarpioError
from carpio.jail.bundle import User
from carpio.jail.inside import JailRoot
from carpio.jail.users import ROOT, host_user, jail_user

PASSWD = """\
# who is there
root:x:0:0:Root:/root:/bin/ash
joe:x:1234:1235:Joe,,,:/home/joe:
bad:x:x:1:Bad:/:/bin/sh
short:x:5:5
huge:x:99999999999:1::/:/bin/sh
"""
GROUP = "wheel:x:10:root,joe\njoe:x:1235:\ngames:x:77:ann,joe\nbroken:x:y:joe\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


@pytest.fixture
def root(place: Path) -> Iterator[JailRoot]:
    with JailRoot(place) as root:
        yield root


def test_a_user_has_the_groups_of_the_jail(root: JailRoot):
    assert jail_user(root, "joe") == User(
        name="joe", uid=1234, gid=1235, groups=(10, 77, 1235), home="/home/joe", shell="/bin/sh"
    )


def test_nobody_named_is_root(root: JailRoot):
    expected = User(name="root", uid=0, gid=0, groups=(0, 10), home="/root", shell="/bin/ash")
    assert jail_user(root, None) == jail_user(root, "root") == expected


def test_root_is_there_without_files(root: JailRoot, place: Path):
    (place / "etc/passwd").unlink()
    assert jail_user(root, None) == jail_user(root, "root") == ROOT


@pytest.mark.parametrize("name", ["ann", "bad", "short", "huge", "# who is there", "0", ""])
def test_who_is_not_there_is_told(root: JailRoot, name: str):
    with pytest.raises(CarpioError, match=f"{name}: no such user"):
        jail_user(root, name)


def test_users_of_the_host_are_those_of_its_files():
    found = host_user("root")
    assert (found.uid, found.gid) == (0, 0)
    with pytest.raises(CarpioError, match="nosuchuser: no such user"):
        host_user("nosuchuser")
