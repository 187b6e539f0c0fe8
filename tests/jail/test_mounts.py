import pytest

from carpio.errors import CarpioError
from carpio.jail.mounts import (
    ByMount,
    ByRuntime,
    Nothing,
    Plan,
    Seen,
    is_of_kernel,
    place_in_jail,
    plan_of,
    points_below,
)
from carpio.jail.ports import MountLine


def plan(kind: str, options: str = "", place: str = "/mnt", device: str = "/src") -> Plan:
    line = MountLine(
        parameter="mount", device=device, point=f"/jail{place}", kind=kind, options=options
    )
    return plan_of(line, place)


def test_nullfs_is_bound_first_and_gets_its_options_then():
    expected = ByMount(arguments=("-o", "bind", "--", "/src"), then="ro,noexec,nodev")
    assert plan("nullfs", "ro,noexec,late") == expected


def test_other_kinds_go_to_mount_without_devices_unless_asked_for():
    expected = ByMount(arguments=("-t", "tmpfs", "-o", "rw,size=1m,nodev", "--", "/src"))
    assert plan("tmpfs", "rw,size=1m,noauto") == expected
    assert plan("ext4", "dev") == ByMount(arguments=("-t", "ext4", "-o", "dev", "--", "/src"))


def test_what_belongs_to_namespaces_is_left_to_the_runtime():
    assert plan("procfs", place="/proc") == Nothing()
    proc = plan("linprocfs", "ro", place="/compat/proc")
    assert isinstance(proc, ByRuntime)
    assert proc.mount.point == "/compat/proc"
    assert "ro" in proc.mount.options
    sysfs = plan("linsysfs", "rw")
    assert isinstance(sysfs, ByRuntime)
    assert sysfs.mount.options == ("nosuid", "nodev", "noexec", "ro")


def test_devfs_and_fdescfs_are_where_they_are():
    assert plan("devfs", place="/dev") == Nothing(is_devfs=True)
    assert plan("fdescfs", place="/dev/fd") == Nothing()
    with pytest.raises(CarpioError, match="devfs is always /dev"):
        plan("devfs", place="/chroot/dev")


@pytest.mark.parametrize(
    ("point", "path", "place"),
    [
        ("/jails/www/proc", "/jails/www", "/proc"),
        ("/proc", "/", "/proc"),
        ("/jails/www/a/b", "/jails/www/", "/a/b"),
    ],
)
def test_a_point_has_a_place_in_the_jail(point: str, path: str, place: str):
    assert place_in_jail(point, path) == place


@pytest.mark.parametrize("point", ["/jails", "/jails/www", "/jails/wwwx/a", "/etc", "/"])
def test_a_point_elsewhere_is_refused(point: str):
    with pytest.raises(CarpioError, match="not below the root"):
        place_in_jail(point, "/jails/www")


@pytest.mark.parametrize("point", ["/j/../etc", "/j/a/./b", "/j/a//b", "/j/.."])
def test_a_point_that_is_not_plain_is_refused(point: str):
    with pytest.raises(CarpioError, match="not a plain path"):
        place_in_jail(point, "/j")


def test_mounts_below_a_place_are_found_by_whole_names():
    table = """\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /run/root rw - ext4 /dev/sda1 rw
24 23 0:6 / /run/root/a\\040b rw master:1 - tmpfs tmpfs rw
25 22 0:7 / /run/rooted rw - tmpfs tmpfs rw
"""
    assert points_below(table, "/run/root") == [
        Seen(point="/run/root", kind="ext4"),
        Seen(point="/run/root/a b", kind="tmpfs"),
    ]


def test_mounts_that_others_cover_are_left_out():
    table = """\
22 22 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /j rw - ext4 /dev/sda1 rw
24 23 0:6 / /j/run/netns rw - tmpfs tmpfs rw
25 24 0:7 / /j/run/netns/a rw - nsfs nsfs rw
26 23 0:8 / /j/run rw - tmpfs tmpfs rw
27 26 0:9 / /j/run/netns rw - tmpfs tmpfs rw
28 23 0:10 / /j/mnt rw - ext4 /dev/sdb1 rw
29 28 0:11 / /j/mnt rw - tmpfs tmpfs rw
30 29 0:12 / /j/mnt/x rw - tmpfs tmpfs rw
31 28 0:13 / /j/mnt/y rw - tmpfs tmpfs rw
32 23 0:14 / /j/runner rw - tmpfs tmpfs rw
"""
    seen = points_below(table, "/j")
    assert [(one.point, one.kind) for one in seen] == [
        ("/j", "ext4"),
        ("/j/run", "tmpfs"),
        ("/j/run/netns", "tmpfs"),
        ("/j/mnt", "tmpfs"),
        ("/j/mnt/x", "tmpfs"),
        ("/j/runner", "tmpfs"),
    ]


def test_what_shows_the_host_is_of_the_kernel():
    assert all(map(is_of_kernel, ("proc", "sysfs", "cgroup2", "devtmpfs", "nsfs", "debugfs")))
    assert not any(map(is_of_kernel, ("ext4", "tmpfs", "overlay", "nfs4")))
