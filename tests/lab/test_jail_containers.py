"""Real jails of the installed runtime: what they see, what they may, and that nothing is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.jail_lab import UNTIL_END, JailLab, host_facts, need_jails, orphans_naming

from carpio.errors import CarpioError
from carpio.jail.cgroups import TOP, Part
from carpio.jail.kernel import mount_cgroup2
from carpio.jail.ports import CannotChange, Ending, MountLine, Outcome

pytestmark = pytest.mark.lab


@pytest.fixture
def jails(tmp_path: Path) -> Iterator[JailLab]:
    need_jails()
    before = host_facts()
    lab = JailLab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()
    assert host_facts() == before
    assert cgroups_of(lab) == []
    left = {"lock", "last-jid", "root"}
    assert {path.name for path in lab.state.glob("*")} <= left


def cgroups_of(lab: JailLab) -> list[str]:
    mount = mount_cgroup2()
    try:
        top = Path(f"/proc/self/fd/{mount}/{TOP}/{lab.containers.site.cgroups.top().name}")
        return sorted(each.name for each in top.iterdir() if each.is_dir()) if top.exists() else []
    finally:
        os.close(mount)


def wait_for(is_so: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# -- what a jail is --------------------------------------------------------------------------------


def test_a_jail_has_its_own_root_processes_name_and_ipc(jails: JailLab):
    record = jails.start({"host.hostname": "www.example.org"})
    assert record.holder is not None
    names = ("mnt", "pid", "uts", "ipc", "cgroup")
    for name in names:
        of_jail = os.readlink(f"/proc/{record.holder.pid}/ns/{name}")
        assert of_jail != os.readlink(f"/proc/self/ns/{name}"), name
    for name in ("net", "user"):
        of_jail = os.readlink(f"/proc/{record.holder.pid}/ns/{name}")
        assert of_jail == os.readlink(f"/proc/self/ns/{name}"), name
    assert jails.sh(record, "hostname").strip() == "www.example.org"
    assert sorted(jails.sh(record, "ls /").split()) == sorted(os.listdir(jails.root))
    numbers = [line.split()[0] for line in jails.sh(record, "ps").splitlines()[1:]]
    assert numbers[0] == "1"
    assert len(numbers) < 5


def test_nothing_is_made_in_the_root_directory(jails: JailLab):
    def content() -> list[str]:
        return sorted(str(path) for path in jails.root.rglob("*"))

    before = content()
    record = jails.start({}, [jails.devfs()])
    jails.sh(record, "ls /dev; echo x >/dev/null")
    assert content() == before


def test_a_command_gets_nothing_of_the_host_but_its_streams(jails: JailLab):
    record = jails.start({}, [jails.devfs()])
    own = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(own, True)
    try:
        listed = jails.sh(record, "cd /proc/self/fd; echo *")
        assert listed == "0 1 2 3\n"  # the last is what lists
        assert jails.sh(record, "env | sort") == "HOME=/\nPATH=/bin\nPWD=/\nSHLVL=1\n"
    finally:
        os.close(own)


def test_small_dev_has_what_programs_need_and_no_disks(jails: JailLab):
    record = jails.start({}, [jails.devfs()])
    devices = jails.sh(record, "ls /dev").split()
    assert devices == sorted(
        "core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split()  # noqa: SIM905
    )
    assert jails.sh(record, "echo lost >/dev/null && echo ok") == "ok\n"
    plain = jails.sh(jails.start(), "ls /dev").split()
    assert "null" in plain
    assert "shm" not in plain


def test_no_device_can_be_made_or_used(jails: JailLab):
    os.mknod(jails.root / "messages", 0o666 | 0o020000, os.makedev(1, 11))  # /dev/kmsg
    record = jails.start({}, [jails.devfs()])
    assert "Operation not permitted" in jails.sh(record, "mknod /tmp/x c 1 3")
    assert "Operation not permitted" in jails.sh(record, "echo x >/messages")
    assert jails.sh(record, "echo x >/dev/null && echo ok") == "ok\n"


def test_kernel_settings_are_read_only_but_for_the_own_name(jails: JailLab):
    record = jails.start({"host.hostname": "before"})
    assert "Read-only" in jails.sh(record, "echo 1 >/proc/sys/kernel/panic")
    assert "Read-only" in jails.sh(record, "echo 1 >/proc/sys/vm/drop_caches")
    assert jails.sh(record, "echo after >/proc/sys/kernel/hostname; hostname") == "after\n"
    kept = jails.start({"host.hostname": "before", "allow.set_hostname": False})
    said = jails.sh(kept, "echo after >/proc/sys/kernel/hostname; hostname")
    assert said.endswith("before\n")
    assert "Read-only" in said


def test_root_of_a_jail_has_only_capabilities_that_were_allowed(jails: JailLab):
    def bounding(**values: bool) -> int:
        names = {name.replace("_", ".", 1): value for name, value in values.items()}
        record = jails.start(dict(names))
        text = jails.sh(record, "cat /proc/self/status")
        held = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if "Cap" in line}
        assert held["CapEff"] == held["CapPrm"] == held["CapBnd"]
        assert int(held["CapInh"], 16) == int(held["CapAmb"], 16) == 0
        return int(held["CapBnd"], 16)

    plain = bounding()
    for forbidden in (12, 13, 16, 17, 19, 21, 22, 25, 27):  # net_admin net_raw ... mknod
        assert not plain >> forbidden & 1, forbidden
    assert bounding(allow_raw_sockets=True) == plain | 1 << 13
    assert bounding(allow_reserved_ports=False) == plain & ~(1 << 10)
    assert bounding(allow_mount=True) == plain | 1 << 21
    assert bounding(allow_suser=False) == 0


def test_namespaces_and_foreign_sockets_are_refused(jails: JailLab):
    record = jails.start()
    for option in ("-r", "-U", "-m", "-n", "-p"):
        assert "not permitted" in jails.sh(record, f"unshare {option} true"), option


def test_the_holder_cannot_be_changed_from_inside(jails: JailLab):
    record = jails.start()
    assert "Text file busy" in jails.sh(record, "echo x >/proc/1/exe")
    assert jails.sh(record, "cat /proc/1/exe | wc -c").strip() != "0"
    assert jails.containers.is_alive(record)
    jails.sh(record, "kill -9 1; kill -STOP 1")
    assert jails.containers.is_alive(record)


def test_the_holder_has_no_file_that_root_of_the_jail_could_fill(jails: JailLab):
    record = jails.start()
    assert "write error: Operation not permitted" in jails.sh(record, "echo more >/proc/1/fd/2")
    opened = jails.sh(record, "for each in 0 1 2; do readlink /proc/1/fd/$each; done").split("\n")
    assert opened[:2] == ["/dev/null", "/dev/null"]
    assert opened[2].startswith("/memfd:")


def test_system_v_ipc_follows_its_modes(jails: JailLab):
    shared = jails.start({"sysvshm": "inherit", "sysvmsg": "inherit", "sysvsem": "inherit"})
    assert shared.holder is not None
    of_jail = os.readlink(f"/proc/{shared.holder.pid}/ns/ipc")
    assert of_jail == os.readlink("/proc/self/ns/ipc")
    none = jails.start({"sysvshm": "disable"})
    assert jails.sh(none, "cat /proc/sys/kernel/shmmni") == "0\n"
    with pytest.raises(CarpioError, match="all three"):
        jails.containers.check({"sysvshm": "inherit"})


SYSTEM_CALLS = """
import ctypes, errno, socket
refused = []
for family in (socket.AF_ALG, socket.AF_VSOCK, socket.AF_PACKET, 15):
    try:
        socket.socket(family, socket.SOCK_SEQPACKET if family == 38 else socket.SOCK_DGRAM).close()
    except OSError as error:
        refused.append(errno.errorcode[error.errno])
