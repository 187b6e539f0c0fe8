"""All files take their new text, or none does, whatever fails."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.config.write import Change, ChangedMeanwhile, replace_all
from carpio.errors import PlatformError


def file(path: Path, content: bytes = b"old", mode: int = 0o640) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def change(path: Path, after: bytes = b"new", before: bytes = b"old", **more: bool) -> Change:
    return Change(path=path, before=before, after=after, **more)


def contents(paths: Iterable[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_all_files_get_their_new_texts_and_nothing_else_is_left(tmp_path: Path) -> None:
    one, other = file(tmp_path / "d" / "a.toml"), file(tmp_path / "e" / "b.toml")
    replace_all([change(one), change(other, b"other")])
    assert contents((one, other)) == [b"new", b"other"]
    assert names_in(tmp_path / "d") + names_in(tmp_path / "e") == ["a.toml", "b.toml"]


def test_a_file_is_replaced_by_another_one_at_once(tmp_path: Path) -> None:
    path = file(tmp_path / "a.toml")
    with path.open("rb") as reader:
        replace_all([change(path)])
        assert reader.read() == b"old", "who has it open reads on"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = file(tmp_path / "a.toml", mode=mode)
    replace_all([change(path)])
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_closed_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = file(tmp_path / "a.toml", mode=0o644)
    replace_all([change(path, is_closed=True)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = file(tmp_path / "a.toml")
    os.chown(path, 1234, 4321)
    replace_all([change(path)])
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_attributes_stay(tmp_path: Path) -> None:
    path = file(tmp_path / "a.toml")
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no attributes")
    replace_all([change(path)])
    assert os.getxattr(path, "user.note") == b"mine"


def test_a_link_stays_and_its_target_gets_the_text(tmp_path: Path) -> None:
    target = file(tmp_path / "elsewhere" / "real.toml")
    (tmp_path / "a.toml").symlink_to("elsewhere/real.toml")
    replace_all([change(tmp_path / "a.toml")])
    assert (tmp_path / "a.toml").readlink() == Path("elsewhere/real.toml")
    assert target.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a.toml", "elsewhere"]


def test_a_file_that_stays_is_not_touched(tmp_path: Path) -> None:
    path, other = file(tmp_path / "a.toml"), file(tmp_path / "b.toml")
    before = path.stat()
    replace_all([change(path, b"old"), change(other)])
    assert path.stat() == before


@pytest.mark.parametrize("stays", [False, True])
def test_a_file_that_changed_meanwhile_stops_all(tmp_path: Path, stays: bool) -> None:
    one, other = file(tmp_path / "a.toml"), file(tmp_path / "b.toml", b"edited")
    with pytest.raises(ChangedMeanwhile, match=r"b\.toml was changed meanwhile; nothing was wr"):
        replace_all([change(one), change(other, b"old" if stays else b"new")])
    assert contents((one, other)) == [b"old", b"edited"]
    assert names_in(tmp_path) == ["a.toml", "b.toml"]


def test_a_file_that_went_away_stops_all(tmp_path: Path) -> None:
    one = file(tmp_path / "a.toml")
    with pytest.raises(ChangedMeanwhile):
        replace_all([change(one), change(tmp_path / "gone.toml", b"old")])
    with pytest.raises(PlatformError, match=r"writing .*gone\.toml: No such file"):
        replace_all([change(one), change(tmp_path / "gone.toml")])
    assert one.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.toml"]


# -- for real: in a mount namespace of its own -----------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from carpio.config.write import Change, replace_all
from carpio.errors import CarpioError
sizes = {"a": int(sys.argv[2]), "b": int(sys.argv[3])}
changes = []
for name, size in sizes.items():
    path = Path(sys.argv[1], name, f"{name}.toml")
    changes.append(Change(path=path, before=path.read_bytes(), after=b"new" * size))
try:
    replace_all(changes)
except CarpioError as error:
    sys.exit(str(error))
"""


def replacing(directory: Path, mounting: str, sizes: tuple[int, int]) -> str:
    """Replace a/a.toml and b/b.toml below a private mount; return what was said.

    `mounting` is a script of the shell for the namespace; afterwards the files are copied to
    `after`, with the names of all that is beside them.
    """
    work = (
        f"set -e; cd {directory}; {mounting}; "
        'set +e; "$@" || echo "status $?" >&2; set -e; '
        "mkdir after; cp a/a.toml b/b.toml after; (cd a; ls -A; cd ../b; ls -A) > names"
    )
    program = (sys.executable, "-c", SCRIPT, str(directory), *map(str, sizes))
    done = subprocess.run(
        ("unshare", "-m", "--propagation", "private", "sh", "-c", work, "sh", *program),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    need("unshare", "mount")
    for name in "ab":
        file(tmp_path / name / f"{name}.toml")
    return tmp_path


FULL = "mount -t tmpfs -o size=12k,nr_inodes=20 none {0}; echo old{0} > {0}/{0}.toml"


@pytest.mark.lab
@pytest.mark.parametrize(("full", "sizes"), [("a", (9000, 1)), ("b", (1, 9000))])
def test_on_a_full_disk_nothing_changes_and_nothing_is_left(
    place: Path, full: str, sizes: tuple[int, int]
) -> None:
    said = replacing(place, FULL.format(full), sizes)
    assert f"{full}.toml: No space left on device; nothing was changed" in said
    assert "status 1" in said
    kept = {"a": "old", "b": "old"} | {full: f"old{full}\n"}
    assert {name: (place / "after" / f"{name}.toml").read_text() for name in "ab"} == kept
    assert (place / "names").read_text().split() == ["a.toml", "b.toml"]


@pytest.mark.lab
def test_what_fits_on_that_disk_is_written(place: Path) -> None:
    assert replacing(place, FULL.format("b"), (1, 1)) == ""
    assert (place / "after" / "b.toml").read_text() == "new"


@pytest.mark.lab
def test_in_a_directory_that_nobody_can_write_nothing_changes(place: Path) -> None:
    said = replacing(place, "mount --bind b b; mount -o remount,bind,ro b", (1, 1))
    assert "b.toml: Read-only file system; nothing was changed" in said
    assert contents(sorted((place / "after").iterdir())) == [b"old", b"old"]
    assert (place / "names").read_text().split() == ["a.toml", "b.toml"]


@pytest.mark.lab
def test_a_file_that_was_replaced_is_put_back_when_the_next_one_cannot_be(place: Path) -> None:
    said = replacing(place, "mount --bind b/b.toml b/b.toml", (1, 1))
    assert "b.toml: Device or resource busy; all files are as before" in said
    assert contents(sorted((place / "after").iterdir())) == [b"old", b"old"]
    assert stat.S_IMODE((place / "a" / "a.toml").stat().st_mode) == 0o640
    assert (place / "names").read_text().split() == ["a.toml", "b.toml"]
