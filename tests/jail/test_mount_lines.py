"""Lines as in fstab(5)."""

from __future__ import annotations

from pathlib import Path

from carpio.jail.mount_lines import link_below, mounts_of, words_of
from carpio.jail.ports import MountLine


def test_lines_come_in_the_order_of_jail(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text("# a\n\n /c\t/j/c\tnullfs ro,x 0 0\n/d\\040e /j/d\\011e none\n")
    values = {
        "mount.procfs": True,
        "mount.fdescfs": True,
        "mount.devfs": True,
        "mount.fstab": (str(fstab),),
        "mount": ("/a /j/a/ none rw", "/b /j/b none"),
    }
    lines, problems = mounts_of(values, "/j")
    assert problems == []
    found = [(one.parameter, one.device, one.point, one.kind, one.options) for one in lines]
    assert found == [
        ("mount", "/a", "/j/a", "none", "rw"),
        ("mount", "/b", "/j/b", "none", ""),
        ("mount.fstab", "/c", "/j/c", "nullfs", "ro,x"),
        ("mount.fstab", "/d e", "/j/d\te", "none", ""),
        ("mount.devfs", "devfs", "/j/dev", "devfs", ""),
        ("mount.fdescfs", "fdescfs", "/j/dev/fd", "fdescfs", ""),
        ("mount.procfs", "procfs", "/j/proc", "procfs", ""),
    ]  # fmt: skip


def test_what_is_wrong_is_told_of_all_lines(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "proc").symlink_to("/")
    root = str(tmp_path)
    values = {
        "mount": ("/a /b", "/a b none", f"/a {root}/link/x none"),
        "mount.fstab": ("/nowhere/fstab",),
        "mount.procfs": True,
    }
    _, problems = mounts_of(values, root)
    assert problems == [
        "mount: /a /b: missing information",
        "mount: b: not an absolute pathname",
        f"mount: {root}/link is a symbolic link",
        "mount.fstab: /nowhere/fstab: No such file or directory",
        f"mount.procfs: {root}/proc is a symbolic link",
    ]


def test_a_link_counts_below_the_root_alone(tmp_path: Path) -> None:
    (tmp_path / "jail" / "a").mkdir(parents=True)
    (tmp_path / "jail" / "a" / "link").symlink_to("/etc")
    (tmp_path / "way").symlink_to(tmp_path / "jail")
    root = str(tmp_path / "way")
    assert link_below(f"{root}/a/link/b", root) == f"{root}/a/link"
    assert link_below(f"{root}/a/link", f"{root}/") == f"{root}/a/link"
    assert link_below(f"{root}/a/new/b", root) is None
    assert link_below(f"{root}", root) is None
    assert link_below(f"{tmp_path}/way", "/elsewhere") is None


def test_a_call_of_mount_is_what_it_would_be() -> None:
    line = MountLine(parameter="mount", device="/a", point="/b", kind="none", options="ro")
    assert words_of(line) == ["mount", "-t", "none", "-o", "ro", "/a", "/b"]
    assert words_of(MountLine(parameter="x", device="a", point="/b", kind="c")) == [
        "mount", "-t", "c", "a", "/b",
    ]  # fmt: skip