libc = ctypes.CDLL(None, use_errno=True)
for number, words in ((425, (1, 0)), (321, (0, 0, 0)), (250, (0, 0, 0)), (435, (0, 0))):
    assert libc.syscall(number, *words) == -1
    refused.append(errno.errorcode[ctypes.get_errno()])
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    socket.socket(family, socket.SOCK_DGRAM).close()
print(*refused)
"""
"""By number on x86-64: io_uring_setup, bpf, keyctl, clone3."""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
def test_system_calls_that_reach_beyond_a_jail_are_refused(jails: JailLab):
    record = jails.start({"allow.raw_sockets": True}, path=Path("/"))
    outcome, said = jails.run(record, "/usr/bin/env", "-S", sys.executable, "-c", SYSTEM_CALLS)
    assert outcome == Outcome(ending=Ending.DONE), said
    assert said.split() == ["EAFNOSUPPORT"] * 4 + ["ENOSYS", "EPERM", "EPERM", "ENOSYS"]


# -- mounts ----------------------------------------------------------------------------------------


def line(device: Path | str, point: Path | str, kind: str, options: str = "") -> MountLine:
    return MountLine(
        parameter="mount", device=str(device), point=str(point), kind=kind, options=options
    )


def test_lines_are_mounted_in_order_and_only_for_the_jail(jails: JailLab, tmp_path: Path):
    shared = tmp_path / "shared"
    (shared / "below").mkdir(parents=True)
    (shared / "file").write_text("hello\n")
    point = jails.root / "mnt"
    record = jails.start(
        {},
        [
            line(shared, point, "nullfs", "ro"),
            line("tmpfs", point / "below", "tmpfs", "rw,size=1m,mode=755"),
        ],
    )
    assert jails.sh(record, "cat /mnt/file") == "hello\n"
    assert "Read-only" in jails.sh(record, "echo x >/mnt/file")
    assert jails.sh(record, "echo x >/mnt/below/new && ls /mnt/below") == "new\n"
    assert list((shared / "below").iterdir()) == []
    assert list(point.iterdir()) == []
    table = jails.sh(record, "cat /proc/self/mounts")
    options = [each.split()[3] for each in table.splitlines() if each.split()[1].startswith("/mnt")]
    assert len(options) == 2
    assert all("nodev" in each for each in options)


def test_a_line_can_be_taken_back(jails: JailLab, tmp_path: Path):
    mount = line(tmp_path, jails.root / "mnt", "nullfs")
    stage = jails.containers.stage({}, str(jails.root))
    try:
        stage.mount(mount)
        stage.unmount(mount)
        record = jails.registry.reserve(jails.name(), None, str(jails.root))
        record = replace(record, values={"ip4": "inherit", "ip6": "inherit"}, is_persistent=True)
        jails.registry.put(record)
        record = stage.create(record)
        jails.registry.put(record)
    finally:
        stage.discard()
    assert jails.sh(record, "ls /mnt") == ""


@pytest.mark.parametrize(
    ("point", "kind", "text"),
    [
        ("/mnt", "nullfs", "not below the root"),
        ("{root}/nowhere", "nullfs", "No such file"),
        ("{root}/link", "nullfs", "symbolic link"),
        ("{root}/link/x", "tmpfs", "symbolic link"),
        ("{root}/mnt/../..", "tmpfs", "not a plain path"),
        ("{root}/mnt", "nosuchfs", "not a block device"),
        ("{root}/mnt", "fdescfs", "always /dev/fd"),
    ],
)
def test_a_line_that_leads_elsewhere_is_refused(jails: JailLab, point: str, kind: str, text: str):
    (jails.root / "link").symlink_to("/tmp")
    stage = jails.containers.stage({}, str(jails.root))
    try:
        with pytest.raises(CarpioError, match=text):
            stage.mount(line("/usr", point.format(root=jails.root), kind))
    finally:
        stage.discard()


def test_a_root_without_proc_is_refused_with_the_remedy(jails: JailLab):
    (jails.root / "proc").rmdir()
    with pytest.raises(CarpioError, match=f"mkdir {jails.root}/proc"):
        jails.containers.stage({}, str(jails.root))


def test_the_root_of_the_host_as_root_of_a_jail_leaves_the_host_alone(jails: JailLab):
    before = host_facts()
    record = jails.start({"allow.mount": True}, path=Path("/"))
    during = jails.sh(record, "cat /proc/self/mounts")
    mounts = [each.split()[:3] for each in during.splitlines()]
    kinds = {kind for _, point, kind in mounts if not point.startswith("/proc/")}
    assert not kinds & {"cgroup", "cgroup2", "devtmpfs", "nsfs", "debugfs"}
    assert host_facts() == before
    jails.sh(
        record,
        "umount -l /proc /dev; mount -o remount,bind,ro /; umount -a -l; "
        "mount -t tmpfs x /etc; mount -t tmpfs y /run; mount -t tmpfs z /usr; true",
    )
    assert host_facts() == before
    jails.containers.destroy(record)
    assert host_facts() == before


def test_what_shows_the_host_is_taken_out_down_to_the_last_that_covers_another(jails: JailLab):
    point = str(jails.root / "mnt")
    stack = ("sysfs", "tmpfs", "proc", "sysfs")
    try:
        for kind in stack:
            subprocess.run(("mount", "-t", kind, kind, point), check=True)
        record = jails.start()
        assert jails.sh(record, "ls /mnt") == ""
        (mount,) = (
            line.split()
            for line in jails.sh(record, "cat /proc/self/mounts").splitlines()
            if line.split()[1] == "/mnt" and line.split()[2] != "sysfs"
        )
        assert (mount[2], "nodev" in mount[3].split(",")) == ("tmpfs", True)
    finally:
        for _ in stack:
            subprocess.run(("umount", "-l", point), check=False)


def test_nothing_is_propagated_where_mounts_are_shared(jails: JailLab, tmp_path: Path):
    """As systemd has them. The host of this test may not share its own."""
    script = f"""
from contextlib import closing
from pathlib import Path
from tests.helpers.jail_lab import JailLab
table = lambda: Path("/proc/self/mountinfo").read_text()
before = table()
assert "shared:" in before
with closing(JailLab(Path({str(tmp_path)!r}) / "inner")) as lab:
    record = lab.start({{"allow.mount": True}}, [lab.devfs()])
    assert table() == before
    lab.sh(record, "mount -t tmpfs x /mnt; umount -l /dev")
    assert table() == before
assert table() == before
print("same")
"""
    (tmp_path / "inner").mkdir()
    done = subprocess.run(
        ("unshare", "--mount", "--propagation", "shared", sys.executable, "-c", script),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
    )
    assert done.stdout == "same\n", done.stderr


# -- life ------------------------------------------------------------------------------------------


def test_a_jail_that_is_not_persistent_vanishes_with_its_last_process(jails: JailLab):
    record = jails.start()
    jails.run(record, *UNTIL_END, is_background=True)
    record = jails.containers.set_persistent(record, False)
    jails.registry.put(record)
    assert jails.containers.is_alive(record)
    (jails.root / "tmp/end").touch()
    assert wait_for(lambda: not jails.containers.is_alive(record))
    assert wait_for(lambda: jails.registry.find(record.name) is None)
    assert wait_for(lambda: cgroups_of(jails) == [])


def test_a_jail_whose_watcher_was_killed_counts_as_gone_all_the_same(jails: JailLab):
    record = jails.start()
    jails.run(record, *UNTIL_END, is_background=True)
    record = jails.containers.set_persistent(record, False)
    jails.registry.put(record)
    cgroups = jails.containers.site.cgroups
    watchers = cgroups.members(record.jid, Part.WATCH)
    assert len(watchers) == 1
    os.kill(watchers[0], signal.SIGKILL)
    assert wait_for(lambda: not cgroups.is_populated(record.jid, Part.WATCH))
    (jails.root / "tmp/end").touch()
    assert wait_for(lambda: not jails.containers.is_alive(record))
    assert jails.registry.find(record.name) is not None
    jails.containers.destroy(record)
    assert cgroups_of(jails) == []


def test_a_jail_without_processes_vanishes_when_it_is_not_persistent_any_more(jails: JailLab):
    record = jails.start()
    assert jails.containers.is_alive(record)
    record = jails.containers.set_persistent(record, False)
    assert record.holder is None
    assert not jails.containers.is_alive(record)


def test_a_jail_that_is_made_persistent_again_stays(jails: JailLab):
    record = jails.start()
    jails.run(record, *UNTIL_END, is_background=True)
    record = jails.containers.set_persistent(record, False)
    record = jails.containers.set_persistent(record, True)
    jails.registry.put(record)
    (jails.root / "tmp/end").touch()
    cgroups = jails.containers.site.cgroups
    assert wait_for(lambda: not cgroups.is_populated(record.jid, Part.INSIDE))
    assert not cgroups.is_populated(record.jid, Part.WATCH)
    assert jails.containers.is_alive(record)


def test_terminate_asks_all_processes_and_waits(jails: JailLab):
    record = jails.start()
    jails.run(record, "sleep", "100", is_background=True)
    script = "trap '' TERM; touch /tmp/ready; sleep 100"
    jails.run(record, "/bin/sh", "-c", script, is_background=True)
    assert wait_for((jails.root / "tmp/ready").exists)
    assert wait_for(lambda: len(jails.containers.processes(record)) == 2)
    pids = jails.containers.processes(record)
    began = time.monotonic()
    assert jails.containers.terminate(record, 1) == pids
    assert 0.9 < time.monotonic() - began < 5
    assert len(jails.containers.processes(record)) == 1  # who ignores it
    assert jails.containers.is_alive(record)
    assert jails.containers.terminate(record, 0) == ()


def test_orphans_are_reaped(jails: JailLab):
    record = jails.start()
    jails.sh(record, "for n in 1 2 3; do (sleep 0.05 &); done; sleep 0.3")

    def zombies() -> list[str]:
        return [each for each in jails.sh(record, "ps -o stat").split() if each.startswith("Z")]

    assert wait_for(lambda: zombies() == [])


def test_destroy_ends_what_does_not_want_to(jails: JailLab):
    record = jails.start()
    script = "trap '' TERM INT HUP; while true; do sleep 1; done"
    jails.run(record, "/bin/sh", "-c", script, is_background=True)
    assert wait_for(lambda: len(jails.containers.processes(record)) == 2)
    pids = jails.containers.processes(record)
    jails.containers.destroy(record)
    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    jails.containers.destroy(record)  # once more is harmless
    jails.registry.drop(record)


@pytest.mark.parametrize("delay_s", [0.02, 0.06, 0.1, 0.14, 0.2, 0.3])
def test_what_a_killed_maker_left_is_removed_by_its_record(
    jails: JailLab, tmp_path: Path, delay_s: float
):
    name = jails.name()
    script = f"""
import sys
from dataclasses import replace
from pathlib import Path
from carpio.jail.containers import OciContainers
from carpio.jail.registry import FileRegistry
state = Path({str(jails.state)!r})
registry, containers = FileRegistry(state, print), OciContainers(state)
record = registry.reserve({name!r}, None, {str(jails.root)!r})
record = replace(record, values={{"vnet": "new"}}, is_persistent=True)
registry.put(record)
print("go", flush=True)
stage = containers.stage(record.values, record.path)
registry.put(stage.create(record))
"""
    maker = subprocess.Popen((sys.executable, "-c", script), stdout=subprocess.PIPE)
    assert maker.stdout is not None
    maker.stdout.readline()
    time.sleep(delay_s)
    maker.kill()
    maker.wait()
    maker.stdout.close()
    record = jails.registry.find(name)
    assert record is not None
    assert wait_for(lambda: not orphans_naming(str(jails.state)))
    jails.containers.destroy(record)
    jails.registry.drop(record)
    assert cgroups_of(jails) == []
    assert not Path(f"/run/netns/jail-{name}").exists()


def test_a_holder_that_was_killed_is_noticed(jails: JailLab):
    record = jails.start()
    assert record.holder is not None
    os.kill(record.holder.pid, signal.SIGKILL)
    assert wait_for(lambda: not jails.containers.is_alive(record))
    found = jails.registry.find(record.name)
    assert found is not None
    assert found.holder is None


# -- commands --------------------------------------------------------------------------------------


def test_commands_tell_how_they_ended(jails: JailLab):
    record = jails.start()
    assert jails.run(record, "true")[0] == Outcome(ending=Ending.DONE)
    assert jails.run(record, "sh", "-c", "exit 7")[0] == Outcome(ending=Ending.DONE, number=7)
    killed = jails.run(record, "sh", "-c", "kill -9 $$")[0]
    assert killed == Outcome(ending=Ending.SIGNALLED, number=9)
    began = time.monotonic()
    outcome, _ = jails.run(record, "sleep", "100", timeout_s=1)
    assert outcome.ending is Ending.TIMED_OUT
    assert time.monotonic() - began < 5
    assert wait_for(lambda: jails.containers.processes(record) == ())
    with pytest.raises(CarpioError, match="nosuch: No such file"):
        jails.run(record, "nosuch")
    with pytest.raises(CarpioError, match="nobody: no such user"):
        jails.run(record, "true", user="nobody")


def test_many_commands_run_at_once_and_leave_no_descriptor(jails: JailLab):
    record = jails.start()
    before = len(os.listdir("/proc/self/fd"))
    outcomes: list[int] = []

    def run(number: int) -> None:
        outcome, _ = jails.run(record, "sh", "-c", f"sleep 0.0{number}; exit {number}")
        outcomes.append(outcome.number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == list(range(1, 9))
    assert len(os.listdir("/proc/self/fd")) == before
    assert list(jails.containers.site.bundle(record.jid).glob("exec.*")) == []


def test_standard_input_is_passed_on(jails: JailLab):
    record = jails.start()
    script = f"""
from pathlib import Path
from carpio.jail.commands import RealCommands
from carpio.jail.ports import Command
from carpio.jail.registry import FileRegistry
from carpio.jail.site import Site
state = Path({str(jails.state)!r})
record = FileRegistry(state, print).find({record.name!r})
RealCommands(Site(state)).run(Command(argv=("/bin/cat",), record=record))
"""
    done = subprocess.run(
        (sys.executable, "-c", script), input="text\n", capture_output=True, text=True, check=True
    )
    assert done.stdout == "text\n"


def test_a_command_that_ignores_the_end_of_its_time_is_killed(jails: JailLab):
    record = jails.start()
    outcome, _ = jails.run(record, "sh", "-c", "trap '' TERM; sleep 100; sleep 100", timeout_s=1)
    assert outcome.ending is Ending.TIMED_OUT
    assert wait_for(lambda: jails.containers.processes(record) == ())


def test_a_user_of_the_jail_has_his_groups_and_no_powers(jails: JailLab):
    record = jails.start()
    said = jails.sh(record, "id; cat /proc/self/status; env; pwd", user="joe", is_clean=True)
    assert said.startswith("uid=1234(joe) gid=1234(joe) groups=77(games),1234(joe)")
    assert "CapEff:\t0000000000000000" in said
    assert "HOME=/home/joe" in said
    assert "USER=joe" in said
    assert said.endswith("/home/joe\n")


def test_the_password_file_is_never_read_outside_of_the_root(jails: JailLab):
    (jails.root / "etc/passwd").unlink()
    (jails.root / "etc/passwd").symlink_to("/etc/passwd.real")
    (jails.root / "etc/passwd.real").write_text("ann:x:55:55::/:/bin/sh\n")
    record = jails.start()
    assert "uid=55" in jails.sh(record, "id", user="ann")
    (jails.root / "etc/passwd").unlink()
    (jails.root / "etc/passwd").symlink_to("../../../../../../../../../etc/passwd")
    with pytest.raises(CarpioError, match="daemon: no such user"):
        jails.run(record, "id", user="daemon")
    assert jails.sh(record, "id -u", user="daemon", is_host_user=True) == "1\n"


# -- values of a jail that runs --------------------------------------------------------------------


def test_names_change_while_it_runs_and_powers_do_not(jails: JailLab):
    record = jails.start({"host.hostname": "one"})
    jails.containers.update(record, {"host.hostname": "two"})
    assert jails.sh(record, "hostname") == "two\n"
    with pytest.raises(CannotChange, match=r"allow\.raw_sockets"):
        jails.containers.update(record, {"allow.raw_sockets": True})
